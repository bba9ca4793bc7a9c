"""Enlarging: exact sizes, and better than plain interpolation where it was learned."""

import pytest
import torch
import torch.nn.functional as F

from guided.canvas import upscale
from guided.canvas.upscale import Enlarger
from guided.errors import BadInput

CPU = torch.device("cpu")


@pytest.mark.parametrize("name", ["", "embedded/upscaler.safetensors"])
@pytest.mark.parametrize("times", [1, 2, 3, 4, 8, 16])
def test_every_factor_gives_its_size(name, times):
    image = torch.rand(1, 3, 8, 12)
    assert Enlarger.load(name, CPU)(image, times).shape == (1, 3, 8 * times, 12 * times)


def test_once_is_the_picture_itself():
    image = torch.rand(1, 3, 8, 8)
    assert torch.equal(Enlarger.load("embedded/upscaler.safetensors", CPU)(image, 1), image)


@pytest.mark.parametrize("times", [4, 11, 16])
def test_a_learned_edge_is_sharper_than_bicubic(times):
    """A disc: nearer to the true large disc than bicubic interpolation comes."""
    large, side = disc(32 * times), 32 * times
    small = F.interpolate(large, (32, 32), mode="area")
    learned = Enlarger.load("embedded/upscaler.safetensors", CPU)(small, times)
    bicubic = F.interpolate(small, (side, side), mode="bicubic", antialias=True)
    assert F.mse_loss(learned, large) < 0.8 * F.mse_loss(bicubic, large)


def disc(side: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    inside = ((y - side / 2) ** 2 + (x - side / 2) ** 2) < (side / 3) ** 2
    red, white = torch.tensor([0.9, 0.1, 0.1]), torch.tensor([1.0, 1.0, 1.0])
    return torch.where(inside[None, None], red.view(1, 3, 1, 1), white.view(1, 3, 1, 1))


def test_an_upscaler_that_is_not_there_is_named():
    with pytest.raises(BadInput, match="nowhere"):
        Enlarger.load("nowhere.safetensors", CPU)


@pytest.mark.parametrize("size", [(70, 40), (40, 70), (65, 97)])
def test_a_large_picture_in_tiles_is_the_same_as_all_at_once(size, monkeypatch):
    """The embedded upscaler sees 12 pixels around one."""
    enlarger = Enlarger.load("embedded/upscaler.safetensors", CPU)
    image = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3))
    whole = enlarger(image, 4)
    monkeypatch.setattr(upscale, "TILE", 32)
    torch.testing.assert_close(enlarger(image, 4), whole, atol=1e-5, rtol=0)
    monkeypatch.setattr(upscale, "MARGIN", 4)  # too small: the seams are seen
    assert (enlarger(image, 4) - whole).abs().max() > 1e-3
