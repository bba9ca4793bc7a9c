"""Strips and contact sheets."""

import pytest
from PIL import Image

from guided.interfaces import Run
from guided.outputs.cuts import Cuts
from guided.outputs.sheet import GAP, Sheet
from guided.outputs.steps import Steps
from guided.outputs.still import Still
from guided.runs import files as run_files
from tests.outputs.frames import SETTINGS, all_frames, watch


def files(folder):
    """Every file and its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_sheet_has_a_row_for_each_image_and_ends_with_the_last_step(run):
    watch(Sheet(columns=2, height=16), run, all_frames())
    with Image.open(run.folder / "sheet.png") as sheet:
        assert sheet.size == (2 * (24 + GAP) + GAP, 2 * (16 + GAP) + GAP)
        assert sheet.getpixel((24 + 2 * GAP + 3, GAP + 3)) == (255, 255, 255)  # step 4 of image 0
        assert sheet.getpixel((GAP + 3, 16 + 2 * GAP + 3)) == (128, 128, 128)  # step 2 of image 1


def test_the_sheet_is_there_after_each_image(run):
    watch(Sheet(), run, all_frames()[:5])  # broken off in the second image
    assert (run.folder / "sheet.png").exists()


@pytest.mark.parametrize("stop", range(1, 8))
def test_a_run_that_was_stopped_leaves_the_same_files_as_one_that_was_not(tmp_path, stop):
    """It goes on from one step before, so that one step is seen twice."""
    outputs = [Still(), Steps(every=1), Sheet(columns=3, height=16), Cuts(every=2)]
    runs = {name: tmp_path / name for name in ("whole", "stopped")}
    frames, look = all_frames(), lambda image, progress, seed: [image.clamp(0, seed / 99)]
    parts = {"whole": [frames], "stopped": [frames[:stop], frames[stop - 1 :]]}
    for name, folder in runs.items():
        folder.mkdir()
        run = Run(folder, SETTINGS, [], 2, 4, lambda image, times: image, look)
        for part in parts[name]:
            for output in outputs:
                watch(output, run, part)
    assert files(runs["stopped"]) == files(runs["whole"])


def test_the_sheet_is_pasted_from_strips_whoever_drew_them(run):
    watch(Sheet(columns=2, height=16), run, all_frames()[4:])
    with Image.open(run.folder / "strips" / "0001.png") as strip:
        assert strip.size == (2 * (24 + GAP) + GAP, 16 + 2 * GAP)
    watch(Sheet(columns=3, height=20), run, all_frames()[:4])  # another row's settings
    with Image.open(run.folder / "sheet.png") as sheet:
        assert sheet.size == (3 * (30 + GAP) + GAP, 20 + 16 + 3 * GAP)


def test_a_strip_that_cannot_be_read_costs_only_itself(run):
    watch(Sheet(), run, all_frames())
    (run.folder / "strips" / "0000.png").write_bytes(b"torn")
    watch(Sheet(), run, all_frames()[4:])
    with (
        Image.open(run.folder / "sheet.png") as sheet,
        Image.open(run.folder / "strips" / "0001.png") as strip,
    ):
        assert sheet.tobytes() == strip.tobytes()


def test_two_who_paste_at_once_leave_all_strips_on_the_sheet(run, monkeypatch):
    """Another picture is finished while the sheet is being written."""
    write, later = run_files.write, all_frames()[4:]

    def slow(path, data):
        if path.name == "sheet.png" and later:
            frames, later[:] = list(later), []
            watch(Sheet(columns=1, height=16), run, frames)
        write(path, data)

    monkeypatch.setattr(run_files, "write", slow)
    watch(Sheet(columns=1, height=16), run, all_frames()[:4])
    with Image.open(run.folder / "sheet.png") as sheet:
        assert sheet.height == 2 * (16 + GAP) + GAP
