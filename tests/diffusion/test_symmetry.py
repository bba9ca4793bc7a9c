"""Mirrored canvases: which half stays, when it happens, and that every sampler obeys."""

import math

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


@pytest.mark.parametrize("fold", [2, 4])
@pytest.mark.parametrize("side", [8, 9])
def test_turned_by_a_sector_a_square_stays_the_same(fold: int, side: int) -> None:
    """By quarter turns, of which torch has its own."""
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    turned = Mirror(f"rotate:{fold}")(x)
    assert torch.equal(turned, turned.rot90(4 // fold, (2, 3)))
    assert torch.equal(turned[:, :, side // 2, : side // 2], x[:, :, side // 2, : side // 2])


def test_sectors_are_equal_where_pixels_do_not_fall_on_each_other() -> None:
    """A smooth picture in six sectors is the same after a sixth of a turn, to a pixel; the noise
    of a sector is as strong as it was."""
    side, sector = 128, math.pi / 3
    place = torch.arange(side) - (side - 1) / 2
    down, across = torch.meshgrid(place, place, indexing="ij")

    def smooth(angle: float) -> Tensor:
        """A picture without symmetry, turned."""
        u = math.cos(angle) * across + math.sin(angle) * down
        v = math.cos(angle) * down - math.sin(angle) * across
        return torch.sin(u / 20 + 1) + torch.cos(v / 25)

    turned = Mirror("rotate:6")(smooth(0)[None, None])[0, 0]
    inside = torch.hypot(down, across) < side / 2 - 1
    direction = torch.atan2(down, across) % (2 * math.pi)
    for k in range(6):
        # The sector around the left is number 3, and every other is that one turned.
        expected = smooth((k - 3) * sector)
        part = inside & (
            ((direction - k * sector + math.pi) % (2 * math.pi) - math.pi).abs() < 0.5
        )
        assert (turned - expected)[part].abs().max() < 0.1
        assert (turned - expected)[part].abs().mean() < 0.03
    noise = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    assert Mirror("rotate:6")(noise).std() == pytest.approx(1, abs=0.03)


def test_what_has_no_counterpart_on_the_canvas_stays() -> None:
    x = torch.randn(1, 3, 10, 30, generator=torch.Generator().manual_seed(2))
    assert torch.equal(Mirror("rotate:3")(x)[..., -3:], x[..., -3:])


@pytest.mark.parametrize("symmetry", ["horizontal", "both", "rotate:2", "rotate:4"])
@pytest.mark.parametrize("sampler", [DDIM(), DDPM(), PLMS(order=3), DPMSolver(eta=1)], ids=str)
def test_the_finished_picture_is_symmetric_with_every_sampler(
    symmetry: str, sampler: Sampler
) -> None:
    mirror = Mirror(symmetry, (0.3, 1.0))
    *_, last = drawing(sampler, mirror).generate(Request((8, 8), seeds=[1, 2], steps=6), {})
    for image in (last.x, last.prediction.guided, last.prediction.unguided):
        assert torch.equal(image, mirror(image))
        assert relative(image.flip(2), image) > 0.1 or symmetry == "both"


def test_it_happens_before_the_first_step_that_is_far_enough() -> None:
    line = timeline("linear", 10)  # progress 0.099, 0.199 ... 0.999
    assert Mirror("both", (0.5, 0.25)).positions(line, 9) == {4, 7}
    assert Mirror("none", (0.5,)).positions(line, 9) == set()
    # What was skipped is made up for at once.
    assert Mirror("both", (0.1, 0.3)).positions(line, 5) == {5}
    assert Mirror("both", (1.0,)).positions(line, 9) == {-1}  # the finished picture


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
