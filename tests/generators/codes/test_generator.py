"""The generator of codes: what it optimises, and from any state on, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from guided.generators.codes.card import CodesCard, VQConfig
from guided.generators.codes.generator import ClampWithGradient, CodesGenerator
from guided.generators.codes.network import Autoencoder
from guided.generators.codes.settings import Codes
from guided.generators.settings import LoadContext
from guided.guides.base import LossGuide
from guided.interfaces import Guide, Request, State, Step
from guided.memory.estimate import held, measure_step
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import randomised
from tests.generators.pixels.test_generator import Noisy
from tests.generators.same_bits import assert_alone_as_in_a_batch, assert_resumes

CPU = torch.device("cpu")
SIZE, STEPS = (6, 4), 5  # width, height
CONFIG = VQConfig(
    channels=32, channel_mult=[1, 1], res_blocks=1, attention=[1], latent=6, code=4, codes=20
)


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    return randomised(Autoencoder(CONFIG), seed=1).eval().requires_grad_(False)


def generator(network: nn.Module, **settings: object) -> CodesGenerator:
    cache = ModelCache()
    cache.get = lambda *how: network  # type: ignore[method-assign]
    context = LoadContext(
        CodesCard(vq=CONFIG), None, None, CPU, torch.float32, cache, MemoryPolicy()
    )
    return Codes(**settings).load(context)


def request(seeds: tuple[int, ...] = (3,), **more: object) -> Request:
    return Request(SIZE, seeds, STEPS, **more)


def picture() -> Tensor:
    """(1, 3, H, W) in [-0.8, 0.8]."""
    return 1.6 * torch.rand(1, 3, 4, 6, generator=torch.Generator().manual_seed(1)) - 0.8


def towards(target: Tensor) -> dict[str, Guide]:
    return {"near": LossGuide(lambda x: (x - target).square().sum((1, 2, 3)), schedule("s", 1))}


def test_it_begins_with_codes_and_every_picture_it_shows_is_of_codes(network) -> None:
    made = generator(network, average=0)
    first = made._begin(request(), RandomStreams([3]))
    codes = network.quantize.codes()
    assert all((vector == codes).all(1).any() for vector in first[0].flatten(1).T)
    for step in made.generate(request(), towards(picture())):
        latents = step.state["values"]
        drawn = network.decode(network.quantize.nearest(latents)).clamp(-1, 1)
        assert torch.allclose(step.prediction.unguided, drawn, atol=1e-5)


def test_guides_are_followed_towards_a_picture_that_the_decoder_can_draw(network) -> None:
    wanted = network.quantize.codes()[:6].T.reshape(1, 4, 2, 3)
    target = network.decode(wanted).clamp(-1, 1)
    made = generator(network, quantise=False, rate={"linear": [[0, 0.1], [1, 0.01]]}, average=0)
    steps = list(made.generate(Request(SIZE, (3,), 100), towards(target)))
    losses = [float(step.prediction.losses["near"]) for step in steps]
    assert losses[-1] < 0.5 * losses[0]


def test_latents_stay_among_the_values_of_codes_and_decay_towards_zero(network) -> None:
    codes = network.quantize.codes()
    wild = generator(network, rate=5.0)
    *_, last = wild.generate(request(), towards(picture()))
    for c, values in enumerate(last.state["values"][0]):
        assert codes[:, c].min() <= values.min() and values.max() <= codes[:, c].max()
    still = generator(network, rate=0.5, decay=0.4)
    begun = still._begin(request(), RandomStreams([3]))
    zero = {"none": LossGuide(lambda x: 0 * x.sum((1, 2, 3)), schedule("s", 1))}
    for n, step in enumerate(still.generate(request(), zero), 1):
        inside = (begun * 0.8**n).clamp(
            codes.min(0)[0][:, None, None], codes.max(0)[0][:, None, None]
        )
        assert torch.allclose(step.state["values"], inside, atol=1e-5)


def test_gradients_of_a_clamped_picture_pass_where_they_lead_back_inside() -> None:
    """The picture becomes less where the gradient is above 0."""
    image = torch.tensor([-2.0, -2.0, 0.5, 2.0, 2.0], requires_grad=True)
    grad = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])
    made = ClampWithGradient.apply(image)
    assert made.tolist() == [-1, -1, 0.5, 1, 1]
    (found,) = torch.autograd.grad(made, image, grad)
    assert found.tolist() == [0, -1, 1, 1, 0]


def test_it_starts_from_the_latents_of_the_init_picture(network) -> None:
    made = generator(network)
    begun = made._begin(request((3, 4), init=picture()), RandomStreams([3, 4]))
    assert begun.shape == (2, 4, 2, 3) and torch.equal(begun[0], begun[1])
    assert torch.equal(begun[:1], network.encode(picture()))


def test_what_a_mask_keeps_is_the_init_picture(network) -> None:
    asked = request(init=picture())
    asked.mask = torch.zeros(1, 1, 4, 6)
    asked.mask[..., 3:] = 1
    *_, last = generator(network).generate(asked, towards(-picture()))
    kept = asked.mask.expand(1, 3, -1, -1) == 0
    assert torch.equal(last.prediction.unguided[kept], picture()[kept])
    assert not torch.equal(last.prediction.unguided, picture())


CASES: dict[str, tuple[dict[str, object], Request]] = {
    "codes": ({}, request()),
    "latents": ({"quantise": False, "average": 0}, request()),
    "three images": ({}, request((3, 4, 5))),
    "an init picture": ({}, request((3, 4), init=picture(), skip=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_from_any_state_on_every_bit_is_that_of_a_run_that_never_stopped(
    name: str, network: Autoencoder, tmp_path: Path
) -> None:
    settings, asked = CASES[name]

    def steps(saved: State | None) -> Iterator[Step]:
        return generator(network, **settings).generate(asked, {"noisy": Noisy()}, saved)

    assert_resumes(steps, asked.drawn, tmp_path)


@pytest.mark.parametrize("init", [None, picture()], ids=["codes", "init"])
def test_an_image_of_a_batch_has_every_bit_that_it_has_alone(network, init) -> None:
    def steps(seeds: tuple[int, ...]) -> Iterator[Step]:
        return generator(network).generate(request(seeds, init=init), {"noisy": Noisy()})

    assert_alone_as_in_a_batch(steps)


def test_recomputing_activations_needs_less_memory_and_draws_the_same(network) -> None:
    size = (64, 64)
    asked = Request(size, (3,), 2)
    counted, pictures = [], []
    for recompute in (False, True):
        made = generator(network)
        made.memory_policy.checkpointing = recompute
        *_, last = made.generate(asked, towards(torch.zeros(1, 3, *size)))
        pictures.append(last.prediction.unguided)
        meta = made.on_meta()
        owned = held(*meta.networks().values())
        guides = towards(torch.zeros(1, 3, *size, device="meta"))
        counted.append(measure_step(meta, guides, asked, "cpu", owned, 0.0))
    assert torch.equal(*pictures)
    assert 0 < counted[1].activations < 0.2 * counted[0].activations


def test_running_out_of_memory_first_recomputes_activations(network, caplog) -> None:
    failures = [MemoryError()]

    class Large(Noisy):
        def __call__(self, image: Tensor, progress: float, rng: RandomStreams):
            if failures:
                raise failures.pop()
            return super().__call__(image, progress, rng)

    made = generator(network)
    next(made.generate(request(), {"large": Large()}))
    assert made.memory_policy.checkpointing and "generator.checkpointing=true" in caplog.text
    made.network.checkpointing = False
