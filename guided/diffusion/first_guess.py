"""A first guess of a whole small image at once, by fully connected layers.

Convolutions see a shape through many layers, each blind to most of the image; under heavy noise
that is slow to learn. A fully connected layer compares the noisy image with hundreds of whole
templates in one product, and costs a fraction of the convolutions. The U-Net sees its guess
beside the noisy image, as earlier guesses are seen in self-conditioning, and mends it.

Knows nothing about noise schedules, guidance or files.

Chen et al., "Analog Bits", 2022, section 3.2 (a guess as further channels),
https://arxiv.org/abs/2208.04202
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guided.devices import sent
from guided.images import middle

WAVES = 128  # sinusoids that tell the time
COARSE = 2  # noisy pixels are averaged by so many a side before they are compared


class Dense(nn.Module):
    """Noisy image (B, 3, H, W), sinusoids of the time (B, WAVES) -> guessed clean image
    (B, 3, H, W). It knows one size; of another one it guesses the square in the middle, and
    carries that square's edges on around it: one object, on its ground."""

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
        for part in (self.down.weight, self.out.weight, self.out.bias):  # begins as a grey image
            nn.init.zeros_(part)

    def forward(self, x: Tensor, waves: Tensor) -> Tensor:
        time = self.time(waves)
        h = self.inp(F.avg_pool2d(self.square(x), COARSE).flatten(1))
        h = h + self.down(F.gelu(self.up(self.timed(h, time, 0))))
        guess = self.out(F.gelu(self.timed(h, time, 1))).unflatten(1, (3, self.size, self.size))
        if x.shape[2:] == guess.shape[2:]:
            return guess
        # Two products, which have a deterministic way back on every device.
        side = min(x.shape[2:])
        down, across = (sent(self.spread(length, side), guess) for length in x.shape[2:])
        return down @ guess @ across.T

    def timed(self, h: Tensor, time: Tensor, i: int) -> Tensor:
        scale, shift = self.film[i](time).chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(h), 1 + scale)

    def square(self, x: Tensor) -> Tensor:
        """The square in the middle, at the known size. Pixels are picked, not averaged: on a large
        canvas the noise must stay as strong as it was."""
        square = middle(x).contiguous()
        if square.shape[2] != self.size:
            square = F.interpolate(square, size=(self.size, self.size), mode="nearest")
        return square

    def spread(self, length: int, side: int) -> Tensor:
        """(length, size): the weights with which a line of the guess makes one of the canvas.
        Bilinear over `side` pixels in the middle; beyond, the edge goes on."""
        pixel = torch.arange(length) - (length - side) // 2
        place = ((pixel + 0.5) * self.size / side - 0.5).clamp(0, self.size - 1)
        return (1 - (place[:, None] - torch.arange(self.size)).abs()).clamp(min=0)
