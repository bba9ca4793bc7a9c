"""From the command line and conf/ to a checked plan, without importing torch."""
