"""The script for a GPU, on a CPU with a tiny case."""

import json
import lzma
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.gpu import training
from benchmarks.gpu.__main__ import PARTS, Settings, run, take
from benchmarks.gpu.bench import CPU, Bench, Part, Row
from benchmarks.gpu.report import JSON, MARKDOWN, Report, Result, table
from benchmarks.gpu.speed import union
from guided.errors import BadInput
from guided.training.data import pictures
from tests.doubles import on_one_thread


def results(out: Path) -> dict:
    return json.loads((out / JSON).read_text())["parts"]


@pytest.mark.parametrize(
    "parts",
    [
        "memory,profile",
        pytest.param(",".join(PARTS), marks=pytest.mark.slow),
    ],
)
def test_the_parts_run_on_a_cpu(tmp_path: Path, parts: str) -> None:
    data = packed(tmp_path) if "training" in parts else ""
    with on_one_thread():
        run(Settings(30, str(tmp_path / "out"), data, parts, device="cpu", size="tiny"))
    found = results(tmp_path / "out")
    assert {name: result["status"] for name, result in found.items()} == dict.fromkeys(
        parts.split(","), "done"
    )
    page = (tmp_path / "out" / MARKDOWN).read_text()
    assert all(f"## {PARTS[name].title}" in page and found[name]["rows"] for name in found)


# ---- time and files ------------------------------------------------------------------------


def taken(tmp_path: Path, part: Part, seconds: float = 60) -> Result:
    bench = Bench(CPU, "full", tmp_path, ends=time.monotonic() + seconds)
    report = Report(tmp_path, {})
    report.results[part.name] = result = Result(part.title, part.seconds)
    take(part, bench, result, report)
    assert results(tmp_path)[part.name]["status"] == result.status
    return result


def test_a_part_that_takes_longer_than_the_time_left_is_skipped(tmp_path: Path) -> None:
    result = taken(tmp_path, Part("p", "P", lambda bench: iter([{"x": 1}]), 90))
    assert (result.status, result.rows) == ("skipped", [])
    assert result.reason.startswith("takes about 90 s, and ")


def test_every_row_is_on_disk_before_the_next_is_measured(tmp_path: Path) -> None:
    on_disk = []

    def rows(bench: Bench) -> Iterator[Row]:
        for k in range(3):
            on_disk.append(len(results(tmp_path)["p"]["rows"]))
            yield {"k": k}

    assert taken(tmp_path, Part("p", "P", rows, 1)).status == "done"
    assert on_disk == [0, 1, 2]


def test_a_part_ends_with_the_time_and_keeps_its_rows(tmp_path: Path) -> None:
    def rows(bench: Bench) -> Iterator[Row]:
        yield {"k": 0}
        bench.ends = 0.0
        yield {"k": 1}
        raise AssertionError("out of time")

    result = taken(tmp_path, Part("p", "P", rows, 1))
    assert (result.status, len(result.rows), result.bad) == ("out of time", 2, False)


def test_an_error_and_a_failed_check_are_bad_and_keep_earlier_rows(tmp_path: Path) -> None:
    def rows(bench: Bench) -> Iterator[Row]:
        yield {"k": 0}
        raise RuntimeError("no\nkernel")

    result = taken(tmp_path, Part("p", "P", rows, 1))
    assert (result.status, result.reason) == ("failed", "RuntimeError: no kernel")
    assert result.bad and len(result.rows) == 1
    assert Result("P", 1, rows=[{"ok": False}]).bad and not Result("P", 1, rows=[{"ok": True}]).bad


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ({"minutes": 0}, "minutes=0"),
        ({"parts": "memry"}, "memory"),
        ({"device": "mps"}, "device=mps"),
        ({"data": "nowhere"}, "data=nowhere"),
        ({"device": "cpu", "size": "full"}, "size=full"),
    ],
)
def test_bad_settings_are_refused_by_name(tmp_path: Path, words: dict, name: str) -> None:
    with pytest.raises(BadInput, match=name):
        run(Settings(out=str(tmp_path), **words))
    assert not list(tmp_path.iterdir())


# ---- tables and intervals ------------------------------------------------------------------


def test_a_table_has_every_column_of_numbers_and_texts() -> None:
    rows = [{"a": 1.23456, "list": [1]}, {"a": 2, "b": "x|y", "ok": True}]
    assert table(rows).splitlines() == [
        "| a | b | ok |",
        "| --- | --- | --- |",
        "| 1.235 |  |  |",
        "| 2 | x\\|y | yes |",
    ]


def test_overlapping_intervals_count_once() -> None:
    assert union([(5, 6), (0, 2), (1, 3), (1, 2)]) == 4


# ---- training data -------------------------------------------------------------------------


def packed(tmp_path: Path) -> str:
    """Pack a data set of random pictures; return the folder."""
    names = {"sun": "太阳", "star": "星星", "cat face": "猫脸", "red heart": "红心"}
    words = [
        {"label": label, "tags": [], "zh": zh, "zh_tags": [], "group": "sky-weather"}
        for label, zh in names.items()
    ]
    vendors = ("noto", "twemoji", "emojione")
    rows = [{"concept": c, "vendor": v} for v in vendors for c in range(len(words))]
    book = {"concepts": words, "pictures": rows, "styles": dict.fromkeys(vendors, "flat")}
    (tmp_path / "captions.json").write_text(json.dumps(book))
    colours = np.random.default_rng(0).integers(0, 256, (len(rows), 128, 128, 4), dtype=np.uint8)
    np.save(tmp_path / "pictures.npy", colours)
    training.pack(training.Settings(str(tmp_path), str(tmp_path / "packed")))
    return str(tmp_path / "packed")


def test_packed_pictures_are_the_prepared_ones(tmp_path: Path) -> None:
    folder = packed(tmp_path)
    unpacked = training.unpack(folder, tmp_path / "unpacked")
    assert torch.equal(pictures.load(unpacked, 64).pixels, pictures.load(tmp_path, 64).pixels)
    small, expected = pictures.load(unpacked, 32).pixels, pictures.load(tmp_path, 32).pixels
    assert (small.int() - expected.int()).abs().max() <= 1  # rounded at 64 pixels before
    with lzma.open(Path(folder) / training.PACKED) as file:
        assert file.read(6) == b"\x93NUMPY"
