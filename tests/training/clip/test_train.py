"""Training CLIPs: what is taught, by whom it is seen, what comes out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from guided.errors import BadInput
from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe, train
from guided.training.clip import batches as clip_batches
from guided.training.clip.batches import CaptionedBatches, FolderBatches
from guided.training.data import pictures, sources

CLIP_B = EMBEDDED / "clip_b"


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("learner", ["guides", "judge"])
def test_a_learner_is_shown_its_own_vendors_only(folder: Path, learner: str) -> None:
    book = pictures.load(folder, 32)
    taught = CaptionedBatches(book, learner)
    shown = {book.vendors[row] for rows in taught.rows_of.values() for row in rows}
    assert shown and shown <= set(sources.of(learner))


def test_captions_that_fit_two_pictures_are_no_rivals(folder: Path) -> None:
    taught = CaptionedBatches(pictures.load(folder, 32), "guides")
    batch, again = taught.batch(4, rng()), taught.batch(4, rng())
    assert batch.images.shape == (4, 3, 32, 32) and batch.rivals.shape == (4, len(batch.texts))
    assert len(set(batch.concepts.tolist())) == 4 and batch.rivals.diagonal().all()
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
    assert all(batch.shown[:2].tolist() == [[2, 5], [2, 5]] for batch in batches)
    assert any("blue" in text or "蓝" in text for text in said)
    assert any("yellow" in text or "黄" in text for text in said)


def test_a_known_clip_names_things_by_its_own_sentences_at_once(folder: Path) -> None:
    """Its anchors are where it reads their names: a sentence is nearest to its own."""
    settings = train.Settings(data=str(folder), tower="b", init=str(CLIP_B))
    words = train.tokenizer(CLIP_B / bpe.FILE)
    model = train.WithAnchors(train.begin(settings), 4).eval()
    train.anchor(model, pictures.load(folder, 32), words)
    with torch.no_grad():
        told = ["this is a red heart", "look, a sun", "one star", "a cat face, please"]
        near = architectures.read(model.clip, words(told, architectures.CONTEXT)) @ model.anchors.T
        ground = architectures.read(model.clip, words(["a thing on a blue background"])) @ (
            model.properties[0].T
        )
    assert near.argmax(1).tolist() == [0, 1, 2, 3]
    assert train.NAMES[ground.argmax()] == "blue"


def test_own_captions_are_said_as_they_are(own: Path) -> None:
    taught = FolderBatches(clip_batches.folder.load(own, 32), 32)
    batch = taught.batch(8, rng())
    assert batch.images.shape == (8, 3, 32, 32) and (batch.shown == -1).all()
    assert set(batch.texts) <= {"red house", "a sea", "the sky", "blue sky at noon"}
    alike = batch.concepts[:, None] == batch.concepts[None]
    assert torch.equal(batch.rivals, ~alike | torch.eye(8, dtype=torch.bool))


def test_a_clip_learns_from_a_folder_and_from_shipped_weights(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    told = {"data": str(own), "steps": 2, "batch": 3, "device": "cpu", "adam_lr": 1e-4}
    train.train(train.Settings(tower="b", init=str(CLIP_B),
                             out=str(out), lr=1e-4, **told))  # fmt: skip
    before = load_file(CLIP_B / architectures.WEIGHTS)
    after = load_file(out / "shipped" / architectures.WEIGHTS)
    learnt = [k for k in before if "running" not in k and "tracked" not in k]
    moved = [(after[k].float() - before[k].float()).abs().max().item() for k in learnt]
    assert 0 < max(moved) < 0.01
    loaded = train.import_open_clip().create_model(f"local-dir:{out / 'shipped'}")
    assert loaded.visual.image_size == (32, 32)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"tower": "c"}, "tower=c"),
        ({"init": "/nowhere"}, "init=/nowhere"),
        ({"pool": "/nowhere.pt"}, "pool=/nowhere.pt"),
        ({"pool_share": 2.0}, "pool_share=2"),
        ({"robust": -1.0}, "robust=-1"),
    ],
)
def test_wrong_settings_are_named(own: Path, told: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        train.Settings(data=str(own), **told).check()


def test_weights_of_another_tower_are_refused_in_one_line(own: Path) -> None:
    settings = train.Settings(data=str(own), tower="b", init=str(EMBEDDED / "clip_a"))
    with pytest.raises(BadInput, match="does not fit"):
        train.begin(settings)


def test_three_towers_differ_and_load_as_a_local_folder(tmp_path: Path) -> None:
    bpe.write(bpe.learn(["a red heart"], size=520), tmp_path / bpe.FILE)
    for tower in ("b", "judge"):
        torch.manual_seed(0)
        model = architectures.build(tower)
        architectures.ship(model.state_dict(), tower, tmp_path / bpe.FILE, tmp_path / tower)
        loaded = train.import_open_clip().create_model(f"local-dir:{tmp_path / tower}")
        size = architectures.size(tower)
        assert loaded.visual.image_size == (size, size)
        assert loaded.context_length == architectures.CONTEXT
        views = torch.rand(2, 3, size, size)
        assert torch.allclose(
            loaded.eval().encode_image(views), model.eval().encode_image(views), atol=2e-2
        )
    seen = [str(architectures.VISION[tower]) for tower in ("a", "b", "judge")]
    assert len(set(seen)) == 3


class Points(torch.nn.Module):
    """What losses ask of a CLIP with anchors, all points alike."""

    def __init__(self) -> None:
        super().__init__()
        self.clip = torch.nn.Module()
        self.clip.logit_scale = torch.tensor(50.0).log()
        self.anchors, self.properties = (
            torch.zeros(3, 3),
            torch.eye(12)[None, :, :3].repeat(2, 1, 1),
        )


def batch_of(texts: int, shown: list[int]) -> clip_batches.Batch:
    labels = torch.tensor([shown, [-1] * 3]).T
    rivals = torch.ones(3, texts, dtype=torch.bool)
    return clip_batches.Batch(torch.empty(0), [], torch.arange(3), rivals, labels, labels)


def test_wrong_twins_count_against_a_picture_but_are_nobodys_caption() -> None:
    """With a twin as near as the truth, half of the pictures' certainty goes; the captions'
    own choice among pictures is as before."""
    seen = torch.eye(3)
    alone = train.losses(seen, seen, Points(), batch_of(3, [-1] * 3))
    twinned = train.losses(seen, torch.cat([seen, seen]), Points(), batch_of(6, [-1] * 3))
    assert (twinned - alone).item() == pytest.approx(torch.tensor(2.0).log().item() / 2, rel=1e-4)


def test_grounds_and_colours_are_named_where_they_are_known() -> None:
    seen = torch.eye(3)
    unknown, right, wrong = (
        train.losses(seen, seen, Points(), batch_of(3, shown)).item()
        for shown in ([-1] * 3, [0, 1, 2], [1, 2, 0])
    )
    assert right == pytest.approx(unknown, abs=1e-4) and wrong > unknown + 20


def test_hardened_pictures_stay_near_and_are_harder_than_chance(own: Path) -> None:
    torch.manual_seed(0)
    taught = FolderBatches(clip_batches.folder.load(own, 32), 32)
    model = train.WithAnchors(train.begin(train.Settings(tower="b", init=str(CLIP_B))), 8).eval()
    batch = taught.batch(8, rng())
    words = train.tokenizer(CLIP_B / bpe.FILE)(batch.texts, architectures.CONTEXT)
    read = model.clip.encode_text(words, normalize=True)

    def loss(images: torch.Tensor) -> float:
        seen = model.clip.encode_image(architectures.normalised(images), normalize=True)
        return train.losses(seen, read, model, batch).item()

    hard = train.hardened(batch.images, read, model, batch, 2.0, rng())
    change = hard - batch.images
    lengths = change.flatten(1).norm(dim=1)
    assert (lengths <= 2.0001).all() and lengths.max() > 0.5
    assert hard.min() >= 0 and hard.max() <= 1
    noise = torch.randn(change.shape, generator=rng())
    chance = batch.images + noise * (lengths / noise.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
    assert loss(hard) > loss(chance.clamp(0, 1)) + 0.1
    none = train.hardened(batch.images, read, model, batch, 0.0, rng())
    assert torch.equal(none, batch.images)


def test_without_texts_only_the_picture_side_learns(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    told = {"data": str(own), "steps": 2, "batch": 3, "device": "cpu", "robust": 1.0}
    train.train(train.Settings(tower="b", init=str(CLIP_B), out=str(out), texts=False, **told))
    before = load_file(CLIP_B / architectures.WEIGHTS)
    after = load_file(out / "shipped" / architectures.WEIGHTS)
    changed = {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"visual"}
