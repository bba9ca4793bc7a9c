"""Weights are read as tensors and nothing else, and must fit their card exactly."""

import argparse
import pickle
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import pytest
import torch
from safetensors.torch import save_file

from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.errors import BadInput
from guided.models.recognise import recognise
from guided.models.weights import read
from tests.models.checkpoints import archive, refusal

SMALL = UNetConfig(
    image_size=16, num_channels=32, channel_mult=[1, 1], num_res_blocks=1,
    attention_resolutions=[8], num_head_channels=32, learn_sigma=False,
)  # fmt: skip


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


def test_capitals_in_a_suffix_are_no_other_format(tmp_path):
    tensors = UNet(SMALL).state_dict()
    save_file(tensors, tmp_path / "MODEL.SAFETENSORS")
    assert read(tmp_path / "MODEL.SAFETENSORS").keys() == tensors.keys()
    assert recognise(tmp_path / "MODEL.SAFETENSORS", []).unet.num_channels == 32


def test_a_damaged_pickle_is_refused_without_pythons_words(tmp_path):
    path = tmp_path / "w.bin"
    path.write_bytes(b"PK\x03\x04\x80\x02}q\x00(X\n")  # what is not ASCII where a name should be
    assert refusal(path) == f"{path} cannot be read as weights: it is damaged"


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "half.pt").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(BadInput, match=r"half\.pt"):
        read(tmp_path / "half.pt")


def test_of_lightning_s_checkpoints_the_tensors_alone_are_read(tmp_path, monkeypatch):
    """Its classes are keys of a dictionary; none of its code is needed, and others are refused."""
    for name, module in (("ModelCheckpoint", "model_checkpoint"), ("Other", "other")):
        module = f"pytorch_lightning.callbacks.{module}"
        kind = type(name, (), {"__module__": module, "__qualname__": name})
        for part in (module, "pytorch_lightning", "pytorch_lightning.callbacks"):
            monkeypatch.setitem(sys.modules, part, ModuleType(part))
        setattr(sys.modules[module], name, kind)
        content = {"state_dict": {"w": torch.ones(2)}, "callbacks": {kind: {"best": 0.5}}}
        torch.save(content, tmp_path / f"{name}.ckpt")
    monkeypatch.undo()
    assert read(tmp_path / "ModelCheckpoint.ckpt").keys() == {"state_dict.w"}
    assert not {"pytorch_lightning", "lightning"} & sys.modules.keys()
    with pytest.raises(
        BadInput, match=r"holds more than tensors, pytorch_lightning.callbacks.oth"
    ):
        read(tmp_path / "Other.ckpt")
