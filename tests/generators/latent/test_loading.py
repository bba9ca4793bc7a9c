"""Weights of folders and single files are loaded as they are, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from guided.config.catalog import card_for
from guided.errors import BadInput
from guided.generators.latent.card import DecoderCard
from guided.generators.latent.loading import load_decoder, load_latent
from tests.generators.latent import published

CPU = torch.device("cpu")


@pytest.mark.parametrize("second", [False, True], ids=["1", "2"])
def test_folders_and_single_files_have_every_tensor_of_the_pipeline(second, tmp_path) -> None:
    made = published.pipeline(second)
    made.save_pretrained(tmp_path / "folder")
    published.save_single(made, tmp_path / "single.safetensors")
    for place in ("folder", "single.safetensors"):
        found = load_latent(card_for(tmp_path / place), CPU, torch.float32)
        for theirs, ours in (
            (made.unet, found.unet), (made.vae, found.vae), (made.text_encoder, found.text),
        ):  # fmt: skip
            expected, state = theirs.state_dict(), ours.state_dict()
            assert expected.keys() == state.keys()
            assert all(torch.equal(expected[key], state[key]) for key in expected)
        assert not any(tensor.is_meta for tensor in (*found.parameters(), *found.buffers()))
        assert not any(tensor.requires_grad for tensor in found.parameters())


def test_the_autoencoder_stays_in_float32(tmp_path) -> None:
    published.pipeline().save_pretrained(tmp_path)
    found = load_latent(card_for(tmp_path), CPU, torch.bfloat16)
    assert (found.unet.dtype, found.text.dtype) == (torch.bfloat16, torch.bfloat16)
    assert found.dtype == torch.float32


def test_half_precision_files_are_loaded(tmp_path) -> None:
    published.pipeline().to(torch.float16).save_pretrained(tmp_path, variant="fp16")
    assert (tmp_path / "unet" / "diffusion_pytorch_model.fp16.safetensors").is_file()
    assert load_latent(card_for(tmp_path), CPU, torch.float32).unet.dtype == torch.float32


def test_a_lost_tensor_is_told_with_its_file(tmp_path) -> None:
    published.pipeline().save_pretrained(tmp_path)
    card = card_for(tmp_path)
    file = tmp_path / "vae" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    del tensors["quant_conv.bias"]
    save_file(tensors, file)
    with pytest.raises(BadInput, match=r"vae.* 1 tensors missing.*quant_conv.bias"):
        load_latent(card, CPU, torch.float32)


def test_the_small_decoder_is_diffusers_own(tmp_path: Path) -> None:
    theirs = published.randomised(published.diffusers.AutoencoderTiny(), 1).eval()
    theirs.save_pretrained(tmp_path)
    file = tmp_path / "diffusion_pytorch_model.safetensors"
    ours = load_decoder(DecoderCard(name="taesd", file=str(file)), CPU)
    latents = torch.randn(1, 4, 2, 2)
    with torch.no_grad():
        assert torch.equal(ours.decode(latents), theirs.decode(latents).sample)
    save_file({"decoder.layers.0.weight": torch.zeros(1)}, file)
    with pytest.raises(BadInput, match="does not fit its card"):
        load_decoder(DecoderCard(name="taesd", file=str(file)), CPU)
