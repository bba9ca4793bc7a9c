"""Sentences are read as the plain words in them; the image side is left alone."""

import random
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

from guided.clip import short_texts
from guided.errors import BadInput
from guided.outputs.manner_names import MANNERS
from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe, text_training, train
from guided.training.data import pictures
from guided.training.data.augmentation import NAMES
from guided.training.data.captions import COLOURED, STYLES_ZH

WHITE = " on a white background"
IN_ENGLISH = [english for english, _ in MANNERS]
CLIP_B = EMBEDDED / "clip_b"


def in_manner(words: str) -> bool:
    return any(english in words for english in IN_ENGLISH)


@pytest.fixture
def tokens():
    return train.tokenizer(CLIP_B / bpe.FILE)


def test_the_plain_words_say_what_the_sentence_says(folder: Path) -> None:
    reader = text_training.SentencePairs(pictures.load(folder, 48).words, {})
    said, plain = reader.batch(400, torch.Generator().manual_seed(0))
    assert all(words.isascii() for words in plain)
    assert any(not words.isascii() for words in said)
    for sentence, words in zip(said, plain, strict=True):
        if sentence.isascii():  # what the plain words tell is told, and the other way round
            if "white" not in sentence:
                words = words.replace(WHITE, "")
            for word in (*NAMES, *STYLES_ZH):
                assert (f" {word} " in f" {words} ") <= (word in sentence)
            assert ("background" in words) or not any(
                f" on {colour}" in sentence or f"{colour} background" in sentence
                for colour in NAMES
            )


def test_things_are_half_read_in_the_colour_that_they_have(folder: Path) -> None:
    """Hearts and suns are green, of stars and cats each is another."""
    book = pictures.load(folder, 48)
    tints = torch.tensor([[0, 160, 0], [0, 0, 220], [220, 20, 20]])
    for row, concept in enumerate(book.concepts.tolist()):
        tint = tints[0 if concept < 2 else row // 4]
        book.pixels[row, :3] = book.pixels[row, 3:] // 255 * tint.view(3, 1, 1)
    usual = text_training.usual_colours(book)
    assert usual == {0: "green", 1: "green"}
    reader = text_training.SentencePairs(book.words, usual)
    told = [[reader.pair(i, random.Random(n)) for n in range(400)] for i in range(3)]
    suns, stars = (
        [plain for said, plain in pairs if not COLOURED.search(said) and not in_manner(plain)]
        for pairs in told[1:]
    )
    assert 0.3 < sum("green" in plain for plain in suns) / len(suns) < 0.7
    assert not any("green" in plain for plain in stars)
    assert not any("green red" in plain for _, plain in told[0])  # the name says what it is


def test_what_stands_nowhere_half_stands_on_white(folder: Path) -> None:
    reader = text_training.SentencePairs(pictures.load(folder, 48).words, {})
    said, plain = reader.batch(3000, torch.Generator().manual_seed(0))
    untold = [
        words for sentence, words in zip(said, plain, strict=True)
        if sentence.isascii() and not any(word in sentence for word in (*NAMES, *IN_ENGLISH))
    ]  # fmt: skip
    assert 0.4 < sum(WHITE in words for words in untold) / len(untold) < 0.6
    assert not any("background" in words.replace(WHITE, "") for words in untold)


def test_a_manner_of_drawing_is_read_as_that_manner(folder: Path) -> None:
    reader = text_training.SentencePairs(pictures.load(folder, 48).words, {})
    said, plain = reader.batch(2000, torch.Generator().manual_seed(0))
    named = [[one for one in MANNERS if one[0] in words] for words in plain]
    for sentence, manners in zip(said, named, strict=True):
        for english, chinese in manners:
            assert english in sentence or chinese in sentence
    assert 0.1 < sum(map(bool, named)) / len(named) < 0.2
    assert {one for manners in named for one in manners} == set(MANNERS)


def test_a_text_side_learns_and_the_image_side_stays(folder: Path, tmp_path: Path, tokens) -> None:
    out = tmp_path / "read"
    told = {"data": str(folder), "steps": 40, "batch": 24, "device": "cpu", "fade": 0.0}
    told["naming"] = 0.0  # its pictures are discs
    text_training.train(
        text_training.Settings(tower="b", init=str(CLIP_B), out=str(out), lr=3e-4, **told)
    )
    before, after = (
        load_file(CLIP_B / architectures.WEIGHTS),
        load_file(out / "shipped" / architectures.WEIGHTS),
    )
    assert all(torch.equal(before[k], after[k]) for k in before if k.startswith("visual."))
    assert not torch.equal(before["token_embedding.weight"], after["token_embedding.weight"])
    reader = text_training.SentencePairs(pictures.load(folder, 48).words, {})
    said, plain = reader.batch(200, torch.Generator().manual_seed(99))
    old, new = (train.load_clip("b", str(place)) for place in (CLIP_B, out / "shipped"))
    with torch.no_grad():
        meant = short_texts.encode(old, tokens(plain, architectures.CONTEXT))
        near = [
            (short_texts.encode(model, tokens(said, architectures.CONTEXT)) * meant)
            .sum(1)
            .mean()
            .item()
            for model in (old, new)
        ]
    assert near[1] > near[0]


def test_names_are_told_apart_by_the_pictures_of_their_subjects(folder, tmp_path, tokens) -> None:
    out = tmp_path / "read"
    told = {"data": str(folder), "steps": 30, "batch": 8, "device": "cpu", "fade": 0.0}
    text_training.train(
        text_training.Settings(tower="b", init=str(CLIP_B), out=str(out), lr=3e-4, **told)
    )
    dataset = pictures.load(folder, 32)
    pairs = text_training.SentencePairs(dataset.words, {})
    losses = []
    for place in (CLIP_B, out / "shipped"):
        model = train.load_clip("b", str(place)).eval()
        names = text_training.NamesOfSubjects(model, dataset, pairs.captions, "guides")
        assert names.means.norm(dim=1).allclose(torch.ones(len(names.concepts)))
        texts, others = names.batch(torch.Generator().manual_seed(5))
        with torch.no_grad():
            points = short_texts.encode(model, tokens(texts, architectures.CONTEXT))
        losses.append(text_training.naming_loss(points, names.means, others))
    assert losses[1] < losses[0] - 0.1


def test_a_name_is_not_pushed_from_what_else_it_means() -> None:
    generator = torch.Generator().manual_seed(2)
    texts, means = (F.normalize(torch.randn(3, 5, generator=generator), dim=-1) for _ in "ab")
    others = torch.tensor([[False, True, False], [True, False, True], [False, True, False]])
    found = text_training.naming_loss(texts, means, others)
    cosines = texts @ means.T
    logits = text_training.SHARPNESS * cosines
    logits[0, 2] = logits[2, 0] = -torch.inf  # a name of both
    expected = -logits.log_softmax(1).diagonal().mean() + 0.5 * (1 - cosines.diagonal()).mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"filler": 1.5}, "filler=1.5"),
        ({"naming": -1.0}, "naming=-1"),
        ({"tower": "c"}, "tower=c"),
        ({"init": "/nowhere"}, "init=/nowhere"),
        ({"data": "/nowhere"}, "data=/nowhere"),
    ],
)
def test_wrong_settings_are_named(folder: Path, told: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        text_training.Settings(**{"data": str(folder), **told}).check()
