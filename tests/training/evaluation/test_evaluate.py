"""The exam: its questions, the judge's ranking, what a measured run leaves."""

import json
import math
import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from PIL import Image

from guided.errors import BadInput
from guided.paths import EMBEDDED
from guided.training.data import sources
from guided.training.evaluation import contact_sheet, evaluate, judging, questions
from guided.training.evaluation.evaluate import Settings, Side
from guided.training.evaluation.judging import Judge, firsts

SHORT = "steps=2 sampler.recurrence=1 cutouts.overview=1 cutouts.inner=0"


@dataclass
class Eyes:
    """A CLIP whose points are colours: a text names one, a picture has one."""

    size, logit_scale = (8, 8), 10.0

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        points = {"red": [1.0, 0, 0], "green": [0, 1.0, 0], "blue": [0, 0, 1.0]}
        return torch.tensor([points[text] for text in texts])

    def encode_image(self, views: torch.Tensor) -> torch.Tensor:
        return views.mean((2, 3))


def test_ranks_count_the_texts_that_fit_better() -> None:
    purple = torch.tensor([0.5, 0.1, 0.8]).view(1, 3, 1, 1).expand(3, 3, 32, 32)
    assert Judge(Eyes()).ranks(purple, [0, 1, 2], ["red", "green", "blue"]) == [2, 3, 1]


def test_a_chance_is_the_share_of_the_true_text_among_all() -> None:
    purple = torch.tensor([0.5, 0.1, 0.8]).view(1, 3, 1, 1).expand(3, 3, 32, 32)
    found = Judge(Eyes()).chances(purple, [0, 1, 2], ["red", "green", "blue"])
    powers = [math.exp(10 * share) for share in (0.5, 0.1, 0.8)]
    assert found == pytest.approx([power / sum(powers) for power in powers], rel=1e-4)


def test_a_summary_of_ranks() -> None:
    assert firsts([1, 1, 7, 5]) == {"count": 4, "first": 0.5, "five": 0.75, "median": 1}


@pytest.mark.parametrize("language", questions.LANGUAGES)
def test_the_exam_is_large_and_fair(language: str) -> None:
    """At least a hundred objects, each with a name of its own, all known to the shipped diffusion
    model; sentences that hold the very words that the judge must find."""
    known = (EMBEDDED / "words.txt").read_text().splitlines()
    objects = questions.exam("objects", language)
    assert len(objects.questions) >= 100
    assert (
        len(set(objects.choices)) == len({q.of for q in objects.questions}) == len(objects.choices)
    )
    for kind, least in (("colours", 24), ("backgrounds", 16), ("styles", 12), ("sentences", 25)):
        sheet = questions.exam(kind, language)
        assert len(sheet.questions) >= least
        assert {question.of for question in sheet.questions} <= set(known)
        assert len({question.prompt for question in sheet.questions}) == len(sheet.questions)
    for question in questions.exam("sentences", language).questions:
        assert objects.choices[question.truth] in question.prompt


def test_sentences_of_the_exam_are_not_those_of_training() -> None:
    """Four frames of five share no phrase of two words with what captions are made of."""
    book = sources.yaml.safe_load((sources.HERE / "frames.yaml").read_text())["english"]
    heard = {pair for wish in [*book["wishes"], *book["endings"]] for pair in pairs(wish)}
    frames = sources.yaml.safe_load((questions.HERE / "prompts.yaml").read_text())["sentences"]
    assert not [f for f in frames["en"][:4] for part in f.split("{}") if pairs(part) & heard]


def pairs(text: str) -> set[tuple[str, ...]]:
    words = text.replace(",", " ").split()
    return set(pairwise(words))


def test_every_fourth_sentence_asks_for_another_object() -> None:
    sheet = questions.exam("sentences", "en")
    assert len({question.of for question in sheet.questions}) == len(sheet.questions) == 25


def test_wrong_settings_are_named() -> None:
    for told, said in (
        ({"kinds": "objcts"}, "objects"),
        ({"languages": "fr"}, "fr"),
        ({"every": 0}, "every"),
    ):
        with pytest.raises(BadInput, match=said):
            Settings(**told).check()
    with pytest.raises(BadInput, match="stps"):
        Side.named("x", ["stps=5"], Path("."))
    with pytest.raises(BadInput, match="judge="):
        Judge.load("/nowhere")


def test_a_side_is_its_settings_and_weights(tmp_path: Path) -> None:
    """Other settings draw into another folder; the same ones find theirs again."""
    plain, again, other = (
        Side.named("x", words, tmp_path).folder for words in ([], [], ["steps=25"])
    )
    assert plain == again != other


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two objects, drawn in two steps, guided, with more guidance, and not at all."""
    out = tmp_path_factory.mktemp("measured")
    evaluate.evaluate(
        Settings(out=str(out), kinds="objects", languages="en", every=50, data=str(out),
                 settings=SHORT, compare="guide.clip.scale=50", judge=str(judge_folder()))
    )  # fmt: skip
    return out


def judge_folder() -> Path:
    """Any CLIP judges what is asked here; the real one where it has been shipped."""
    embedded = EMBEDDED / "clip_b"
    return judging.FOLDER if judging.FOLDER.exists() else embedded


def test_a_measured_run_leaves_table_sheets_and_json(measured: Path) -> None:
    found = json.loads((measured / "results.json").read_text())
    assert [row["side"] for row in found["rows"]] == [SHORT, "guide.clip.scale=50", "unguided"]
    assert all(len(row["drawn"]) == 2 and row["choices"] >= 100 for row in found["rows"])
    table = (measured / "table.txt").read_text()
    assert "unguided" in table and "better" in table
    assert len(list(measured.glob("sheet-*.png"))) == 3
    assert len(list(measured.glob("blind-*.png"))) == len(list(measured.glob("blind-*.txt"))) == 2


def test_guided_pictures_are_those_of_the_ordinary_program(measured: Path, tmp_path: Path) -> None:
    from guided.batch.run import draw

    made = draw(["prompt=a red heart", "seed=0", f"folder={tmp_path}", *SHORT.split()])
    folder = json.loads((measured / "results.json").read_text())["rows"][0]["folder"]
    with (
        Image.open(measured / "pictures" / folder / "objects-en-000-0.png") as ours,
        Image.open(made / "image_0000.png") as theirs,
    ):
        assert ours.tobytes() == theirs.tobytes()


def test_what_is_drawn_already_is_not_drawn_again(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "again"
    shutil.copytree(measured, out)
    lost = next((out / "pictures").glob("*/objects-en-050-0.png"))
    before = lost.read_bytes()
    lost.unlink()
    opened = []
    real = evaluate.Pipeline.open
    monkeypatch.setattr(evaluate.Pipeline, "open", lambda plan: opened.append(plan) or real(plan))
    evaluate.evaluate(
        Settings(out=str(out), kinds="objects", languages="en", every=50, data=str(out),
                 settings=SHORT, compare="guide.clip.scale=50", judge=str(judge_folder()))
    )  # fmt: skip
    assert len(opened) == 1 and lost.read_bytes() == before


def test_a_blind_sheet_has_its_key_apart(tmp_path: Path) -> None:
    paths = []
    for i, colour in enumerate(("red", "green", "blue")):
        paths.append(tmp_path / f"{i}.png")
        Image.new("RGB", (8, 8), colour).save(paths[-1])
    contact_sheet.blind(paths, ["a red heart", "a tree", "the sea"], tmp_path / "blind")
    key = [line.split(" ", 1) for line in (tmp_path / "blind.txt").read_text().splitlines()]
    assert sorted(text for _, text in key) == ["a red heart", "a tree", "the sea"]
    with Image.open(tmp_path / "blind.png") as sheet:
        named = {"a red heart": (255, 0, 0), "a tree": (0, 128, 0), "the sea": (0, 0, 255)}
        for number, text in key:
            x = (int(number) - 1) * (contact_sheet.SIDE + 4) + contact_sheet.SIDE // 2
            assert sheet.getpixel((x, contact_sheet.SIDE // 2)) == named[text]
