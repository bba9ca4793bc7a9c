"""Enlarging finished pictures: bicubic, by the upscaler that a model's card names, or by a network
of others that spandrel knows (https://github.com/chaiNNer-org/spandrel)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.errors import BadInput
from guided.models.cards import is_path, locate

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from torch import Tensor, nn

LIMIT = 1024  # of an upscaler's channels, and of its blocks
# Pixels of a side that go through a network at once, and of the margin around them that is
# computed twice: more than the 12 pixels that the embedded upscaler sees around one.
TILE, MARGIN = 512, 32


@dataclass
class Enlarger:
    """A learned upscaler, or None for bicubic interpolation."""

    upscaler: nn.Module | None
    scale: int = 4  # of the upscaler

    @classmethod
    def load(cls, name: str, device: torch.device) -> Enlarger:
        """Return the upscaler of a name of weights; empty: none. Its size is read from its
        weights. Raise BadInput if they are missing or damaged."""
        if not name:
            return cls(None)
        path = locate(name)
        if path is None:
            raise BadInput(f"upscaler={name} is not there")
        if is_path(name):
            from guided.canvas.foreign_upscaler import load

            network, scale = load(path)
        else:
            network, scale = load_own(path)
        return cls(network.requires_grad_(False).eval().to(device), scale)

    def __call__(self, image: Tensor, times: int) -> Tensor:
        """Return (1, 3, times * H, times * W) from (1, 3, H, W) in [0, 1], not clamped."""
        size = (image.shape[2] * times, image.shape[3] * times)
        if self.upscaler is not None:
            while image.shape[2] < size[0]:
                image = in_tiles(self.upscaler, image.float().clamp(0, 1), self.scale)
        return resize(image, size)


def load_own(path: Path) -> tuple[nn.Module, int]:
    """Return the upscaler of this program's architecture with the weights of a file."""
    import torch

    from guided.canvas.upscaler import Upscaler
    from guided.models.load import check
    from guided.models.weights import read

    tensors = read(path)
    blocks = sum(key.endswith("first.weight") for key in tensors)
    channels = tensors["head.bias"].numel() if "head.bias" in tensors else 0
    if not (1 <= channels <= LIMIT and 1 <= blocks <= LIMIT):
        raise BadInput(
            f"upscaler: {path} has {channels} channels and {blocks} blocks, and from 1 to {LIMIT} "
            "of each can be read"
        )
    with torch.device("meta"):
        upscaler = Upscaler(channels, blocks)
    check(upscaler.state_dict(), tensors, path)
    floats = {key: tensor.float() for key, tensor in tensors.items()}
    upscaler.load_state_dict(floats, assign=True)
    return upscaler, 4


def in_tiles(network: Callable[[Tensor], Tensor], image: Tensor, scale: int) -> Tensor:
    """Return network(image), `scale` times as large, computed in tiles with a margin that is left
    out, so that memory does not grow with the image (B, C, H, W). The same as all at once if the
    network sees no farther than the margin."""
    import torch

    height, width = image.shape[2:]
    if height <= TILE and width <= TILE:
        return network(image)
    whole = torch.empty(*image.shape[:2], height * scale, width * scale, device=image.device)
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            rows, columns = span(top, height), span(left, width)
            part = network(image[:, :, rows.outer, columns.outer])
            place = (rows.inner(scale), columns.inner(scale))
            whole[:, :, place[0], place[1]] = part[:, :, rows.kept(scale), columns.kept(scale)]
    return whole


@dataclass(frozen=True)
class Span:
    """A tile of a line of pixels, from `first` to `last`, and its margins."""

    first: int
    last: int
    start: int  # with the margin
    stop: int

    @property
    def outer(self) -> slice:
        """Return the pixels that go through the network."""
        return slice(self.start, self.stop)

    def inner(self, scale: int) -> slice:
        """Return the place of the tile in the result."""
        return slice(self.first * scale, self.last * scale)

    def kept(self, scale: int) -> slice:
        """Return the tile within the network's output."""
        return slice((self.first - self.start) * scale, (self.last - self.start) * scale)


def span(first: int, length: int) -> Span:
    """Return the tile that begins at `first` in a line of `length` pixels."""
    last = min(first + TILE, length)
    return Span(first, last, max(0, first - MARGIN), min(last + MARGIN, length))


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the image (1, 3, *size), by antialiased bicubic interpolation on the CPU."""
    import torch.nn.functional as F

    if tuple(image.shape[2:]) == size:
        return image
    # On the CPU, because not every device has this operator, and it runs once per picture.
    return F.interpolate(
        image.float().cpu(), size, mode="bicubic", align_corners=False, antialias=True
    )
