"""Changes to open_clip and torch for the duration of a block."""
