"""Scenes of the exam: what is asked, and what a measured run leaves."""

import json
from pathlib import Path

import pytest
from PIL import Image

from guided.errors import BadInput
from guided.images import read_picture
from guided.training.evaluation import scenes
from guided.training.evaluation.evaluate import Side
from guided.training.evaluation.questions import exam
from guided.training.evaluation.scenes import Settings

SHORT = "steps=2 sampler.recurrence=1 cutouts.overview=1 cutouts.inner=0"


def test_there_are_twenty_scenes_of_objects_of_the_exam() -> None:
    asked, objects = scenes.questions(), exam("objects", "en").choices
    assert len(asked) == 20
    for scene in asked:
        assert 2 <= len(set(scene.objects)) == len(scene.objects) <= 3
        assert set(scene.objects) <= set(objects)
    assert {scene.layout for scene in asked} == {"row", "grid", "scatter"}


def test_the_crop_of_a_region_is_its_own_part_of_the_picture(tmp_path: Path) -> None:
    side, scene = Side.named("x", SHORT.split(), tmp_path), scenes.questions()[0]
    plan = scenes.plan_of(side, scene, 0)
    picture = Image.new("RGB", (384, 128))
    for k, colour in enumerate(("red", "lime", "blue")):
        picture.paste(colour, (128 * k, 0, 128 * (k + 1), 128))
    picture.save(tmp_path / "stripes.png")
    found = dict(scenes.crops(read_picture(str(tmp_path / "stripes.png")), plan))
    assert tuple(found) == scene.objects
    for k, crop in enumerate(found.values()):
        assert crop[:, k].min() == 1 and crop.mean() == pytest.approx(1 / 3)


def test_a_measured_run_leaves_the_ranks_and_a_sheet(tmp_path: Path, capsys) -> None:
    settings = Settings(
        out=str(tmp_path), settings=SHORT, every=15, sheet=str(tmp_path / "s.webp")
    )
    scenes.measure(settings)
    found = json.loads((tmp_path / "scenes.json").read_text())
    assert [len(row["ranks"]) for row in found["drawn"]] == [3, 2]
    assert found["regions"]["count"] == 5
    with Image.open(tmp_path / "s.webp") as sheet:
        assert sheet.width > 384
    said = capsys.readouterr().out
    assert "of 2 scenes have every region in the first five" in said
    drawn = {path: path.stat().st_mtime_ns for path in tmp_path.glob("pictures/*/*.png")}
    scenes.measure(settings)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("pictures/*/*.png")} == drawn


def test_wrong_settings_are_named() -> None:
    with pytest.raises(BadInput, match="every=0"):
        Settings(every=0).check()
