"""For those who come from Disco Diffusion or DiscoArt: the table of their settings and ours, and
the reading of their files. Knows nothing about drawing; imports no torch."""
