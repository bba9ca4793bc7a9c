"""How far a diffusion model's predictions are from a picture under noise: small for pictures like
those that it was trained on, large for smears.

It is the term of the variational bound of the picture's likelihood at one noise level (Ho et al.
2020, "Denoising Diffusion Probabilistic Models", equation 14, https://arxiv.org/abs/2006.11239).
"""

from __future__ import annotations

import torch
from torch import Tensor

from guided.diffusion.parametrisation import noised
from guided.interfaces import Denoiser

STEPS, AT = 1000, 600  # of a timeline, and the step at which noise hides details but not shapes
SAMPLES = 8  # of noise
SEED = 1  # of the noise, which is the same for all pictures


@torch.no_grad()
def prediction_error(denoiser: Denoiser, image: Tensor) -> float:
    """Return the mean squared error of predictions of an image (1, 3, H, W) in [-1, 1] under
    noise, of a denoiser with a timeline of STEPS."""
    generator = torch.Generator().manual_seed(SEED)
    noise = torch.randn(SAMPLES, *image.shape[1:], generator=generator)
    images = image.float().expand(SAMPLES, -1, -1, -1)
    x = noised(images, noise.to(images), *denoiser.timeline.scales(AT))
    return float((denoiser(x, AT).unguided.float() - images).square().mean())
