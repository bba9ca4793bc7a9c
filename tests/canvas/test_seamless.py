"""Pictures without a seam: what is refused, and that enlarging leaves none."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from guided.canvas.perlin import clouds
from guided.canvas.seamless import RINGS, check_edges, enlarging, read_tile
from guided.canvas.upscale import Enlarger
from guided.canvas.upscaler import Upscaler
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.images import picture
from tests.composing import composed
from tests.doubles import randomised, relative


def test_a_generator_whose_edges_are_open_is_refused():
    words = ["prompt=a sun", "generator=pixels", "generator.basis=pyramid", "tile=y"]
    with pytest.raises(BadInput, match=r"tile=y: with generator\.basis=pyramid"):
        Plan.read(composed(words))
    words[2] = "generator.basis=fourier"
    assert Plan.read(composed(words)).rings == (False, True)


def test_an_init_with_a_seam_is_refused_before_a_weight_is_loaded(tmp_path):
    wave().save(tmp_path / "wave.png")
    words = ["prompt=a sun", f"init={tmp_path}/wave.png", "init_fit=stretch"]
    with pytest.raises(BadInput, match="tile=y: the upper and lower edges"):
        Plan.read(composed([*words, "tile=y"]), weights=False)
    assert Plan.read(composed([*words, "tile=x"]), weights=False).tile == "x"


def wave(width: int = 48, height: int = 32) -> Image.Image:
    """A picture that begins again at its right and ends elsewhere at its foot."""
    across = torch.arange(width) / width * 2 * torch.pi
    down = torch.arange(height) / height
    return picture((0.5 + 0.2 * across.sin() + 0.3 * down[:, None]).expand(1, 3, -1, -1))


def test_a_picture_with_a_seam_is_refused_on_the_axis_that_has_it():
    check_edges("none", "wave.png", wave())
    check_edges("x", "wave.png", wave())
    for tile in ("y", "both"):
        with pytest.raises(
            BadInput, match=rf"tile={tile}: the upper and lower edges of init=wave"
        ):
            check_edges(tile, "wave.png", wave())
    with pytest.raises(BadInput, match="tile=x: the left and right edges of init=wave"):
        check_edges("x", "wave.png", wave().transpose(Image.Transpose.ROTATE_90))


@pytest.mark.parametrize("value", ["z", 1, ["x"], True])
def test_other_axes_are_refused(value):
    with pytest.raises(BadInput, match=r"tile=.* is not one of none, x, y, both"):
        read_tile(value)


def test_none_may_be_written_as_in_yaml():
    assert [read_tile(value) for value in (None, False, "none")] == ["none"] * 3


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize("tile", ["x", "y", "both"])
def test_an_enlarged_picture_has_no_edge(tile: str, learned: bool):
    """Rolled before or after: the same, as the edge is nowhere."""
    upscaler = randomised(Upscaler(8, 5), seed=2).eval().requires_grad_(False)
    enlarge = enlarging(Enlarger(upscaler if learned else None), RINGS[tile])
    image = torch.rand(1, 3, 24, 20, generator=torch.Generator().manual_seed(3))
    across, down = RINGS[tile]
    by = 7 * down, 9 * across
    large = enlarge(image.roll(by, (2, 3)), 4)
    assert large.shape == (1, 3, 96, 80)
    assert relative(large, enlarge(image, 4).roll((4 * by[0], 4 * by[1]), (2, 3))) < 1e-3


def test_without_the_setting_nothing_is_added():
    enlarge = Enlarger(None)
    assert enlarging(enlarge, RINGS["none"]) is enlarge


def jumps(image: Tensor, dim: int) -> tuple[float, float]:
    """The mean difference across the edge, and of neighbouring lines within."""
    change = (image - image.roll(1, dim)).abs().transpose(0, dim).flatten(1).mean(1)
    return float(change[0]), float(change[1:].mean())


@pytest.mark.parametrize("tile", RINGS)
@pytest.mark.parametrize("size", [(96, 64), (50, 80)])
def test_the_edges_of_perlin_noise_meet(tile: str, size: tuple[int, int]):
    """On average over seeds the edge is a place like any other."""
    images = torch.cat([clouds(size, "mixed", seed, RINGS[tile]) for seed in range(16)])
    for dim, ring in ((3, RINGS[tile][0]), (2, RINGS[tile][1])):
        edge, within = jumps(images, dim)
        # A line of the lattice, as the edge is, is a little steeper than the mean.
        assert edge < 1.25 * within if ring else edge > 2 * within
