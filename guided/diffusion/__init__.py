"""U-Nets, noise schedules, denoisers, guidance and samplers."""
