"""Conversions between a network's output, the clean and the noisy image."""

import math

import pytest
import torch

from guided.diffusion.parametrisation import clean, noised


def test_an_unknown_prediction_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="prediction=score"):
        clean("score", torch.zeros(1), torch.zeros(1), 1.0, 0.0)


@pytest.mark.parametrize("alpha", [0.999, 0.6, 0.01])
def test_each_parametrisation_gives_the_clean_image_back(alpha: float) -> None:
    """By the definitions: eps is the noise, v = alpha * noise - sigma * image, x0 the image."""
    sigma = math.sqrt(1 - alpha**2)
    image, noise = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64).unbind()
    x = noised(image, noise, alpha, sigma)
    outputs = {"eps": noise, "v": alpha * noise - sigma * image, "x0": image}
    for prediction, out in outputs.items():
        assert torch.allclose(clean(prediction, x, out, alpha, sigma), image, atol=1e-11)
