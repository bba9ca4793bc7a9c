"""Settings of Disco Diffusion and DiscoArt: a table, reading of their files, and translation.
Imports no torch."""
