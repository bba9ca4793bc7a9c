"""Damage of weight files, by structure."""

import pytest
from omegaconf import OmegaConf

from guided.models import weights_file
from guided.paths import PACKAGE, conf_folder


def test_safetensors_that_break_off_are_seen(tmp_path):
    import torch
    from safetensors.torch import save_file

    path = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(100), "b": torch.zeros(3, 4)}, path)
    assert weights_file.damage(path) is None
    assert weights_file.header(path)["b"]["shape"] == [3, 4]
    whole = path.read_bytes()
    for part in (whole[:-1], whole[:50], whole[:4], b"", b"\xff" * 200, whole + b"x"):
        path.write_bytes(part)
        assert weights_file.damage(path), len(part)


@pytest.mark.parametrize(
    "told",
    [
        "[]",
        "77",
        '{"a": 1}',
        '{"a": []}',
        '{"a": {"shape": 1}}',
        '{"a": {"shape": [1], "data_offsets": 1}}',
        '{"a": {"shape": [1], "data_offsets": [0]}}',
        '{"a": {"shape": [1], "data_offsets": ["0", "4"]}}',
        '{"a": {"shape": "11", "data_offsets": [0, 4]}}',
        '{"a": {"shape": [-1], "data_offsets": [0, 4]}}',
        "[" * 100_000,
    ],
)
def test_a_safetensors_header_that_lies_is_told_as_damage(tmp_path, told):
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(told).to_bytes(8, "little") + told.encode())
    assert weights_file.damage(path) == "its safetensors header is broken"
    with pytest.raises(ValueError, match="header is broken"):
        weights_file.header(path)


@pytest.mark.parametrize("name", ["m.bin", "m.pt"])
def test_safetensors_of_another_suffix_are_told_their_own(tmp_path, name):
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / name).write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    assert "name it m.safetensors" in weights_file.misshapen(tmp_path / name, ".pt")


def test_the_programs_own_weights_are_verified_by_their_card_and_no_note_is_left_there():
    card = OmegaConf.load(conf_folder() / "model" / "embedded.yaml")
    path = PACKAGE / "models" / card.file
    assert card.sha256 and weights_file.verify(path, card.sha256) is None
    assert "expected" in weights_file.verify(path, "0" * 64)
    assert not weights_file.beside(path).exists()
