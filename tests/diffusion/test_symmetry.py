"""Mirrored canvases: which half stays, when it happens, and that every sampler obeys."""

import pytest
import torch
from guided_diffusion.gaussian_diffusion import GaussianDiffusion
from torch import Tensor

from benchmarks.reference import spaced as oracle
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.symmetry import Mirror
from guided.diffusion.unet_config import UNetConfig
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.interfaces import Request, Sampler
from guided.models.cards import ModelCard
from guided.rng import RandomStreams
from tests.doubles import TinyNet, relative
from tests.oracles import SEED, SHAPE


def test_the_first_half_is_laid_over_the_second() -> None:
    x = torch.arange(2 * 4 * 5.0).view(1, 2, 4, 5)
    wide, tall, both = (Mirror(s)(x) for s in ("horizontal", "vertical", "both"))
    assert torch.equal(wide, wide.flip(3))
    assert torch.equal(wide[..., :3], x[..., :3])  # of five columns the middle one stays
    assert torch.equal(tall, tall.flip(2))
    assert torch.equal(tall[:, :, :2], x[:, :, :2])
    assert torch.equal(both, both.flip(2).flip(3))
    assert torch.equal(both[:, :, :2, :3], x[:, :, :2, :3])
    assert torch.equal(Mirror("none")(x), x)


def test_it_happens_before_the_first_step_that_is_far_enough() -> None:
    line = timeline("linear", 10)  # progress 0.099, 0.199 ... 0.999
    assert Mirror("both", (0.5, 0.25)).positions(line, 9) == {4, 7}
    assert Mirror("none", (0.5,)).positions(line, 9) == set()
    # What was skipped is made up for at once.
    assert Mirror("both", (0.1, 0.3)).positions(line, 5) == {5}
    assert Mirror("both", (1.0,)).positions(line, 9) == set()


def drawing(sampler: Sampler, mirror: Mirror) -> DiffusionGenerator:
    card = ModelCard(unet=UNetConfig(image_size=8, num_channels=32, channel_mult=[1]))
    return DiffusionGenerator(TinyNet(6), card, sampler, torch.device("cpu"), mirror=mirror)


class Symmetric(TinyNet):
    """A network that treats left and right alike."""

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        return (super().forward(x, t) + super().forward(x.flip(3), t).flip(3)) / 2


@pytest.mark.parametrize(
    "sampler",
    [DDIM(eta=0), PLMS(), PLMS(order=4), DPMSolver()],
    ids=str,
)
def test_every_sampler_goes_on_from_the_mirrored_canvas(sampler: Sampler) -> None:
    """With a network that treats both sides alike and no fresh noise, the picture is symmetric
    from then on; nothing of the unsymmetric past is remembered."""
    chosen = drawing(sampler, Mirror("horizontal", (0.4,)))
    chosen.unet = Symmetric(6)
    steps = list(chosen.generate(Request((8, 6), seeds=[1], steps=10), {}))
    assert [step.i for step in steps] == list(range(9, -1, -1))
    assert relative(steps[3].x.flip(3), steps[3].x) > 0.1
    for step in steps[4:]:
        assert relative(step.x.flip(3), step.x) < 1e-5


@pytest.mark.parametrize("sampler", [DDIM(eta=0.8), DDPM(), DPMSolver(eta=1)], ids=str)
def test_samplers_that_draw_noise_go_on_too(sampler: Sampler) -> None:
    with_it, without = (
        [step.x for step in drawing(sampler, m).generate(Request((8, 6), [1], 10), {})]
        for m in (Mirror("both", (0.4,)), Mirror())
    )
    assert len(with_it) == 10
    assert all(torch.equal(*pair) for pair in zip(with_it[:4], without[:4], strict=True))
    assert not torch.equal(with_it[4], without[4])


def test_with_ddim_it_is_the_references(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disco Diffusion's share is of the steps that are not skipped: 20 % of 10 is before the step
    of index 8, which is 0.199 of the run."""
    mirror = Mirror("horizontal", (0.199,))
    chosen = drawing(DDIM(eta=0.8), mirror)
    chosen.unet = TinyNet(6)
    ours = list(chosen.generate(Request((SHAPE[3], SHAPE[2]), [SEED], 10), {}))
    rng, diffusion = RandomStreams([SEED]), oracle(10, True)
    monkeypatch.setattr(torch, "randn_like", rng.normal_like)
    assert isinstance(diffusion, GaussianDiffusion)
    theirs = diffusion.ddim_sample_loop_progressive(
        TinyNet(6), SHAPE, noise=rng.normal_like(torch.empty(SHAPE)), clip_denoised=False,
        model_kwargs={}, eta=0.8, transformation_percent=[0.2],
        transformation_fn=lambda x: torch.cat([x[..., :4], x[..., :4].flip(3)], 3),
    )  # fmt: skip
    for mine, expected in zip(ours, theirs, strict=True):
        assert relative(mine.x, expected["sample"]) < 1e-4
