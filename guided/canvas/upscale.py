"""Enlarging finished pictures: bicubic, or by a learned upscaler that the model's card names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.errors import BadInput
from guided.models.cards import locate

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from guided.canvas.upscaler import Upscaler

LIMIT = 1024  # of an upscaler's channels, and of its blocks


@dataclass
class Enlarger:
    """A learned upscaler, or None for bicubic interpolation."""

    upscaler: Upscaler | None

    @classmethod
    def load(cls, name: str, device: torch.device) -> Enlarger:
        """Return the upscaler of a model card's field `upscaler`; empty: none. Its size is read
        from its weights. Raise BadInput if they are missing or damaged."""
        if not name:
            return cls(None)
        import torch

        from guided.canvas.upscaler import Upscaler
        from guided.models.load import check
        from guided.models.weights import read

        path = locate(name)
        if path is None:
            raise BadInput(f"model.upscaler={name} is not there")
        tensors = read(path)
        blocks = sum(key.endswith("first.weight") for key in tensors)
        channels = tensors["head.bias"].numel() if "head.bias" in tensors else 0
        if not (1 <= channels <= LIMIT and 1 <= blocks <= LIMIT):
            raise BadInput(
                f"model.upscaler={name}: {path} has {channels} channels and {blocks} blocks, and "
                f"from 1 to {LIMIT} of each can be read"
            )
        with torch.device("meta"):
            upscaler = Upscaler(channels, blocks)
        check(upscaler.state_dict(), tensors, path)
        floats = {key: tensor.float() for key, tensor in tensors.items()}
        upscaler.load_state_dict(floats, assign=True)
        return cls(upscaler.requires_grad_(False).eval().to(device))

    def __call__(self, image: Tensor, times: int) -> Tensor:
        """Return (1, 3, times * H, times * W) from (1, 3, H, W) in [0, 1], not clamped."""
        size = (image.shape[2] * times, image.shape[3] * times)
        if self.upscaler is not None:
            while image.shape[2] < size[0]:
                image = self.upscaler(image.float().clamp(0, 1))
        return resize(image, size)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the image (1, 3, *size), by antialiased bicubic interpolation on the CPU."""
    import torch.nn.functional as F

    if tuple(image.shape[2:]) == size:
        return image
    # On the CPU, because not every device has this operator, and it runs once per picture.
    return F.interpolate(
        image.float().cpu(), size, mode="bicubic", align_corners=False, antialias=True
    )
