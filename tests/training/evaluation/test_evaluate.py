"""The exam: its questions, the judge's ranking, what a measured run leaves."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from guided.errors import BadInput
from guided.paths import EMBEDDED, conf_folder
from guided.training.evaluation import evaluate, judging
from guided.training.evaluation.evaluate import Settings, Side
from guided.training.evaluation.judging import Judge
from guided.training.evaluation.questions import Question

SHORT = "steps=2 sampler.recurrence=1 cutouts.overview=1 cutouts.inner=0"


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


def test_a_wrong_value_of_a_card_is_told_with_its_file(tmp_path: Path) -> None:
    card = tmp_path / "card.yaml"
    text = (conf_folder() / "model" / "embedded.yaml").read_text(encoding="utf-8")
    card.write_text(text.replace("recommended:\n", "recommended:\n  eta: 7\n"), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"^{card}: sampler\.eta=7\.0 must be"):
        Side.named("x", [f"model={card}"], tmp_path)


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


@pytest.mark.parametrize("upscale", ["2", "guided"])
def test_an_enlarged_picture_is_that_of_the_ordinary_program(upscale: str, tmp_path: Path) -> None:
    from guided.batch.run import draw

    words = [*SHORT.split(), f"upscale={upscale}", "output.still.enlarge=1"]
    side = Side.named("large", words, tmp_path / "side")
    ours = side.draw(Question("objects", "en", 0, "a red heart", 0, ""), 0)
    made = draw(["prompt=a red heart", "seed=0", f"folder={tmp_path}", *words])
    with Image.open(ours) as one, Image.open(made / "image_0000.png") as other:
        assert one.size == (64, 64)
        assert one.tobytes() == other.tobytes()


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
