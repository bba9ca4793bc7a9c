"""Networks with the weights of their cards, which must fit exactly."""

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from guided.diffusion import group_norm
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.errors import BadInput
from guided.models.cards import ModelCard, SecondaryCard
from guided.models.load import keep_compiled, load_compiled, load_secondary, load_unet
from tests.doubles import randomised, relative

SMALL = UNetConfig(
    image_size=16, num_channels=32, channel_mult=[1, 1], num_res_blocks=1,
    attention_resolutions=[8], num_head_channels=32, learn_sigma=False,
)  # fmt: skip


def card(path: Path) -> ModelCard:
    return ModelCard(name="small", file=str(path), unet=SMALL)


def load(path: Path) -> UNet:
    return load_unet(card(path), torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors", "old.pt"])
def test_every_format_of_checkpoint_loads(tmp_path, name):
    unet = UNet(SMALL)
    tensors = unet.state_dict()
    path = tmp_path / name
    if name.endswith("safetensors"):
        save_file(tensors, path)
    else:  # files from before torch 1.6 are no zip archives
        torch.save(tensors, path, _use_new_zipfile_serialization=name != "old.pt")
    loaded = load(path)
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in loaded.state_dict().items())
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


@pytest.mark.slow  # the compiler takes a minute
@pytest.mark.parametrize("large", [group_norm.LARGE, 0], ids=["small images", "large ones"])
def test_a_compiled_network_says_the_same_and_sends_back_the_same(tmp_path, monkeypatch, large):
    monkeypatch.setattr(group_norm, "LARGE", large)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    path = tmp_path / "w.safetensors"
    save_file(randomised(UNet(SMALL)).state_dict(), path)
    found = []
    for way in (load_unet, load_compiled):
        unet = way(card(path), torch.device("cpu"), torch.float32)
        x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)).requires_grad_()
        guess = unet(x, torch.tensor([10.0, 900.0]))
        (grad,) = torch.autograd.grad(guess.square().sum(), x)
        found.append((guess.detach(), grad))
    for plain, compiled in zip(*found, strict=True):
        assert relative(compiled, plain) < 1e-5


def test_compiled_code_is_kept_in_a_folder_that_only_the_user_can_write_to(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "elsewhere"))
    keep_compiled()
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "elsewhere")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    keep_compiled()
    folder = tmp_path / "cache" / "guided" / "compiled"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_half_precision_files_are_computed_in_full_precision(tmp_path):
    path = tmp_path / "half.safetensors"
    save_file({key: tensor.half() for key, tensor in UNet(SMALL).state_dict().items()}, path)
    assert {parameter.dtype for parameter in load(path).parameters()} == {torch.float32}


def test_what_does_not_fit_its_card_is_said_in_one_line(tmp_path):
    tensors = UNet(SMALL).state_dict()
    missing = {key: tensor for key, tensor in tensors.items() if key != "out.2.bias"}
    other = tensors | {"out.2.bias": torch.zeros(6)}
    extra = tensors | {"label_emb.weight": torch.zeros(2, 2)}
    for name, found, said in (
        ("missing", missing, "out.2.bias is missing"),
        ("other", other, "expected (3,)"),
        ("extra", extra, "label_emb.weight is unknown"),
    ):
        path = tmp_path / f"{name}.safetensors"
        save_file(found, path)
        with pytest.raises(BadInput) as caught:
            load(path)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_the_secondary_model_loads_frozen_and_refuses_other_files(tmp_path):
    tensors = SecondaryModel().state_dict()
    torch.save(tensors, tmp_path / "whole.pth")
    del tensors["net.4.bias"]
    torch.save(tensors, tmp_path / "part.pth")
    card, cpu = SecondaryCard(file=str(tmp_path / "whole.pth")), torch.device("cpu")
    loaded = load_secondary(card, cpu)
    assert torch.equal(loaded.net[4].weight, tensors["net.4.weight"])
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    card.file = str(tmp_path / "part.pth")
    with pytest.raises(BadInput, match=r"net\.4\.bias is missing"):
        load_secondary(card, cpu)
