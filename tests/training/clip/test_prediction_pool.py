"""The pool of a denoiser's predictions."""

from pathlib import Path

import torch

from guided.training.clip import prediction_pool


def test_a_pool_holds_guesses_of_known_pictures(folder: Path) -> None:
    made = folder / "pool.pt"
    told = {"data": str(folder), "out": str(made), "device": "cpu"}
    prediction_pool.fill(prediction_pool.Settings(count=4, batch=2, **told))
    found = torch.load(made, weights_only=True)
    assert found["images"].shape == (4, 3, 32, 32) and found["images"].dtype == torch.uint8
    assert found["rows"].max() < 8  # the guides' vendors only
    assert len(found["colours"]) == len(found["grounds"]) == len(found["times"]) == 4
