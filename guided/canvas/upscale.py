"""Enlarging finished pictures: by a learned upscaler where the model card names one, else Lanczos.

Knows nothing about diffusion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.errors import BadInput
from guided.models.cards import locate

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from guided.canvas.upscaler import Upscaler

MOST = 1024  # channels, and blocks, of an upscaler


@dataclass
class Enlarger:
    upscaler: Upscaler | None

    @classmethod
    def load(cls, name: str, device: torch.device) -> Enlarger:
        """`name` as a model card gives it; empty: none. The weights say how large the net is."""
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
        if not (1 <= channels <= MOST and 1 <= blocks <= MOST):
            raise BadInput(
                f"model.upscaler={name}: {path} has {channels} channels and {blocks} blocks, and "
                f"from 1 to {MOST} of each can be read"
            )
        with torch.device("meta"):
            upscaler = Upscaler(channels, blocks)
        check(upscaler.state_dict(), tensors, path)
        floats = {key: tensor.float() for key, tensor in tensors.items()}
        upscaler.load_state_dict(floats, assign=True)
        return cls(upscaler.requires_grad_(False).eval().to(device))

    def __call__(self, image: Tensor, times: int) -> Tensor:
        """(1, 3, H, W) in [0, 1] -> (1, 3, times * H, times * W)."""
        size = (image.shape[2] * times, image.shape[3] * times)
        if self.upscaler is not None:
            while image.shape[2] < size[0]:
                image = self.upscaler(image.float().clamp(0, 1))
        return resize(image, size)


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    import torch.nn.functional as F

    if tuple(image.shape[2:]) == size:
        return image
    # On the CPU: a picture is enlarged once, and not every device has this operator.
    return F.interpolate(
        image.float().cpu(), size, mode="bicubic", align_corners=False, antialias=True
    )
