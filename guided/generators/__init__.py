"""Generators: methods that make the image under the guides."""
