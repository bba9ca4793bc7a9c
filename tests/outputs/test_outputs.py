"""Outputs watch frames: what they write, from frames made by hand."""

import json

import pytest
import torch
from PIL import Image

from guided.images import picture
from guided.interfaces import Frame, Prediction, Run
from guided.outputs.cuts import Cuts
from guided.outputs.metrics import Metrics
from guided.outputs.sheet import GAP, Sheet
from guided.outputs.steps import Steps
from guided.outputs.still import Still
from guided.runs import files as run_files
from guided.runs import record

SETTINGS = {
    "prompt": "x", "steps": 4, "seed": 9, "size": [6, 4], "model": {"name": "m"},
    "clip": {}, "sampler": {"_target_": "a.DDIM"}, "count": 2,
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    def enlarge(image, times):
        return image.repeat_interleave(times, 2).repeat_interleave(times, 3)

    return Run(tmp_path, SETTINGS, [], count=2, steps=4, enlarge=enlarge)


def frame(index=0, step=1, steps=4, value=0.5):
    image = torch.full((1, 3, 4, 6), value)
    guess = Prediction(image, image, losses={"clip": torch.tensor([2.0])})
    return Frame(index, 9 + index, step, steps, step / steps, image, guess, 0.1)


def watch(output, run, frames):
    with output.open(run) as viewer:
        for one in frames:
            viewer.see(one)


def all_frames():
    return [frame(k, step, value=step / 4) for k in range(2) for step in range(1, 5)]


def test_a_picture_is_rounded_and_clamped():
    image = torch.tensor([-1.0, 0.5, 2.0]).view(1, 3, 1, 1)
    assert picture(image).getpixel((0, 0)) == (0, 128, 255)


def test_still_keeps_the_last_frame_of_each_image_with_its_own_seed(run):
    watch(Still(enlarge=2), run, all_frames())
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "image_0000.png",
        "image_0001.png",
    ]
    with Image.open(run.folder / "image_0001.png") as image:
        assert image.size == (12, 8)
        assert image.getpixel((0, 0)) == (255, 255, 255)
        assert "Seed: 10" in image.text["parameters"]


@pytest.mark.parametrize(("format", "suffix"), [("webp", "webp"), ("jpeg", "jpg"), ("jpg", "jpg")])
def test_still_in_other_formats_holds_its_settings_too(run, format, suffix):
    run.settings["words"] = ["prompt=x", "seed=9", "count=2"]
    watch(Still(format=format), run, all_frames())
    read = record.read(run.folder / f"image_0001.{suffix}")
    assert (read["seed"], read["count"]) == (10, 1)
    assert read["words"] == ["prompt=x", "seed=10"]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"format": "gif"}, "format=gif is not one of png, webp, jpeg"),
        ({"quality": 80}, "quality=80 is for webp and jpeg"),
        ({"format": "webp", "quality": 101}, "quality=101"),
    ],
)
def test_still_formats_are_checked(settings, part):
    with pytest.raises(ValueError, match=part):
        Still(**settings)


def test_a_picture_too_large_for_its_format_is_told_before_it_is_drawn():
    Still(format="png", enlarge=16).check((8192, 64))
    Still(format="webp", enlarge=2).check((8191, 64))
    with pytest.raises(ValueError, match="16383 pixels"):
        Still(format="webp", enlarge=2).check((8192, 64))


@pytest.mark.parametrize(
    ("drawn", "saved"),
    [((32, 32), (512, 512)), ((96, 32), (1536, 512)), ((48, 64), (528, 704)),
     ((512, 768), (512, 768)), ((16, 16), (256, 256))],
)  # fmt: skip
def test_auto_enlarges_until_the_shorter_side_has_512_pixels_but_16_times_at_most(drawn, saved):
    times = Still(enlarge="auto").times(drawn)
    assert (drawn[0] * times, drawn[1] * times) == saved


def test_steps_are_kept_as_often_as_asked_and_at_the_end(run):
    watch(Steps(every=3), run, all_frames()[:4])
    names = sorted(path.name for path in (run.folder / "steps").iterdir())
    assert names == ["0000_0003.png", "0000_0004.png"]


@pytest.mark.parametrize("count", [2, 4])
def test_a_preview_that_could_not_be_written_is_told(run, monkeypatch, count):
    """Though a thread writes it, while the picture is drawn on."""

    def full(image, path):
        raise OSError("No space left on device")

    monkeypatch.setattr(record, "save_png", full)
    with pytest.raises(OSError, match="No space"):
        watch(Steps(every=1), run, all_frames()[:count])


def test_steps_can_be_named_one_by_one(run):
    watch(Steps(every=None, at=[2, 9]), run, all_frames()[:4])
    names = sorted(path.name for path in (run.folder / "steps").iterdir())
    assert names == ["0000_0002.png", "0000_0004.png"]


def test_cuts_show_every_view_of_every_clip(run):
    run.look = lambda image, progress, seed: [
        torch.full((3, 3, 5, 5), progress), torch.zeros(1, 3, 4, 4)
    ]  # fmt: skip
    frames = all_frames()[:4]
    for one in frames:
        one.prediction.progress = 0.5
    watch(Cuts(every=2), run, frames)
    assert sorted(path.name for path in (run.folder / "cuts").iterdir()) == [
        "0000_0002.png", "0000_0004.png"
    ]  # fmt: skip
    with Image.open(run.folder / "cuts" / "0000_0002.png") as sheet:
        assert sheet.size == (14, 14)  # two by two, the larger size, and gaps
        grey, black = (128, 128, 128), (0, 0, 0)
        assert [sheet.getpixel(at) for at in ((2, 2), (9, 2), (2, 9), (9, 9))] == [
            grey, grey, grey, black
        ]  # fmt: skip


def test_the_sheet_has_a_row_for_each_image_and_ends_with_the_last_step(run):
    watch(Sheet(columns=2, height=16), run, all_frames())
    with Image.open(run.folder / "sheet.png") as sheet:
        assert sheet.size == (2 * (24 + GAP) + GAP, 2 * (16 + GAP) + GAP)
        assert sheet.getpixel((24 + 2 * GAP + 3, GAP + 3)) == (255, 255, 255)  # step 4 of image 0
        assert sheet.getpixel((GAP + 3, 16 + 2 * GAP + 3)) == (128, 128, 128)  # step 2 of image 1


def test_the_sheet_is_there_after_each_image(run):
    watch(Sheet(), run, all_frames()[:5])  # broken off in the second image
    assert (run.folder / "sheet.png").exists()


def files(folder):
    """Every file and its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


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


def test_metrics_go_on_behind_a_torn_line(run):
    path = run.folder / "metrics.jsonl"
    watch(Metrics(), run, [frame(step=1)])
    path.write_text(path.read_text() + '{"image": 0, "st')
    watch(Metrics(), run, [frame(step=2)])
    watch(Metrics(), run, [frame(step=3)])
    first, torn, second, third = path.read_text().splitlines()
    assert [json.loads(line)["step"] for line in (first, second, third)] == [1, 2, 3]
    with pytest.raises(ValueError):
        json.loads(torn)


def test_metrics_are_written_step_by_step(run):
    with Metrics().open(run) as viewer:
        viewer.see(frame())
        line = json.loads((run.folder / "metrics.jsonl").read_text())
    assert line["loss"] == {"clip": 2.0}
    assert line["similarity"] is None
