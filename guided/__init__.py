"""Draws what a sentence says: a frozen diffusion model, steered by CLIP.

`generate` imports torch when it is called, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

__version__ = "0.1.0"


def generate(prompt: str | list[str], *overrides: str, **settings: Any) -> list[Image]:
    """Draw, save as the command line does, and return the pictures.

        generate("a red heart", seed=7, count=2)
        generate(["a castle:2", "fog"], "sampler.eta=0", model="imagenet512", size=[768, 512])

    `settings` are those at the top and the groups, `overrides` what one would type. Runs are kept
    in ./outputs, or in `folder`. Raises guided.errors.BadInput, before any weight is loaded, when
    a setting is not right.
    """
    from PIL import Image

    from guided import command
    from guided.pipeline import draw

    folder = draw(command.compose_for(prompt, overrides, settings))
    return [Image.open(path) for path in sorted(folder.glob("image_*.png"))]
