"""Checkpoints that are refused, and how."""

import zipfile
from pathlib import Path

import pytest
import torch

from guided.errors import BadInput
from guided.models.weights import read


def archive(path: Path, pickled: bytes) -> Path:
    """Write a checkpoint as torch does, with another pickle in it; return its path."""
    torch.save({"w": torch.zeros(2)}, path)
    with zipfile.ZipFile(path) as source:
        parts = {part.filename: source.read(part) for part in source.infolist()}
    with zipfile.ZipFile(path, "w") as made:
        for name, content in parts.items():
            made.writestr(name, pickled if name.endswith("data.pkl") else content)
    return path


def refusal(path: Path, shapes_only: bool = False) -> str:
    """Return the one printable line with which a checkpoint is refused."""
    with pytest.raises(BadInput) as caught:
        read(path, shapes_only)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 400
    assert str(path) in text
    assert "weights_only" not in text
    return text
