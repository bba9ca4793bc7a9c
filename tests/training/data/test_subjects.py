"""The batches that a diffusion model learns from."""

from pathlib import Path

import pytest
import torch

from guided.outputs.manners import over
from guided.training.data import pictures, subjects


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


def test_a_batch_shows_its_rows_on_plain_grounds(folder: Path) -> None:
    book = pictures.load(folder, 64)
    chosen = {"vendors": {"twemoji": 1}, "weights": {"sun": 2, "star": 1}}
    shown = subjects.SubjectBatches(book, chosen, 32, recolour=0.0)
    images, rows = shown.batch(16, torch.Generator().manual_seed(0))
    assert {(book.words[book.concepts[i]]["label"], book.vendors[i]) for i in rows} == {
        ("sun", "twemoji"), ("star", "twemoji"),
    }  # fmt: skip
    ground = images[:, :, :1, :1] / 2 + 0.5  # what is shown leaves the corners free
    placed = pictures.placed(*book.batch(rows), 32, subjects.FILL)
    expected = over(*placed, ground) * 2 - 1
    assert torch.allclose(images, expected, atol=2 / 255)
