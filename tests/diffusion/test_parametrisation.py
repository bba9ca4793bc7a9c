"""Conversions between a network's output, the clean and the noisy image."""

import math

import pytest
import torch

from guided.diffusion.parametrisation import clean, flow, noised


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


@pytest.mark.parametrize("deviation", [1.0, 2.0])
@pytest.mark.parametrize("alpha", [1.0, 0.8, 0.05, 0.0])
def test_a_noisy_image_becomes_the_sample_of_flow_matching(alpha: float, deviation: float) -> None:
    """By its definition: t * image + (1 - t) * deviation * noise."""
    sigma = math.sqrt(1 - alpha**2)
    image, noise = torch.randn(2, 1, 3, 4, 4, dtype=torch.float64).unbind()
    t, factor = flow(alpha, sigma, deviation)
    sample = t * image + (1 - t) * deviation * noise
    assert 0 <= t <= 1
    assert torch.allclose(factor * noised(image, noise, alpha, sigma), sample, atol=1e-12)
