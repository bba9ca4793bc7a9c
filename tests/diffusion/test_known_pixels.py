"""Known pixels against Gaussian posteriors in closed form, and that they stay what they are."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from guided.diffusion.jumps import Jumps
from guided.diffusion.known_pixels import (
    KnownPixels,
    MaskedDenoiser,
    MaskedGuide,
)
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.parametrisation import noised
from guided.diffusion.samplers import DDIM, DDPM
from guided.interfaces import Prediction, Sampler
from guided.rng import RandomStreams
from guided.schedule import schedule
from guided.timeline import Timeline
from tests.doubles import FixedDenoiser, FixedGuide

F64 = torch.float64
SAMPLERS = {
    "ddim": DDIM(eta=0),
    "noisy ddim": DDIM(eta=0.8),
    "ddim of eta 1": DDIM(eta=1),
    "ddpm": DDPM(),
    "plms": PLMS(order=4),
    "dpmpp_2m": DPMSolver(),
    "dpmpp_sde": DPMSolver(eta=1),
}


@dataclass
class Correlated:
    """The exact denoiser of rows of pixels (B, 1, 1, N) that are N(mean, covariance)."""

    timeline: Timeline
    mean: Tensor
    covariance: Tensor

    def __call__(self, x: Tensor, i: int) -> Prediction:
        alpha, sigma = self.timeline.scales(i)
        noisy = alpha**2 * self.covariance + sigma**2 * torch.eye(len(self.mean), dtype=F64)
        gain = alpha * torch.linalg.solve(noisy, self.covariance)
        pred = self.mean + (x - alpha * self.mean) @ gain
        return Prediction(pred, pred)


@dataclass
class Draws:
    """Normal noise for all images from one generator."""

    generator: torch.Generator

    def normal_like(self, x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=self.generator, dtype=x.dtype)


SIX = torch.arange(6)
MEAN = torch.linspace(-0.3, 0.3, 6, dtype=F64)
COVARIANCE = 0.25 * 0.8 ** (SIX[:, None] - SIX[None]).abs().to(F64)
KNOWN = torch.tensor([0.8, 0.9], dtype=F64)  # of the first two pixels


def posterior() -> tuple[Tensor, Tensor]:
    """The mean and the covariance of the last four pixels, given the first two."""
    gain = COVARIANCE[2:, :2] @ torch.linalg.inv(COVARIANCE[:2, :2])
    mean = MEAN[2:] + gain @ (KNOWN - MEAN[:2])
    return mean, COVARIANCE[2:, 2:] - gain @ COVARIANCE[:2, 2:]


def drawn(sampler: Sampler, images: int = 2000, steps: int = 50) -> Tensor:
    """Rows of pixels (images, 6) whose first two are known."""
    line = timeline("cosine", steps)
    image = torch.zeros(1, 1, 1, 6, dtype=F64)
    image[..., :2] = KNOWN
    mask = torch.ones_like(image)
    mask[..., :2] = 0
    rng = Draws(torch.Generator().manual_seed(1))
    noise = rng.normal_like(image.expand(images, -1, -1, -1))
    known = KnownPixels(image, mask, line.progress(steps - 1))
    denoiser = MaskedDenoiser(Correlated(line, MEAN, COVARIANCE), known, noise)
    x = noised(image, noise, *line.scales(steps - 1))
    *_, last = sampler.sample(denoiser, x, rng, steps - 1)
    return last.prediction.guided.flatten(1)


@pytest.mark.parametrize("name", SAMPLERS)
def test_with_jumps_unknown_pixels_approach_their_distribution_given_the_known_ones(name):
    """Without any they know of the known ones too late: the mean is off by as much as a standard
    deviation."""
    mean, covariance = posterior()
    errors = []
    for times in (1, 4, 16):
        found = drawn(Jumps(SAMPLERS[name], schedule("jumps", times), 10))
        assert torch.equal(found[:, :2], KNOWN.expand_as(found[:, :2]))
        errors.append(float((found[:, 2:].mean(0) - mean).abs().max()))
    assert errors[1] < 0.6 * errors[0] and errors[2] < 0.6 * errors[1]
    assert errors[2] < 0.12 < 0.3 < errors[0]
    spread = torch.cov(found[:, 2:].T).diagonal().sqrt() / covariance.diagonal().sqrt()
    assert ((spread > 0.85) & (spread < 1.35)).all()


def test_without_a_known_pixel_nothing_is_another():
    line = timeline("cosine", 8)
    exact = Correlated(line, MEAN, COVARIANCE)
    x = torch.randn(3, 1, 1, 6, dtype=F64, generator=torch.Generator().manual_seed(1))
    known = KnownPixels(torch.zeros_like(x), torch.ones(1, 1, 1, 6), line.progress(7))
    masked = MaskedDenoiser(exact, known, x)
    for sampler in SAMPLERS.values():
        rngs = [Draws(torch.Generator().manual_seed(2)) for _ in range(2)]
        plain, other = (
            list(sampler.sample(denoiser, x, rng, 7))[-1].x
            for denoiser, rng in zip((exact, masked), rngs, strict=True)
        )
        assert torch.equal(plain, other)


@pytest.mark.parametrize("sampler", [PLMS(order=4), PLMS(), DPMSolver(), DDIM(eta=0)])
def test_what_deterministic_samplers_remember_is_right_for_known_pixels(sampler):
    """PLMS remembers the noise, which is the one noise of the picture at every step; DPM-Solver++
    the prediction, which is the picture. And x is the picture under that noise."""
    line = timeline("linear", 10)
    g = torch.Generator().manual_seed(3)
    image, noise, wrong = (torch.randn(1, 3, 4, 6, generator=g, dtype=F64) for _ in range(3))
    mask = torch.zeros(1, 1, 4, 6)
    mask[..., 3:] = 1
    denoiser = MaskedDenoiser(
        FixedDenoiser(line, wrong), KnownPixels(image, mask, line.progress(9)), noise
    )
    here = (..., slice(0, 3))
    for step in sampler.sample(
        denoiser, noised(image, noise, *line.scales(9)), RandomStreams([1]), 9
    ):
        expected = noised(image, noise, *line.scales(step.i - 1))
        assert torch.allclose(step.x[here], expected[here], atol=1e-9)
        for name, kept in step.memory.items():
            right = noise if name.startswith("eps") else image
            assert torch.allclose(kept[here], right[here], atol=1e-6), name


def test_the_denoiser_sees_known_pixels_under_one_noise_and_its_guess_of_them_is_dropped():
    line = timeline("linear", 4)
    seen = []

    class Spy(FixedDenoiser):
        def __call__(self, x, i):
            seen.append(x)
            guess = super().__call__(x, i)
            return replace(guess, seen=torch.full_like(x, 0.25))

    image, noise = torch.full((1, 3, 2, 2), 0.5), torch.randn(2, 3, 2, 2)
    mask = torch.tensor([[1.0, 0.0], [0.0, 0.0]]).view(1, 1, 2, 2)
    known = KnownPixels(image, mask, line.progress(3))
    denoiser = MaskedDenoiser(Spy(line, torch.full((2, 3, 2, 2), -1.0)), known, noise)
    x = torch.zeros(2, 3, 2, 2)
    for i in (3, 1):
        guess = denoiser(x, i)
        expected = noised(image, noise, *line.scales(i))
        assert (
            torch.equal(seen[-1][..., 1], expected[..., 1]) and (seen[-1][:, :, 0, 0] == 0).all()
        )
        for picture, inside, outside in (
            (guess.guided, -1, 0.5), (guess.unguided, -1, 0.5), (guess.seen, 0.25, 0.75)
        ):  # fmt: skip
            assert (picture[:, :, 0, 0] == inside).all() and (picture[:, :, 1] == outside).all()


def test_grey_is_drawn_when_its_share_of_the_run_is_left():
    mask = torch.tensor([0.0, 0.1, 0.5, 0.9, 1.0])
    known = KnownPixels(torch.zeros(5), mask, begin=0.2)
    assert known.drawn(0.2).tolist() == [False, False, False, False, True]
    assert known.drawn(0.3).tolist() == [False, False, False, True, True]
    assert known.drawn(0.61).tolist() == [False, False, True, True, True]
    assert known.drawn(0.999).tolist() == [False, True, True, True, True]


def test_a_guide_sees_what_is_known_and_does_not_change_it():
    looked = []

    class Spy(FixedGuide):
        def __call__(self, image, progress, rng):
            looked.append(image)
            return super().__call__(image, progress, rng)

    known = KnownPixels(torch.full((1, 3, 2, 2), 0.5), torch.tensor([[[[1.0, 0.0]]]]))
    guide = MaskedGuide(Spy(torch.ones(1, 3, 2, 2)), known)
    found = guide(torch.zeros(2, 3, 2, 2), 0.5, RandomStreams([1, 2]))
    assert (looked[0][..., 0] == 0).all() and (looked[0][..., 1] == 0.75).all()
    assert (found.grad[..., 0] == 1).all() and (found.grad[..., 1] == 0).all()
