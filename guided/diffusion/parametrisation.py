"""Conversions between a network's output (noise, image or v), the clean and the noisy image.

x = alpha * image + sigma * noise.
v: Salimans and Ho, "Progressive Distillation", 2022, https://arxiv.org/abs/2202.00512
"""

from torch import Tensor

from guided.diffusion.unet_config import PREDICTIONS

Scale = float | Tensor  # one, or one for each image: (B, 1, 1, 1)


def clean(prediction: str, x: Tensor, out: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return the clean image predicted by `out` for x, both (B, 3, H, W).

    `prediction` is the network's parametrisation: eps, v or x0; ValueError for another."""
    if prediction == "eps":
        return (x - sigma * out) / alpha
    if prediction == "v":
        return alpha * x - sigma * out
    if prediction == "x0":
        return out
    raise ValueError(f"prediction={prediction} is not one of {', '.join(PREDICTIONS)}")


def flow(alpha: float, sigma: float, noise: float) -> tuple[float, float]:
    """Return the time t of flow matching at a noise level, and the factor that makes x the sample
    t * image + (1 - t) * eps of it, where eps has the standard deviation `noise`.

    The factor c solves c * alpha = t and c * sigma = (1 - t) * noise."""
    whole = noise * alpha + sigma
    return noise * alpha / whole, noise / whole


def noised(image: Tensor, noise: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return the sample of the forward process at noise level (alpha, sigma)."""
    return alpha * image + sigma * noise
