"""Draws what a sentence says: a frozen diffusion model, steered by CLIP.

`generate` imports torch when it is called, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

__version__ = "0.1.0"


def generate(prompt: str | list[str], overrides: Sequence[str] = ()) -> list[Image]:
    """Draw, save in outputs/ as from the command line, and return the pictures.

    `overrides` is what one would type behind `python run.py`: `["seed=7", "steps=50"]`.
    Raises guided.errors.BadInput, before any weight is loaded, when a setting is not right.
    """
    from PIL import Image

    from guided import command
    from guided.pipeline import draw

    folder = draw(command.compose_for(prompt, overrides))
    return [Image.open(path) for path in sorted(folder.glob("image_*.png"))]
