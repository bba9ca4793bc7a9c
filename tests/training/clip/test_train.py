"""TrainingSettings CLIPs: what is taught, by whom it is seen, what comes out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from guided.clip import short_texts
from guided.compat.open_clip import import_open_clip
from guided.errors import BadInput
from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe, train
from guided.training.clip import batches as clip_batches
from guided.training.clip.batches import FolderBatches
from guided.training.data import pictures

CLIP_B = EMBEDDED / "clip_b"


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_known_clip_names_things_by_its_own_sentences_at_once(folder: Path) -> None:
    """Its anchors are where it reads their names: a sentence is nearest to its own."""
    words = train.tokenizer(CLIP_B / bpe.FILE)
    model = train.AnchoredClip(train.load_clip("b", str(CLIP_B)), 4).eval()
    train.place_anchors(model, pictures.load(folder, 32), words)
    with torch.no_grad():
        told = ["this is a red heart", "look, a sun", "one star", "a cat face, please"]
        near = short_texts.encode(model.clip, words(told, architectures.CONTEXT)) @ model.anchors.T
        ground = short_texts.encode(model.clip, words(["a thing on a blue background"])) @ (
            model.properties[0].T
        )
    assert near.argmax(1).tolist() == [0, 1, 2, 3]
    assert train.NAMES[ground.argmax()] == "blue"


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
    loaded = import_open_clip().create_model(f"local-dir:{out / 'shipped'}")
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
    with pytest.raises(BadInput, match="does not fit"):
        train.load_clip("b", str(EMBEDDED / "clip_a"))


class Points(torch.nn.Module):
    """The parts of an AnchoredClip that losses() reads, with equal anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.clip = torch.nn.Module()
        self.clip.logit_scale = torch.tensor(50.0).log()
        self.anchors, self.properties = (
            torch.zeros(3, 3),
            torch.eye(12)[None, :, :3].repeat(2, 1, 1),
        )


def batch_of(texts: int, shown: list[int]) -> clip_batches.CaptionedBatch:
    labels = torch.tensor([shown, [-1] * 3]).T
    rivals = torch.ones(3, texts, dtype=torch.bool)
    return clip_batches.CaptionedBatch(torch.empty(0), [], torch.arange(3), rivals, labels, labels)


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
    model = train.AnchoredClip(train.load_clip("b", str(CLIP_B)), 8).eval()
    batch = taught.batch(8, rng())
    words = train.tokenizer(CLIP_B / bpe.FILE)(batch.texts, architectures.CONTEXT)
    read = model.clip.encode_text(words, normalize=True)

    def loss(images: torch.Tensor) -> float:
        seen = model.clip.encode_image(architectures.normalised(images), normalize=True)
        return train.losses(seen, read, model, batch).item()

    hard = train.adversarial(batch.images, read, model, batch, 2.0, rng())
    change = hard - batch.images
    lengths = change.flatten(1).norm(dim=1)
    assert (lengths <= 2.0001).all() and lengths.max() > 0.5
    assert hard.min() >= 0 and hard.max() <= 1
    noise = torch.randn(change.shape, generator=rng())
    chance = batch.images + noise * (lengths / noise.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
    assert loss(hard) > loss(chance.clamp(0, 1)) + 0.1
    none = train.adversarial(batch.images, read, model, batch, 0.0, rng())
    assert torch.equal(none, batch.images)


def test_a_resumed_training_may_freeze_its_texts(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """README's third line: the same `out`, with robust= and learn=images, whose optimizers have
    fewer parameters."""
    out = tmp_path / "mine"
    told = {"data": str(own), "tower": "b", "init": str(CLIP_B), "out": str(out)}
    told |= {"batch": 3, "device": "cpu", "fade": 0.0}
    train.train(train.Settings(steps=1, **told))
    before = load_file(out / "shipped" / architectures.WEIGHTS)
    capsys.readouterr()
    train.train(train.Settings(steps=3, robust=1.5, learn="images", **told))
    assert "optimizers were of other parameters and start anew" in capsys.readouterr().out
    state = torch.load(out / "state.pt", weights_only=True)
    assert (state["step"], state["optimizers_since"]) == (3, 1)
    after = load_file(out / "shipped" / architectures.WEIGHTS)
    changed = [key for key in before if not torch.equal(before[key], after[key])]
    assert any(key.startswith("visual.") for key in changed)
    train.train(train.Settings(steps=4, robust=1.5, learn="images", **told))
    assert "start anew" not in capsys.readouterr().out


def test_without_texts_only_the_picture_side_learns(own: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    told = {"data": str(own), "steps": 2, "batch": 3, "device": "cpu", "robust": 1.0}
    train.train(train.Settings(tower="b", init=str(CLIP_B), out=str(out), learn="images", **told))
    before = load_file(CLIP_B / architectures.WEIGHTS)
    after = load_file(out / "shipped" / architectures.WEIGHTS)
    changed = {key.partition(".")[0] for key in before if not torch.equal(before[key], after[key])}
    assert changed == {"visual"}
