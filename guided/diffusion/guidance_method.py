"""Methods of guidance: the image that guides see, and how far their gradient moves the prediction.

With the gradient g of the guides' loss with respect to the predicted image, the gradient with
respect to x is that of "TFG: Unified Training-Free Guidance for Diffusion Models" (Ye et al. 2024,
https://arxiv.org/abs/2409.15761), in terms of the prediction instead of a DDPM step's result:

    grad = rho * (d image / d x)^T g  +  mu * alpha * (g at the image + g at the moved image + ...)

`rho` is guidance through the network: with mu 0 that of Dhariwal and Nichol and of DPS (Chung et
al. 2022, https://arxiv.org/abs/2209.14687). `mu` is guidance on the clean image, repeated
`iterations` times, each from the image moved by those before: one is MPGD (He et al. 2023,
https://arxiv.org/abs/2311.16424), several beside rho 1 are Universal Guidance (Bansal et al. 2023,
https://arxiv.org/abs/2302.07121).

`smoothing`: the loss is that of the image with noise, -log of the mean of exp(-loss) over
`samples`: LGD, Song et al. 2023, "Loss-Guided Diffusion Models for Plug-and-Play Controllable
Generation". `relative`: the size of the shift does not depend on that of the gradient: FreeDoM, Yu
et al. 2023, https://arxiv.org/abs/2303.09833. `spherical`: the gradient turns the sampler's noise,
whose length stays what it is: DSG, Yang et al. 2024, https://arxiv.org/abs/2402.03201
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.interfaces import Heading
from guided.rng import RandomStreams
from guided.schedule import Schedule, schedule

PixelBox = tuple[int, int, int, int]  # left, top, right, bottom
# The shift divides by alpha, which is near 0 in the first steps of a cosine schedule, where the
# prediction shows nothing yet. Just below the least alpha of the linear schedule (0.00635), so
# that checkpoints trained with that one are guided exactly.
LEAST_ALPHA = 0.006


@dataclass(frozen=True)
class GuidanceMethod:
    """The settings of a method that are not of the gradient's path (guidance_target.py)."""

    iterations: Schedule = schedule("iterations", 1)
    smoothing: Schedule = schedule("smoothing", 0)  # deviation of the noise, of sigma
    samples: Schedule = schedule("samples", 1)
    clamp: Schedule | None = None  # largest root mean square of the gradient
    reach: Schedule | None = None  # largest root mean square of the shift
    relative: Schedule | None = None  # root mean square of the shift, of that of the noise left
    spherical: Schedule = schedule("spherical", 0)  # share of the way to the gradient's direction
    parts: Sequence[Sequence[PixelBox]] = ()  # boxes of each image that are limited one by one

    def noisy(
        self, image: Tensor, sigma: float, progress: float, rng: RandomStreams
    ) -> list[Tensor]:
        """Return the images that the guides see instead of one (B, 3, H, W) in [-1, 1]."""
        spread = self.smoothing(progress) * sigma
        if not spread:
            return [image]
        count = int(self.samples(progress))
        return [image + spread * rng.normal_like(image) for _ in range(count)]

    def shift(
        self,
        grad: Tensor,
        x: Tensor,
        prediction: Tensor,
        scales: tuple[float, float],
        progress: float,
    ) -> Tensor:
        """Return the shift of a prediction (B, 3, H, W) by the gradient with respect to x, at the
        noise level `scales`."""
        alpha, sigma = scales
        if self.relative is not None:
            left = rms(x / max(alpha, LEAST_ALPHA) - prediction)
            shift = resized(grad, self.relative(progress) * left)
        else:
            if self.clamp is not None:
                grad = clamped(grad, self.clamp(progress), self.parts)
            shift = sigma**2 / max(alpha, LEAST_ALPHA) * grad
        if self.reach is None:
            return shift
        return clamped(shift, self.reach(progress), self.parts)

    def heading(self, grad: Tensor, progress: float) -> Heading | None:
        """Return where the sampler's noise is turned, given the gradient with respect to x; None
        if the prediction is shifted instead."""
        share = self.spherical(progress)
        if not share:
            return None
        return Heading(resized(-grad, torch.ones_like(rms(grad))), share)


def rms(grad: Tensor) -> Tensor:
    """Return the root mean square of each image, (B,)."""
    return grad.detach().square().flatten(1).mean(1).sqrt()


def clamped(grad: Tensor, limit: float, parts: Sequence[Sequence[PixelBox]] = ()) -> Tensor:
    """Return each image's gradient, scaled down to a root mean square of `limit` if larger. With
    `parts`, those of each image, each part is, and what is in none by the whole image's."""
    if parts:
        images = zip(grad.split(1), parts, strict=True)
        return torch.cat([image * factors(image, limit, boxes) for image, boxes in images])
    size = rms(grad).view(-1, 1, 1, 1)
    return torch.where(size > limit, grad * (limit / size), grad)


def factors(grad: Tensor, limit: float, boxes: Sequence[PixelBox]) -> Tensor:
    """Return by how much (1, 1, H, W) the pixels of a gradient (1, C, H, W) are scaled down, so
    that each box has a root mean square of `limit` at most."""

    def factor(part: Tensor) -> Tensor:
        return (limit / rms(part).clamp(min=1e-30)).clamp(max=1)

    found = torch.full_like(grad[:, :1], math.inf)
    for left, top, right, bottom in boxes:
        place = (..., slice(top, bottom), slice(left, right))
        found[place] = torch.minimum(found[place], factor(grad[place]))
    return torch.where(found.isinf(), factor(grad), found)


def resized(grad: Tensor, sizes: Tensor) -> Tensor:
    """Return each image's gradient with a root mean square of `sizes` (B,); zeros stay zeros."""
    size = rms(grad).view(-1, 1, 1, 1)
    return torch.where(size > 0, grad * (sizes.view(-1, 1, 1, 1) / size), grad)
