"""Model cards and weights files: recognising, downloading, checking and loading them."""
