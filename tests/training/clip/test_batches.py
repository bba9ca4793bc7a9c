"""The pictures and captions that a CLIP learns from."""

from pathlib import Path

import pytest
import torch

from guided.training.clip.batches import CaptionedBatches, FolderBatches
from guided.training.data import folder as pictures_of
from guided.training.data import pictures, sources


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("learner", ["guides", "judge"])
def test_a_learner_is_shown_its_own_vendors_only(folder: Path, learner: str) -> None:
    book = pictures.load(folder, 32)
    taught = CaptionedBatches(book, learner)
    shown = {book.vendors[row] for rows in taught.rows_of.values() for row in rows}
    assert shown and shown <= set(sources.of(learner))


def test_captions_that_fit_two_pictures_are_not_compared(folder: Path) -> None:
    taught = CaptionedBatches(pictures.load(folder, 32), "guides")
    batch, again = taught.batch(4, rng()), taught.batch(4, rng())
    assert batch.images.shape == (4, 3, 32, 32) and batch.compared.shape == (4, len(batch.texts))
    assert len(set(batch.concepts.tolist())) == 4 and batch.compared.diagonal().all()
    assert torch.equal(batch.images, again.images) and batch.texts == again.texts


def test_guesses_of_a_denoiser_come_with_their_colours_and_grounds(folder: Path) -> None:
    book = pictures.load(folder, 32)
    pool = {
        "images": torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
        "rows": torch.tensor([1, 1]),
        "colours": torch.tensor([5, 5]),
        "grounds": torch.tensor([2, 2]),
    }
    taught = CaptionedBatches(book, "guides", pool, share=0.5)
    batches = [taught.batch(4, rng(seed)) for seed in range(40)]
    said = [text for batch in batches for text in batch.texts[:2]]
    assert all(batch.images[:2].max() == 0 for batch in batches)
    assert all(batch.visible[:2].tolist() == [[2, 5], [2, 5]] for batch in batches)
    assert any("blue" in text or "蓝" in text for text in said)
    assert any("yellow" in text or "黄" in text for text in said)


def test_own_captions_are_said_as_they_are(own: Path) -> None:
    taught = FolderBatches(pictures_of.load(own, 32), 32)
    batch = taught.batch(8, rng())
    assert batch.images.shape == (8, 3, 32, 32) and (batch.visible == -1).all()
    assert set(batch.texts) <= {"red house", "a sea", "the sky", "blue sky at noon"}
    alike = batch.concepts[:, None] == batch.concepts[None]
    assert torch.equal(batch.compared, ~alike | torch.eye(8, dtype=torch.bool))
