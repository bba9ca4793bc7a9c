"""The pixel generator against torch's autograd and Adam, and from any state on, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from guided.errors import NoRoom
from guided.generators.pixels.generator import PixelGenerator, pictures
from guided.generators.pixels.settings import Pixels
from guided.generators.settings import LoadContext
from guided.guides.base import LossGuide
from guided.interfaces import Guide, GuideGradient, Request, State, Step
from guided.models.cards import ModelCard
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.generators.same_bits import assert_alone_as_in_a_batch, assert_resumes

CPU = torch.device("cpu")
SIZE, STEPS = (7, 5), 6  # width, height


def generator(**settings: object) -> PixelGenerator:
    return Pixels(**({"detail": 1.0} | settings)).load(
        LoadContext(ModelCard(), None, None, CPU, torch.float32, ModelCache(), MemoryPolicy())
    )


def known_picture() -> Tensor:
    """(1, 3, H, W) in [-0.8, 0.8]."""
    rng = torch.Generator().manual_seed(1)
    return 1.6 * torch.rand(1, 3, SIZE[1], SIZE[0], generator=rng) - 0.8


def towards(picture: Tensor) -> dict[str, Guide]:
    """A quadratic whose only minimum is the picture."""
    return {"near": LossGuide(lambda x: (x - picture).square().sum((1, 2, 3)), schedule("s", 1))}


@dataclass
class Noisy:
    """A guide that uses random numbers, one stream an image."""

    def is_active(self, progress: float) -> bool:
        return True

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        return GuideGradient(image.flatten(1).sum(1), image - 0.5 + rng.normal_like(image))


def request(seeds: tuple[int, ...] = (3,), steps: int = STEPS, **more: object) -> Request:
    return Request(SIZE, seeds, steps, **more)


@pytest.mark.parametrize("basis", ["fourier", "pyramid"])
def test_it_converges_to_the_minimum_of_a_quadratic(basis: str) -> None:
    rate = {"linear": [[0, 0.1], [1, 0.001]]}
    made = generator(basis=basis, rate=rate, bound=None)
    *_, last = made.generate(request(steps=600), towards(known_picture()))
    assert (last.prediction.unguided - known_picture()).abs().max() < 0.01


@pytest.mark.parametrize("basis", ["fourier", "pyramid"])
def test_its_steps_are_those_of_torch_s_adam_on_the_picture_by_autograd(basis: str) -> None:
    made = generator(basis=basis, rate=0.03, bound=None, momentum=0.8, smoothing=0.95)
    space, target = made.basis_of(SIZE), known_picture()
    begin = made.contrast * RandomStreams([3]).normal_like(torch.empty(1, space.count))
    values = begin[0].clone().requires_grad_()
    adam = torch.optim.Adam([values], lr=0.03, betas=(0.8, 0.95))
    for step in made.generate(request(steps=20), towards(target)):
        adam.zero_grad()
        loss = (space.picture(values).tanh() - target[0]).square().sum()
        loss.backward()
        adam.step()
        assert torch.allclose(step.prediction.losses["near"], loss.detach(), rtol=1e-4)
        shown = space.picture(values.detach()).tanh()
        assert torch.allclose(step.prediction.unguided[0], shown, atol=1e-4)


def test_no_step_changes_the_picture_by_more_than_the_bound() -> None:
    made = generator(rate=1.0, bound=0.05)
    before = generator(contrast=0.1)._begin(request(), made.basis_of(SIZE), RandomStreams([3]))
    values = [made.basis_of(SIZE).picture(before[0])]
    for step in made.generate(request(), towards(known_picture())):
        values.append(made.basis_of(SIZE).picture(step.state["values"][0]))
    changes = [float((b - a).square().mean().sqrt()) for a, b in pairwise(values)]
    assert max(changes) <= 0.05 * (1 + 1e-4) and max(changes) > 0.049


CASES: dict[str, tuple[dict[str, object], Request]] = {
    "fourier": ({}, request()),
    "pyramid": ({"basis": "pyramid"}, request()),
    "coarse to fine": ({"detail": {"linear": [[0, 0.1], [1, 1]]}}, request()),
    "three images": ({}, request((3, 4, 5))),
    "an init picture": ({}, request((3, 4), init=known_picture(), skip=2)),
}


def test_what_a_mask_keeps_is_the_init_picture_and_the_rest_follows_the_guides() -> None:
    mask = torch.zeros(1, 1, SIZE[1], SIZE[0])
    mask[..., SIZE[0] // 2 :] = 1
    asked = request(steps=300, init=torch.zeros_like(known_picture()))
    asked.mask = mask
    made = generator(rate={"linear": [[0, 0.1], [1, 0.001]]}, bound=None)
    *_, last = made.generate(asked, towards(known_picture()))
    picture, drawn = last.prediction.unguided, mask.expand(1, 3, -1, -1) > 0
    assert (picture[~drawn] == 0).all()
    assert (picture - known_picture())[drawn].abs().max() < 0.05


def steps(name: str, saved: State | None = None) -> Iterator[Step]:
    settings, asked = CASES[name]
    return generator(**settings).generate(asked, {"noisy": Noisy()}, saved)


@pytest.mark.parametrize("name", CASES)
def test_from_any_state_on_every_bit_is_that_of_a_run_that_never_stopped(name, tmp_path) -> None:
    assert_resumes(partial(steps, name), CASES[name][1].drawn, tmp_path)


def test_each_part_of_the_state_makes_a_difference() -> None:
    *_, last = steps("fourier")
    third = list(steps("fourier"))[2].state
    for name in third:
        other = dict(third)
        other[name] = (
            next(steps("fourier")).state["dice"]
            if name == "dice"
            else torch.ones_like(third[name])
        )
        *_, changed = steps("fourier", other)
        assert not torch.equal(changed.prediction.unguided, last.prediction.unguided), name


def test_states_of_other_requests_are_refused() -> None:
    states = [step.state for step in steps("fourier")]
    with pytest.raises(ValueError, match="not of this request"):
        next(steps("fourier", {"values": states[0]["values"]}))
    with pytest.raises(ValueError, match="not of this request"):
        next(steps("fourier", states[-1]))
    with pytest.raises(ValueError, match="size or number"):
        next(steps("three images", states[0]))


@pytest.mark.parametrize("basis", ["fourier", "pyramid"])
@pytest.mark.parametrize("init", [None, known_picture()], ids=["noise", "init"])
def test_an_image_of_a_batch_has_every_bit_that_it_has_alone(basis: str, init) -> None:
    def steps(seeds: tuple[int, ...]) -> Iterator[Step]:
        return generator(basis=basis).generate(request(seeds, init=init), {"noisy": Noisy()})

    assert_alone_as_in_a_batch(steps)


@pytest.mark.parametrize("basis", ["fourier", "pyramid"])
def test_it_starts_from_the_init_picture(basis: str) -> None:
    made = generator(basis=basis, contrast=0)
    space = made.basis_of(SIZE)
    values = made._begin(request(init=known_picture()), space, RandomStreams([3]))
    assert torch.allclose(pictures(space, values), known_picture(), atol=1e-4)


@pytest.mark.parametrize("basis", ["fourier", "pyramid"])
def test_details_of_an_init_picture_that_do_not_change_are_kept(basis: str) -> None:
    made = generator(basis=basis, contrast=0, detail=0.3)
    space = made.basis_of(SIZE)
    before = made._begin(request(init=known_picture()), space, RandomStreams([3]))
    *_, last = made.generate(request(init=known_picture()), {"noisy": Noisy()})
    same = last.state["values"] == before
    assert same[0, ~space.up_to(0.3)].all() and not same.all()


def test_a_gradient_that_is_not_finite_is_left_out_of_that_image_alone(caplog) -> None:
    class Broken(Noisy):
        def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
            pull = super().__call__(image, progress, rng)
            if len(image) > 1:
                pull.grad[0] = torch.nan
            return pull

    *_, both = generator().generate(request((3, 4)), {"broken": Broken()})
    *_, alone = generator().generate(request((4,)), {"noisy": Noisy()})
    assert both.prediction.unguided.isfinite().all()
    assert torch.equal(both.prediction.unguided[1], alone.prediction.unguided[0])
    assert "not finite" in caplog.text


def test_running_out_of_memory_is_one_line() -> None:
    class Large(Noisy):
        def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
            raise MemoryError

    guides: Mapping[str, Guide] = {"large": Large()}
    with pytest.raises(NoRoom, match=r"size=\[7,5\]"):
        next(generator().generate(request(), guides))
