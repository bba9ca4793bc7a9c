"""The error of predictions under noise, beside its closed form for Gaussian pictures."""

import pytest
import torch
from torch import Tensor

from guided.diffusion.likelihood import AT, STEPS, prediction_error
from guided.diffusion.noise_schedule import timeline
from guided.interfaces import Prediction
from guided.timeline import Timeline


class GaussianDenoiser:
    """The optimal denoiser of white Gaussian pictures of a standard deviation."""

    def __init__(self, deviation: float) -> None:
        self.deviation, self.timeline = deviation, timeline("cosine", STEPS)

    def __call__(self, x: Tensor, i: int) -> Prediction:
        shrunk = x * self.factor(*self.timeline.scales(i))
        return Prediction(shrunk, shrunk)

    def factor(self, alpha: float, sigma: float) -> float:
        variance = self.deviation**2
        return alpha * variance / (alpha**2 * variance + sigma**2)


@pytest.mark.parametrize(("deviation", "level"), [(0.3, 0.0), (0.3, 0.4), (0.7, 0.9)])
def test_it_is_the_bias_and_the_variance_of_the_prediction(deviation: float, level: float) -> None:
    denoiser = GaussianDenoiser(deviation)
    alpha, sigma = denoiser.timeline.scales(AT)
    factor = denoiser.factor(alpha, sigma)
    expected = ((factor * alpha - 1) * level) ** 2 + (factor * sigma) ** 2
    found = prediction_error(denoiser, torch.full((1, 3, 64, 64), level))
    # Of 98,304 samples of noise, five standard deviations of the mean of squares are 2.3 %.
    assert found == pytest.approx(expected, rel=0.03)


def test_it_is_the_same_each_time_and_takes_nothing_from_other_random_numbers() -> None:
    denoiser, image = GaussianDenoiser(0.5), torch.rand(1, 3, 8, 8)
    assert isinstance(denoiser.timeline, Timeline)
    before = torch.get_rng_state()
    first = prediction_error(denoiser, image)
    torch.manual_seed(7)
    assert prediction_error(denoiser, image) == first
    torch.set_rng_state(before)
    assert torch.equal(torch.get_rng_state(), before)
