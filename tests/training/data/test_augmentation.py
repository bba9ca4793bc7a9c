"""What is seen of a picture while learning: colours, hues, bends, grounds."""

from pathlib import Path

import pytest
import torch
import yaml

from guided.paths import EMBEDDED
from guided.training.data import augmentation, pictures, sources, subjects


def test_hue_rotation_keeps_grey_and_comes_back_after_a_full_turn() -> None:
    grey, colour = torch.full((1, 3, 2, 2), 0.4), torch.rand(1, 3, 2, 2) * 0.3 + 0.3
    assert torch.allclose(pictures.hue_rotated(grey, torch.tensor([1.3])), grey, atol=1e-6)
    assert torch.allclose(
        pictures.hue_rotated(colour, torch.tensor([2 * torch.pi])), colour, atol=1e-5
    )


def test_colours_are_named(folder: Path) -> None:
    red = torch.tensor([0.9, 0.1, 0.15]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    assert augmentation.colour_names(red, torch.ones(1, 1, 64, 64)) == ["red"]


def test_subjects_weigh_concepts_not_pictures(folder: Path) -> None:
    book = pictures.load(folder, 64)
    chosen = {
        "vendors": {"noto": 1, "twemoji": 3},
        "weights": {"sun": 2, "star": 1, "cat face": 1},
    }
    weights = subjects.picture_weights(book, chosen)
    of_concept = torch.zeros(4).index_add_(0, book.concepts, weights)
    assert of_concept.tolist() == pytest.approx([0, 2, 1, 1])
    assert all(weights[i] == 0 for i, vendor in enumerate(book.vendors) if vendor == "emojione")


def test_faded_colour_stays_within_its_object() -> None:
    alpha = torch.rand(8, 1, 16, 16)
    faded = augmentation.faded(
        alpha * torch.rand(8, 3, 16, 16), alpha, torch.Generator().manual_seed(0)
    )
    assert faded.min() >= 0 and (faded <= alpha + 1e-6).all()


def test_every_subject_is_spelt_as_in_unicode() -> None:
    """Each subject once, and other names only for subjects."""
    book = sources.subjects()
    assert len(book["weights"]) > 400 and not set(book["weights"]) & set(book["later"])
    names = yaml.safe_load((sources.HERE / "names.yaml").read_text())
    assert set(names) <= {*book["weights"], *book["later"]}


def test_what_the_shipped_model_knows_is_taught_on() -> None:
    known = (EMBEDDED / "words.txt").read_text().splitlines()
    assert len(known) == len(set(known)) and set(known) <= set(sources.subjects()["weights"])


def test_a_batch_shows_its_rows_on_plain_grounds(folder: Path) -> None:
    book = pictures.load(folder, 64)
    chosen = {"vendors": {"twemoji": 1}, "weights": {"sun": 2, "star": 1}}
    shown = subjects.Subjects(book, chosen, 32, recolour=0.0)
    images, rows = shown.batch(16, torch.Generator().manual_seed(0))
    assert {(book.words[book.concepts[i]]["label"], book.vendors[i]) for i in rows} == {
        ("sun", "twemoji"), ("star", "twemoji"),
    }  # fmt: skip
    ground = images[:, :, :1, :1] / 2 + 0.5  # what is shown leaves the corners free
    placed = pictures.placed(*book.batch(rows), 32, subjects.FILL)
    expected = pictures.over(*placed, ground) * 2 - 1
    assert torch.allclose(images, expected, atol=2 / 255)


def test_colour_names_survive_being_numbers() -> None:
    names = ["red", None, "black"]
    assert augmentation.named(augmentation.numbers(names)) == names


def test_a_bent_picture_keeps_its_colours_and_moves_little() -> None:
    picture = torch.zeros(4, 4, 48, 48)
    picture[:, :, 12:36, 12:36] = 1.0
    bent = augmentation.bent(picture, torch.Generator().manual_seed(0))
    assert bent.min() >= 0 and bent.max() <= 1.0 + 1e-5
    assert not torch.equal(bent[0], bent[1])
    assert (bent[:, 3, 20:28, 20:28] > 0.99).all() and (bent[:, 3, :4, :4] < 0.01).all()
