"""Weights are read as tensors and nothing else, and must fit their card exactly."""

import argparse
import pickle
import warnings
import zipfile
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
from guided.models.load import load_compiled, load_secondary, load_unet
from guided.models.recognise import recognise
from guided.models.weights import read
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


def test_half_precision_files_are_computed_in_full_precision(tmp_path):
    path = tmp_path / "half.safetensors"
    save_file({key: tensor.half() for key, tensor in UNet(SMALL).state_dict().items()}, path)
    assert {parameter.dtype for parameter in load(path).parameters()} == {torch.float32}


def test_a_file_with_code_in_it_is_refused(tmp_path):
    marker = tmp_path / "touched"

    class Touch:
        def __reduce__(self):
            return (Path.touch, (marker,))

    torch.save({"w": Touch()}, tmp_path / "zip.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps({"w": Touch()}, protocol=2))
    for name in ("zip.pt", "raw.pt"):
        with pytest.raises(BadInput, match=name):
            read(tmp_path / name)
    assert not marker.exists()


def archive(path: Path, pickled: bytes) -> Path:
    """A checkpoint as torch writes it, with another pickle in it."""
    torch.save({"w": torch.zeros(2)}, path)
    with zipfile.ZipFile(path) as source:
        parts = {part.filename: source.read(part) for part in source.infolist()}
    with zipfile.ZipFile(path, "w") as made:
        for name, content in parts.items():
            made.writestr(name, pickled if name.endswith("data.pkl") else content)
    return path


def refusal(path: Path, shapes_only: bool = False) -> str:
    with pytest.raises(BadInput) as caught:
        read(path, shapes_only)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 400
    assert str(path) in text
    assert "weights_only" not in text
    return text


def nested(levels: int, width: int) -> dict:
    found: dict = {"w": torch.zeros(2)}
    for _ in range(levels):
        found = dict.fromkeys(map(str, range(width)), found)
    return found


def itself() -> dict:
    found: dict = {"w": torch.zeros(2)}
    found["again"] = found
    return found


ATTACKS = {
    "more tensors by reference than could be counted": nested(15, 20) | {"deep": nested(30, 2)},
    "a dictionary in itself": itself(),
    "deep": nested(200, 1),
    "more numbers than bytes": {"w": torch.zeros(1).expand(10**9)},
    "sparse": {
        "w": torch.sparse_coo_tensor(
            torch.zeros(2, 1), [1.0], (10**9, 10**9), check_invariants=True
        )
    },
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("attack", ATTACKS)
def test_small_files_that_say_they_are_large_are_refused(tmp_path, attack, zipped):
    path = tmp_path / "w.pt"
    torch.save(ATTACKS[attack], path, _use_new_zipfile_serialization=zipped)
    refusal(path)
    refusal(path, shapes_only=True)


def test_a_dictionary_in_many_places_is_read_once(tmp_path):
    """14 levels of 20 names would be 20 to the power of 14 tensors."""
    torch.save(nested(14, 20), tmp_path / "w.pt")
    assert len(read(tmp_path / "w.pt")) == 1


TUPLES = {
    "of tuples by reference": b"\x80\x02)q\x00"
    + b"".join(b"h%ch%c\x86q%c" % (k, k, k + 1) for k in range(60))
    + b"0" * 60
    + b"0}h\x3cK\x01s.",
    "too deep for the stack": b"\x80\x02})" + b"\x85" * 500_000 + b"K\x01s.",
    "by memoize": b"\x80\x04})\x94" + b"2\x86" * 60 + b"K\x01s.",
}


@pytest.mark.parametrize("how", TUPLES)
def test_keys_that_take_forever_to_hash_are_refused(tmp_path, how):
    assert "a tuple of more than 1000" in refusal(archive(tmp_path / "w.pt", TUPLES[how]))


@pytest.mark.parametrize(
    "pickled", [b"", b"\x80\x02}", b"\x80\x020000.", b"\x80\x02h\x05.", b"junk"]
)
def test_broken_pickles_are_told(tmp_path, pickled):
    refusal(archive(tmp_path / "w.pt", pickled))
    (tmp_path / "old.pt").write_bytes(pickled)
    refusal(tmp_path / "old.pt")


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"w": torch.zeros(2)}, path)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as made:
        made.writestr("archive/data/1", bytes(50_000_000))
    assert "unpacks to far more" in refusal(path)


def test_a_storage_that_is_larger_than_its_bytes_is_refused(tmp_path):
    torch.save({"w": torch.zeros(1000)}, tmp_path / "w.pt")
    with zipfile.ZipFile(tmp_path / "w.pt") as source:
        (name,) = (n for n in source.namelist() if n.endswith("data.pkl"))
        pickled = source.read(name)
    large = pickled.replace(b"M\xe8\x03", b"J\x00\xe1\xf5\x05")  # 1000 -> 100,000,000
    assert large != pickled
    path = archive(tmp_path / "large.pt", large)
    refusal(path)
    refusal(path, shapes_only=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_in_a_file_besides_tensors_is_named_with_a_remedy(tmp_path, zipped):
    path = tmp_path / "trained.pt"
    found = {"state_dict": {"w": torch.zeros(1)}, "args": argparse.Namespace(lr=1)}
    torch.save(found, path, _use_new_zipfile_serialization=zipped)
    text = refusal(path)
    assert "argparse.Namespace" in text and "torch.save(model.state_dict()" in text


def test_torchscript_is_told_as_such(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit is on its way out
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "m.pt")
    assert "TorchScript" in refusal(tmp_path / "m.pt")


def test_capitals_in_a_suffix_are_no_other_format(tmp_path):
    tensors = UNet(SMALL).state_dict()
    save_file(tensors, tmp_path / "MODEL.SAFETENSORS")
    assert read(tmp_path / "MODEL.SAFETENSORS").keys() == tensors.keys()
    assert recognise(tmp_path / "MODEL.SAFETENSORS", []).unet.num_channels == 32


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "half.pt").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(BadInput, match=r"half\.pt"):
        read(tmp_path / "half.pt")


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
