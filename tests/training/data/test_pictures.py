"""The prepared pictures: colours and sizes."""

from pathlib import Path

import numpy as np
import torch

from guided.training.data import pictures, prepare


def test_hue_rotation_keeps_grey_and_comes_back_after_a_full_turn() -> None:
    grey, colour = torch.full((1, 3, 2, 2), 0.4), torch.rand(1, 3, 2, 2) * 0.3 + 0.3
    assert torch.allclose(pictures.hue_rotated(grey, torch.tensor([1.3])), grey, atol=1e-6)
    assert torch.allclose(
        pictures.hue_rotated(colour, torch.tensor([2 * torch.pi])), colour, atol=1e-5
    )


def test_new_pictures_replace_the_smaller_copies_of_old_ones(folder: Path) -> None:
    assert len(pictures.load(folder, 32)) == 12
    book = prepare.json.loads((folder / "captions.json").read_text())
    book["pictures"] = book["pictures"][:8]
    prepare.write(folder, np.load(folder / "pictures.npy")[:8], book)
    assert len(pictures.load(folder, 32)) == len(pictures.load(folder, 32).vendors) == 8
