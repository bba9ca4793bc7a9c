"""What is known of a picture is met exactly, and all else is the model's: against the posterior of
Gaussian images, which has a closed form."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.null_space import (
    Agrees,
    ConstrainedDenoiser,
    Grey,
    Operator,
    Smaller,
    constrained,
    reduction,
    within,
)
from guided.diffusion.samplers import DDIM, DDPM
from guided.interfaces import Prediction, Sampler
from guided.rng import RandomStreams
from guided.timeline import Timeline
from tests.doubles import GaussianDenoiser

SIZE = (4, 3)  # width, height
COUNT = 3 * 4 * 3  # of an image's values
OPERATORS = {"grey": Grey(), "smaller": Smaller(SIZE, (2, 2))}
SAMPLERS = {
    "ddim": DDIM(eta=0),
    "ddim_eta": DDIM(eta=1),
    "ddpm": DDPM(),
    "plms": PLMS(),
    "dpmpp_2m": DPMSolver(),
    "dpmpp_sde": DPMSolver(eta=1),
}


def rng() -> torch.Generator:
    return torch.Generator().manual_seed(2)


def normal(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=rng(), dtype=torch.float64)


def as_matrix(operator: Operator) -> Tensor:
    """A as a matrix (values, COUNT)."""
    units = torch.eye(COUNT, dtype=torch.float64).view(COUNT, 3, SIZE[1], SIZE[0])
    return operator.measure(units).flatten(1).T


@dataclass
class CorrelatedDenoiser:
    """The exact denoiser of images from N(mean, covariance)."""

    timeline: Timeline
    mean: Tensor  # (COUNT,)
    covariance: Tensor

    def __call__(self, x: Tensor, i: int) -> Prediction:
        alpha, sigma = self.timeline.scales(i)
        noisy = alpha**2 * self.covariance + sigma**2 * torch.eye(COUNT, dtype=x.dtype)
        gain = alpha * torch.linalg.solve(noisy, self.covariance).T
        image = (self.mean + (x.flatten(1) - alpha * self.mean) @ gain.T).view_as(x)
        return Prediction(image, image)


@pytest.mark.parametrize("operator", [Grey(), Smaller((32, 24), (8, 6))])
def test_a_saved_picture_has_no_values_beyond_the_range_and_agrees_still(operator):
    """A picture that is black and white in parts leaves the least room for colours."""
    dice = torch.Generator().manual_seed(3)
    real = (2 * torch.randn(2, 3, 24, 32, generator=dice)).clamp(-1, 1)
    known = Agrees(operator, operator.measure(real))
    drawn = known(2 * torch.randn(2, 3, 24, 32, generator=dice), 1.0)
    assert drawn.abs().max() > 3
    apart = (operator.measure(drawn.clamp(-1, 1)) - known.value).abs()
    assert apart.max() > 50 / 255
    saved = within(drawn, [known])
    assert saved.abs().max() <= 1
    assert (operator.measure(saved) - known.value).abs().max() < 2 / 255
    assert torch.equal(within(real / 2, [Agrees(operator, known.value, 0.5)]), real / 2)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_inverse_is_moores_and_penroses(name):
    matrix = as_matrix(OPERATORS[name])
    values = torch.eye(len(matrix), dtype=torch.float64)
    shape = OPERATORS[name].measure(torch.zeros(1, 3, SIZE[1], SIZE[0])).shape[1:]
    spread = OPERATORS[name].spread(values.view(-1, *shape)).flatten(1).T
    torch.testing.assert_close(spread, torch.linalg.pinv(matrix), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", OPERATORS)
def test_samples_are_those_of_the_gaussian_posterior(name):
    """Of images whose known and unknown parts are independent, for which the method is exact. The
    sampler is affine in its noise, so that the mean and the covariance of what it draws follow
    from its results for zero and for unit noise, without any chance."""
    operator = OPERATORS[name]
    matrix = as_matrix(operator)
    known = torch.linalg.pinv(matrix) @ matrix
    free = torch.eye(COUNT, dtype=torch.float64) - known
    root = normal(COUNT, COUNT) / COUNT**0.5
    prior = known @ root @ root.T @ known + free @ (root.T @ root + 0.1 * free) @ free
    mean, value = normal(COUNT), normal(len(matrix))

    gain = prior @ matrix.T @ torch.linalg.pinv(matrix @ prior @ matrix.T)
    expected_mean = mean + gain @ (value - matrix @ mean)
    expected_covariance = prior - gain @ matrix @ prior

    shape = operator.measure(torch.zeros(1, 3, SIZE[1], SIZE[0])).shape
    denoiser = ConstrainedDenoiser(
        CorrelatedDenoiser(timeline("cosine", 500, "even"), mean, prior),
        [Agrees(operator, value.view(shape))],
    )
    noise = torch.cat([torch.zeros(1, COUNT), torch.eye(COUNT)]).double()
    noise = noise.view(-1, 3, SIZE[1], SIZE[0])
    streams = RandomStreams(range(len(noise)))
    *_, last = DDIM(eta=0).sample(denoiser, noise, streams, 499)
    drawn = last.x.flatten(1)
    spread = (drawn[1:] - drawn[0]).T
    torch.testing.assert_close(matrix @ drawn[0], value, atol=1e-9, rtol=0)
    torch.testing.assert_close(drawn[0], expected_mean, atol=0.01, rtol=0)
    torch.testing.assert_close(spread @ spread.T, expected_covariance, atol=0.02, rtol=0)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_known_is_met_with_every_sampler(name, sampler: Sampler):
    operator = OPERATORS[name]
    value = operator.measure(normal(2, 3, SIZE[1], SIZE[0]))  # another for each image
    denoiser = ConstrainedDenoiser(
        GaussianDenoiser(timeline("linear", 9), 0.3, 0.5), [Agrees(operator, value)]
    )
    *_, last = sampler.sample(
        denoiser, normal(2, 3, SIZE[1], SIZE[0]).flip(0), RandomStreams([1, 2]), 8
    )
    torch.testing.assert_close(operator.measure(last.x), value, atol=1e-12, rtol=0)
    torch.testing.assert_close(
        operator.measure(last.prediction.unguided), value, atol=1e-12, rtol=0
    )


def test_the_guided_and_the_unguided_prediction_are_corrected_and_guidance_remains():
    image = normal(1, 3, SIZE[1], SIZE[0])
    other = image + normal(1, 3, SIZE[1], SIZE[0]).flip(3)

    class Guided:
        timeline = timeline("linear", 3)

        def __call__(self, x: Tensor, i: int) -> Prediction:
            return Prediction(other, image)

    value = torch.zeros(1, 1, SIZE[1], SIZE[0], dtype=torch.float64)
    prediction = ConstrainedDenoiser(Guided(), [Agrees(Grey(), value)])(image, 0)
    for part, before in ((prediction.guided, other), (prediction.unguided, image)):
        torch.testing.assert_close(part.mean(1), value[:, 0], atol=1e-12, rtol=0)
        colours = before - before.mean(1, keepdim=True)
        torch.testing.assert_close(part, colours, atol=1e-12, rtol=0)


def test_a_constraint_ends_at_its_progress():
    image, value = normal(1, 3, SIZE[1], SIZE[0]), torch.zeros(1, 1, SIZE[1], SIZE[0])
    constraint = Agrees(Grey(), value, until=0.5)
    assert constraint(image, 0.5).mean(1).abs().max() < 1e-12
    assert torch.equal(constraint(image, 0.51), image)


def test_without_constraints_a_denoiser_is_left_as_it_is():
    denoiser = GaussianDenoiser(timeline("linear", 3), 0, 1)
    assert constrained(denoiser, []) is denoiser


@pytest.mark.parametrize("before, after", [(8, 4), (9, 4), (32, 5), (7, 7), (6, 1)])
def test_a_reduction_keeps_flat_colours_and_the_centre_of_light(before, after):
    matrix = reduction(before, after)
    torch.testing.assert_close(matrix.sum(1), torch.ones(after).double(), atol=1e-12, rtol=0)
    assert (matrix >= 0).all()
    # Mirrored images are reduced to mirrored images.
    torch.testing.assert_close(matrix, matrix.flip(0, 1), atol=1e-12, rtol=0)


def test_a_picture_of_the_same_size_is_not_blurred():
    torch.testing.assert_close(reduction(7, 7), torch.eye(7).double())
