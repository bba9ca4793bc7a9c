"""Objects in half a canvas: what is judged, and what a measured run leaves."""

import json
from pathlib import Path

import pytest
from PIL import Image

from guided.errors import BadInput
from guided.training.evaluation import half_canvas
from guided.training.evaluation.half_canvas import Settings

SHORT = "steps=2 sampler.recurrence=1 cutouts.overview=1 cutouts.inner=0"


def test_the_right_half_is_judged(tmp_path: Path) -> None:
    picture = Image.new("RGB", (64, 32), "white")
    picture.paste("red", (32, 0, 64, 32))
    picture.save(tmp_path / "it.png")
    half = half_canvas.right_half(tmp_path / "it.png")
    assert half.size == (32, 32)
    assert half.getcolors() == [(32 * 32, (255, 0, 0))]


def test_a_measured_run_leaves_the_ranks_and_a_sheet_and_draws_nothing_twice(
    tmp_path: Path, capsys
) -> None:
    settings = Settings(out=str(tmp_path), settings=SHORT, every=50)
    half_canvas.measure(settings)
    found = json.loads((tmp_path / "half_canvas.json").read_text())
    assert [row["prompt"] for row in found["drawn"]] == ["a red heart", "a cloud"]
    assert all(1 <= row["rank"] <= 100 for row in found["drawn"])
    assert (tmp_path / "sheet.png").exists()
    assert "2 objects: first" in capsys.readouterr().out
    drawn = sorted(tmp_path.glob("pictures/*/*-0.png"))
    for path in drawn:
        with Image.open(path) as image:
            kept = image.convert("RGB").crop((0, 0, image.width // 2 - 16, image.height))
        assert kept.getextrema() == ((255, 255),) * 3
    times = {path: path.stat().st_mtime_ns for path in drawn}
    half_canvas.measure(settings)
    assert {path: path.stat().st_mtime_ns for path in drawn} == times


def test_wrong_settings_are_named() -> None:
    with pytest.raises(BadInput, match="every=0"):
        Settings(every=0).check()
