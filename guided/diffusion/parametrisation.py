"""Between a network's output (noise, image or v), the clean image and the noisy image.

x = alpha * image + sigma * noise.
v: Salimans and Ho, "Progressive Distillation", 2022, https://arxiv.org/abs/2202.00512
"""

from torch import Tensor

from guided.diffusion.unet_config import PREDICTIONS


def clean(prediction: str, x: Tensor, out: Tensor, alpha: float, sigma: float) -> Tensor:
    """What a network's output says of the clean image."""
    if prediction == "eps":
        return (x - sigma * out) / alpha
    if prediction == "v":
        return alpha * x - sigma * out
    if prediction == "x0":
        return out
    raise ValueError(f"prediction={prediction} is not one of {', '.join(PREDICTIONS)}")


def noised(image: Tensor, noise: Tensor, alpha: float, sigma: float) -> Tensor:
    """The forward process: what `image` looks like at noise level (alpha, sigma)."""
    return alpha * image + sigma * noise
