"""From a tensor to a picture that can be saved, and from a frame to how it was made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PIL import Image

from guided.interfaces import Frame, Run
from guided.runs.record import words_of_one

if TYPE_CHECKING:
    from torch import Tensor


def picture(image: Tensor) -> Image.Image:
    """(1, 3, H, W), nominally in [0, 1] -> 8-bit RGB."""
    levels = (image[0].detach().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())


def made(run: Run, frame: Frame) -> dict[str, Any]:
    """How this picture was made: its own seed, and asked for alone."""
    settings = {**run.settings, "seed": frame.seed, "count": 1, "keep": None}
    settings["words"] = words_of_one(settings.get("words") or [], frame.seed)
    if frame.score is not None:
        settings["score"] = round(frame.score, 6)
    if frame.decided != [p.text for p in run.prompts]:
        settings["drawn"] = frame.decided
    return settings
