"""A first guess of a whole small image at once, by fully connected layers.

Convolutions see a shape through many layers, each blind to most of the image; under heavy noise
that is slow to learn. A fully connected layer compares the noisy image with a thousand whole
templates in one product, and costs a hundredth of the convolutions. The U-Net sees its guess
beside the noisy image, as earlier guesses are seen in self-conditioning, and mends it.

Knows nothing about noise schedules, guidance or files.

Chen et al., "Analog Bits", 2022, section 3.2 (a guess as further channels),
https://arxiv.org/abs/2208.04202
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WAVES = 128  # sinusoids that tell the time
COARSE = 2  # noisy pixels are averaged by so many a side before they are compared


class Dense(nn.Module):
    """Noisy image (B, 3, H, W), sinusoids of the time (B, WAVES) -> guessed clean image
    (B, 3, H, W). It knows one size; of another one it guesses the square in the middle, and
    carries that square's edges on around it: one object, on its ground."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size = size
        self.time = nn.Sequential(
            nn.Linear(WAVES, WAVES), nn.SiLU(), nn.Linear(WAVES, WAVES), nn.SiLU()
        )
        self.inp = nn.Linear(3 * (size // COARSE) ** 2, width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.film = nn.ModuleList(nn.Linear(WAVES, 2 * width) for _ in range(2))
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        self.out = nn.Linear(width, 3 * size**2)
        for part in (self.down, self.out):  # begins as a grey image
            nn.init.zeros_(part.weight)

    def forward(self, x: Tensor, waves: Tensor) -> Tensor:
        time = self.time(waves)
        square, edges = self.middle(x)
        h = self.inp(F.avg_pool2d(square, COARSE).flatten(1))
        h = h + self.down(F.gelu(self.up(self.timed(h, time, 0))))
        guess = self.out(F.gelu(self.timed(h, time, 1))).view_as(square)
        side = min(x.shape[2:])
        if side != self.size:
            guess = F.interpolate(guess, size=(side, side), mode="bilinear")
        return F.pad(guess, edges, mode="replicate") if any(edges) else guess

    def timed(self, h: Tensor, time: Tensor, i: int) -> Tensor:
        scale, shift = self.film[i](time).chunk(2, dim=1)
        return torch.addcmul(shift, self.norm(h), 1 + scale)

    def middle(self, x: Tensor) -> tuple[Tensor, tuple[int, int, int, int]]:
        """The square in the middle, at the known size, and what lies left, right, above and below
        of it. Pixels are picked, not averaged: the noise must stay as strong as it was."""
        height, width = x.shape[2:]
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        square = x[:, :, top : top + side, left : left + side].contiguous()
        if side != self.size:
            square = F.interpolate(square, size=(self.size, self.size), mode="nearest")
        return square, (left, width - side - left, top, height - side - top)
