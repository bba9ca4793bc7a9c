"""The gallery: HTML pages of runs and of their pictures."""
