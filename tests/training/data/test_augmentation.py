"""What is seen of a picture while learning: colours, hues, bends, grounds."""

from pathlib import Path

import torch

from guided.training.data import augmentation


def test_colours_are_named(folder: Path) -> None:
    red = torch.tensor([0.9, 0.1, 0.15]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    assert augmentation.colour_names(red, torch.ones(1, 1, 64, 64)) == ["red"]


def test_faded_colour_stays_within_its_object() -> None:
    alpha = torch.rand(8, 1, 16, 16)
    faded = augmentation.colour_jittered(
        alpha * torch.rand(8, 3, 16, 16), alpha, torch.Generator().manual_seed(0)
    )
    assert faded.min() >= 0 and (faded <= alpha + 1e-6).all()


def test_colour_names_survive_being_numbers() -> None:
    names = ["red", None, "black"]
    assert augmentation.names_of(augmentation.indices_of(names)) == names


def test_a_bent_picture_keeps_its_colours_and_moves_little() -> None:
    picture = torch.zeros(4, 4, 48, 48)
    picture[:, :, 12:36, 12:36] = 1.0
    bent = augmentation.warped(picture, torch.Generator().manual_seed(0))
    assert bent.min() >= 0 and bent.max() <= 1.0 + 1e-5
    assert not torch.equal(bent[0], bent[1])
    assert (bent[:, 3, 20:28, 20:28] > 0.99).all() and (bent[:, 3, :4, :4] < 0.01).all()
