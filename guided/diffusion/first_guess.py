"""An initial estimate of a whole small image at once, by fully connected layers.

Convolutions see a shape through many layers, each blind to most of the image; under heavy noise
that is slow to learn. A fully connected layer compares the noisy image with hundreds of whole
templates in one product, and costs a fraction of the convolutions. The U-Net gets the estimate as
further channels beside the noisy image, as in self-conditioning, and refines it.

Chen et al., "Analog Bits", 2022, section 3.2 (an estimate as further channels),
https://arxiv.org/abs/2208.04202
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guided.devices import sent
from guided.images import middle

WAVES = 128  # sinusoids of the time embedding
COARSE = 2  # side of the blocks of pixels that are averaged before the first layer


class Dense(nn.Module):
    """Fully connected layers from a noisy image (B, 3, H, W) and the sinusoids of the time
    (B, WAVES) to an estimate of the clean image (B, 3, H, W).

    The layers have one size. On a canvas of another size they estimate the central square, whose
    edge pixels are repeated around it."""

    def __init__(self, size: int, width: int, hidden: int) -> None:
        super().__init__()
        self.size = size
        self.time = nn.Sequential(
            nn.Linear(WAVES, WAVES), nn.SiLU(), nn.Linear(WAVES, WAVES), nn.SiLU()
        )
        self.inp = nn.Linear(3 * (size // COARSE) ** 2, width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.ModuleList(nn.Linear(WAVES, 2 * width) for _ in range(2))
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.out = nn.Linear(width, 3 * size**2)
        for part in (self.down.weight, self.out.weight, self.out.bias):  # starts as a grey image
            nn.init.zeros_(part)

    def forward(self, x: Tensor, waves: Tensor) -> Tensor:
        """Return the estimate (B, 3, H, W)."""
        time = self.time(waves)
        h = self.inp(F.avg_pool2d(self.square(x), COARSE).flatten(1))
        h = h + self.down(F.gelu(self.up(self.timed(h, time, 0))))
        image = self.out(F.gelu(self.timed(h, time, 1))).unflatten(1, (3, self.size, self.size))
        if x.shape[2:] == image.shape[2:]:
            return image
        # Two products, whose backward pass is deterministic on every device.
        side = min(x.shape[2:])
        down, across = (sent(self.resize_weights(n, side), image) for n in x.shape[2:])
        return down @ image @ across.T

    def timed(self, h: Tensor, time: Tensor, i: int) -> Tensor:
        """Return h (B, width) normalised, then scaled and shifted by the time embedding."""
        scale, shift = self.film[i](time).chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(h), 1 + scale)

    def square(self, x: Tensor) -> Tensor:
        """Return the central square (B, 3, size, size). Pixels are picked, not averaged, so that
        the variance of the noise stays the same on a large canvas."""
        square = middle(x).contiguous()
        if square.shape[2] != self.size:
            square = F.interpolate(square, size=(self.size, self.size), mode="nearest")
        return square

    def resize_weights(self, length: int, side: int) -> Tensor:
        """Return the matrix (length, size) that resizes a line of the estimate to one of the
        canvas: bilinear over the central `side` pixels, the edge value beyond them."""
        pixel = torch.arange(length) - (length - side) // 2
        place = ((pixel + 0.5) * self.size / side - 0.5).clamp(0, self.size - 1)
        return (1 - (place[:, None] - torch.arange(self.size)).abs()).clamp(min=0)
