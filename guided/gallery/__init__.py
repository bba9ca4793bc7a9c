"""The gallery: a page beside the pictures of each batch, and one over all of them.

Plain files that a browser opens from disk: no server, no network. Knows nothing about how
pictures are drawn; imports no torch.
"""

from guided.gallery.pages import rebuild, update

__all__ = ["rebuild", "update"]
