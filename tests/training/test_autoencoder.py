"""The autoencoder of generator=codes: its losses, and a file that is recognised."""

import math
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from guided.config.catalog import card_for
from guided.errors import BadInput
from guided.generators.codes.network import Autoencoder, load
from guided.training import autoencoder
from guided.training.autoencoder import (
    Settings,
    architecture,
    disturbed,
    losses,
    unevenness,
    windowed,
)
from tests.doubles import randomised


def test_it_trains_and_ships_what_model_recognises(folder: Path) -> None:
    shipped = folder / "autoencoder.safetensors"
    told = {"data": str(folder), "out": str(folder / "run"), "ship": str(shipped)}
    autoencoder.train(Settings(steps=2, batch=2, crop=16, device="cpu", **told))
    card = card_for(shipped)
    assert card.vq == architecture() and card.divisor == 4
    assert shipped.stat().st_size < 3_000_000
    network = load(card, torch.device("cpu"), torch.float32)
    images = torch.rand(1, 3, 16, 24)
    assert network.decode(network.quantize(network.encode(images))).shape == images.shape
    assert list((folder / "run").glob("samples-*.png"))


def test_each_loss_reaches_its_part() -> None:
    """Pixels teach encoder and decoder past the codes; the codes learn from latents alone."""
    model = randomised(Autoencoder(architecture()), seed=1)
    images = torch.rand(2, 3, 16, 16, generator=seeded(1))

    def found(name: str) -> torch.Tensor:
        model.zero_grad()
        return losses(model, images, 0.5, seeded(2), nullcontext())[name]

    book = model.quantize.embedding.weight
    found("pixels").backward()
    assert model.encoder.conv_in.weight.grad.abs().max() > 0
    assert model.decoder.conv_out.weight.grad.abs().max() > 0
    assert book.grad is None or not book.grad.any()
    for name in ("codes", "use"):
        found(name).backward()
        assert book.grad.abs().max() > 0 and model.encoder.conv_in.weight.grad.abs().max() > 0
        assert model.decoder.conv_out.weight.grad is None


def test_windows_are_the_same_of_all_pictures() -> None:
    """Rows 0, 1, 2 ... of one and 100, 101 ... of the other differ by 100 in every window."""
    rows = torch.arange(32.0).view(1, 1, 32, 1).expand(1, 3, 32, 32)
    for k in range(5):
        found = windowed(torch.cat([rows, rows + 100]), 8, 0, seeded(k))
        assert found.shape == (2, 3, 8, 8)
        torch.testing.assert_close(found[1], found[0] + 100)


def test_whole_pictures_are_reduced_and_nothing_is_cut_off() -> None:
    """The mean over a picture of broad stripes stays what it is."""
    stripes = (torch.arange(32) // 4 % 2).float().view(1, 1, 1, 32).expand(1, 3, 32, 32)
    found = windowed(stripes, 16, 1, seeded(0))
    assert found.shape == (1, 3, 16, 16)
    assert found.mean().item() == pytest.approx(0.5, abs=0.01)


def test_latents_are_disturbed_to_other_unit_vectors_and_each_picture_by_its_own_share() -> None:
    latents = F.normalize(torch.randn(400, 8, 2, 2, generator=seeded(1)), dim=1)
    torch.testing.assert_close(disturbed(latents, 0, seeded(2)), latents)
    found = disturbed(latents, 1, seeded(2))
    torch.testing.assert_close(found.norm(dim=1), torch.ones(400, 2, 2))
    near = (found * latents).sum(1).mean((1, 2))
    assert near.max() > 0.99 and near.min() < 0.4
    assert (near > 0.9).float().mean() > 0.4  # mostly little


def test_use_is_uneven_where_one_code_takes_all() -> None:
    """With as many codes as axes, and latents on each, all are used alike."""
    codes = torch.eye(8)
    even = codes.T.view(1, 8, 2, 4)
    assert unevenness(even, codes).item() == pytest.approx(0, abs=1e-4)
    one = codes[:, :1].view(1, 8, 1, 1).expand(1, 8, 2, 4)
    assert unevenness(one, codes).item() == pytest.approx(math.log(8), abs=1e-3)


def test_windows_that_no_code_fits_into_are_refused(folder: Path) -> None:
    for crop in (2, 18, 136):
        with pytest.raises(BadInput, match=f"^crop={crop} must be a multiple of 4 up to 128"):
            Settings(data=str(folder), crop=crop).check()


@pytest.mark.parametrize("name", ["whole", "noise"])
def test_shares_beyond_1_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(BadInput, match=f"^{name}=1.5 is a share, from 0 to 1"):
        Settings(data=str(folder), **{name: 1.5}).check()


def seeded(seed: int) -> torch.Generator:
    """Return a random generator."""
    return torch.Generator().manual_seed(seed)
