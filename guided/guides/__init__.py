"""Guides: losses of the image and their gradients."""
