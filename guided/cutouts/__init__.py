"""Cutouts of the image for CLIP, and differentiable resizing."""
