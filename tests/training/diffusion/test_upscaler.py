"""The upscaler."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from guided.training.diffusion import upscaler


def test_the_upscaler_trains_and_ships(folder: Path) -> None:
    shipped = folder / "upscaler.safetensors"
    told = {"data": str(folder), "out": str(folder / "up"), "ship": str(shipped)}
    upscaler.train(upscaler.Settings(steps=1, batch=2, device="cpu", **told))
    model = upscaler.Upscaler()
    model.load_state_dict({key: value.float() for key, value in load_file(shipped).items()})
    assert model(torch.rand(1, 3, 8, 8)).shape == (1, 3, 32, 32)
