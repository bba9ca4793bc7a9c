"""Commands: draw, list and download models, write galleries, import settings."""
