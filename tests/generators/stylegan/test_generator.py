"""The generator of StyleGAN2's latents: what it optimises, and from any state on, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from guided.errors import NoRoom
from guided.generators.settings import LoadContext
from guided.generators.stylegan.card import StyleganCard
from guided.generators.stylegan.generator import StyleganGenerator
from guided.generators.stylegan.network import StyleGAN2
from guided.generators.stylegan.settings import Stylegan
from guided.guides.base import LossGuide
from guided.interfaces import Guide, GuideGradient, Request, Step
from guided.memory.estimate import held, measure_step
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.runs import checkpoint
from guided.schedule import schedule
from tests.doubles import randomised
from tests.generators.pixels.test_generator import Noisy
from tests.generators.stylegan.test_card import SMALL

CPU = torch.device("cpu")
SIDE, STEPS = SMALL.image_size, 4


@pytest.fixture(scope="module")
def network() -> StyleGAN2:
    net = randomised(StyleGAN2(SMALL), seed=3).eval().requires_grad_(False)
    for weight in net.mapping.parameters():
        weight.mul_(300)  # trained ones are stored larger by a factor of 100
    net.mapping.w_avg.fill_(0.1)
    return net


def generator(network: StyleGAN2, **settings: object) -> StyleganGenerator:
    cache = ModelCache()
    cache.get = lambda *how: network  # type: ignore[method-assign]
    card = StyleganCard(network=SMALL, size=[SIDE, SIDE])
    context = LoadContext(card, None, None, CPU, torch.float32, cache, MemoryPolicy())
    return Stylegan(**({"candidates": 3} | settings)).load(context)


def request(seeds: tuple[int, ...] = (3,), steps: int = STEPS, **more: object) -> Request:
    return Request((SIDE, SIDE), seeds, steps, **more)


def towards(picture: Tensor) -> dict[str, Guide]:
    """A quadratic whose minimum is the picture."""
    return {"near": LossGuide(lambda x: (x - picture).square().mean((1, 2, 3)), schedule("s", 1))}


def picture(network: StyleGAN2, seed: int = 1) -> Tensor:
    """One that the network can make, (1, 3, S, S) in [-1, 1]."""
    z = torch.randn(1, SMALL.latent, generator=torch.Generator().manual_seed(seed))
    return network(network.mapping(z)[:, None])


def losses(steps: Iterator[Step]) -> list[float]:
    return [float(step.prediction.losses["near"][0]) for step in steps]


def parts(step: Step) -> dict[str, Tensor]:
    return {"x": step.x, "seen": step.prediction.seen, **step.state}


@pytest.mark.parametrize(("space", "left"), [("w", 0.05), ("w+", 0.01)])
def test_it_finds_a_picture_that_the_network_can_make(space: str, left: float, network) -> None:
    """With a latent for each layer more nearly: there are fewer local minima."""
    rate = {"linear": [[0, 0.1], [1, 0.01]]}
    drawing = generator(network, space=space, rate=rate, pull=0, candidates=16)
    found = losses(drawing.generate(request(steps=200), towards(picture(network))))
    assert found[-1] < left * found[0]


@pytest.mark.parametrize("space", ["w", "w+"])
def test_from_any_state_on_every_bit_is_that_of_a_run_that_never_stopped(
    space: str, network, tmp_path
) -> None:
    drawing, guides = generator(network, space=space), {"noisy": Noisy()}
    whole = [parts(step) for step in drawing.generate(request((3, 8)), guides)]
    assert len(whole) == STEPS
    for k, step in enumerate(drawing.generate(request((3, 8)), guides)):
        if k == STEPS - 1:
            break  # nothing is left to draw
        checkpoint.save(tmp_path / "s.safetensors", step.state, "x")
        saved = checkpoint.load(tmp_path / "s.safetensors", "x")
        rest = [parts(later) for later in drawing.generate(request((3, 8)), guides, saved)]
        for mine, expected in zip(rest, whole[k + 1 :], strict=True):
            assert all(torch.equal(mine[name], expected[name]) for name in expected)


def test_an_image_of_a_batch_has_every_bit_that_it_has_alone(network) -> None:
    drawing, guides = generator(network), {"noisy": Noisy()}
    together = list(drawing.generate(request((3, 8)), guides))
    for b, seed in enumerate((3, 8)):
        alone = list(drawing.generate(request((seed,)), guides))
        assert all(
            torch.equal(one.x[0], both.x[b]) for one, both in zip(alone, together, strict=True)
        )


def test_states_of_other_requests_are_refused(network) -> None:
    drawing, guides = generator(network), {"noisy": Noisy()}
    one = next(drawing.generate(request(), guides))
    with pytest.raises(ValueError, match="another size or number"):
        next(drawing.generate(request((3, 8)), guides, one.state))
    other = generator(network, space="w")
    with pytest.raises(ValueError, match="another size or number"):
        next(other.generate(request(), guides, one.state))


def test_it_begins_with_the_candidate_that_the_guides_like_best(network) -> None:
    """Among the same latents, drawn one after the other: the more, the better or the same."""
    guides = towards(picture(network))
    firsts = [
        losses(generator(network, candidates=count).generate(request((5,), 1), guides))[0]
        for count in (1, 2, 4, 16)
    ]
    assert firsts == sorted(firsts, reverse=True) and firsts[-1] < firsts[0]


def test_a_truncation_of_0_begins_with_the_mean(network) -> None:
    drawing = generator(network, truncation=0)
    first = next(drawing.generate(request(), {"noisy": Noisy()}))
    mean = network(network.mapping.w_avg[None, None])
    assert torch.allclose(first.prediction.seen, (mean + 1) / 2, atol=1e-6)


def test_latents_are_pulled_to_their_mean(network) -> None:
    def distance(pull: float) -> float:
        drawing = generator(network, pull=pull, rate=0.05)
        *_, last = drawing.generate(request(steps=30), {"noisy": Noisy()})
        return float((last.state["values"] - network.mapping.w_avg).square().mean())

    assert distance(0.3) < 0.5 * distance(0)


def test_one_latent_for_all_layers_is_less_to_choose(network) -> None:
    shapes = {
        space: next(
            generator(network, space=space).generate(request(), {"noisy": Noisy()})
        ).state["values"].shape
        for space in ("w", "w+")
    }  # fmt: skip
    assert shapes == {"w": (1, 1, SMALL.width), "w+": (1, SMALL.styles, SMALL.width)}


def test_running_out_of_memory_recomputes_first_and_then_is_one_line(network, caplog) -> None:
    class Hungry:
        def is_active(self, progress: float) -> bool:
            return True

        def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
            raise MemoryError

    drawing = generator(network, candidates=1)
    with pytest.raises(NoRoom, match=rf"size=\[{SIDE},{SIDE}\]"):
        next(drawing.generate(request(), {"hungry": Hungry()}))
    assert drawing.memory_policy.checkpointing and network.checkpointing
    assert "activations computed again" in caplog.text
    drawing = generator(network)
    with pytest.raises(NoRoom, match=rf"size=\[{SIDE},{SIDE}\]"):
        next(drawing.generate(request(), {"hungry": Hungry()}))


def test_the_memory_of_a_step_is_counted_and_recomputing_saves_some(network) -> None:
    drawing, needs = generator(network).on_meta(), []
    for checkpointing in (False, True):
        drawing.memory_policy.checkpointing = checkpointing
        owned = held(*drawing.networks().values())
        needs.append(measure_step(drawing, {}, request((1, 2)), "cpu", owned, 0.5))
    assert 0 < needs[1].activations < needs[0].activations
