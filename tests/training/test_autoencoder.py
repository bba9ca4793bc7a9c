"""The autoencoder of generator=codes: its losses, and a file that is recognised."""

from pathlib import Path

import pytest
import torch

from guided.config.catalog import card_for
from guided.errors import BadInput
from guided.generators.codes.network import Autoencoder, load
from guided.training import autoencoder
from guided.training.autoencoder import Settings, architecture, cropped, losses
from tests.doubles import randomised


def test_it_trains_and_ships_what_model_recognises(folder: Path) -> None:
    shipped = folder / "autoencoder.safetensors"
    told = {"data": str(folder), "out": str(folder / "run"), "ship": str(shipped)}
    autoencoder.train(Settings(steps=2, batch=2, crop=16, device="cpu", **told))
    card = card_for(shipped)
    assert card.vq == architecture() and card.divisor == 8
    assert shipped.stat().st_size < 3_000_000
    network = load(card, torch.device("cpu"), torch.float32)
    images = torch.rand(1, 3, 16, 24)
    assert network.decode(network.quantize(network.encode(images))).shape == images.shape
    assert list((folder / "run").glob("samples-*.png"))


def test_each_loss_reaches_its_part() -> None:
    """Pixels teach encoder and decoder past the codes; the codes learn from latents alone."""
    model = randomised(Autoencoder(architecture()), seed=1)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    found = losses(model, images)
    found["pixels"].backward()
    assert model.encoder.conv_in.weight.grad.abs().max() > 0
    assert model.decoder.conv_out.weight.grad.abs().max() > 0
    book = model.quantize.embedding.weight
    assert book.grad is None or not book.grad.any()
    model.zero_grad()
    losses(model, images)["codes"].backward()
    assert book.grad.abs().max() > 0 and model.encoder.conv_in.weight.grad.abs().max() > 0
    assert model.decoder.conv_out.weight.grad is None


def test_windows_are_the_same_of_all_pictures() -> None:
    images = torch.arange(2 * 3 * 8 * 8).view(2, 3, 8, 8)
    found = cropped(images, 4, torch.Generator().manual_seed(0))
    assert found.shape == (2, 3, 4, 4) and torch.equal(
        found[1] - found[0], images[1, :, :4, :4] - images[0, :, :4, :4]
    )


def test_windows_that_no_code_fits_into_are_refused(folder: Path) -> None:
    for crop in (4, 20, 136):
        with pytest.raises(BadInput, match=f"^crop={crop} must be a multiple of 8 up to 128"):
            Settings(data=str(folder), crop=crop).check()
