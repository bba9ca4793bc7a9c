"""Disco Diffusion's and DiscoArt's settings: their table, the reading of their files, and their
translation. Imports no torch."""
