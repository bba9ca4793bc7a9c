"""Changes to open_clip, torch and Python for the duration of a block."""
