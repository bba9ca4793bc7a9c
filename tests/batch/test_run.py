"""What a batch says at its end, what it bears on its way, and whose folders it goes on with."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from guided.batch.planning import plan_batch
from guided.batch.run import begin, draw, resume, summary, tell_results
from guided.cli.main import report
from guided.config.composer import Composer
from guided.errors import BadInput, Failed
from guided.gallery import pages
from guided.runs import files, record
from guided.runs.manifest import DONE, FAILED, Manifest, Picture, Row
from guided.version import __version__


def failed(*rows):
    pictures = [Picture(k, k, 7, state=FAILED, why=f"{row.where}: no") for k, row in
                enumerate(rows)]  # fmt: skip
    return Manifest("x", {"words": []}, list(rows), pictures)


def test_rows_that_could_not_be_read_are_not_promised_to_be_tried_again(tmp_path):
    said = summary(tmp_path, failed(Row(where="p.csv:3", wrong="3 values for 2 columns")))
    assert "correct p.csv:3 and draw those rows with prompts= again" in said
    assert "python run.py" not in said


@pytest.mark.parametrize("other", [Row(where="p.csv:4"), Row()])
def test_what_may_go_well_the_next_time_has_its_command(tmp_path, other):
    said = summary(tmp_path, failed(Row(where="p.csv:3", wrong="3 values"), other))
    assert "p.csv:3" in said
    assert said.splitlines()[-1].endswith(f"python run.py resume={tmp_path}")


# ---- a folder that somebody else made ------------------------------------------------------

TINY = [
    *("steps=2", "sampler.recurrence=1", "cutouts.overview=1", "cutouts.inner=1"),
    *("output=[still,steps,sheet,metrics,cuts,video]", "output.video.format=webp"),
]


def begun(root: Path, *words: str) -> Path:
    """A run of which nothing is drawn yet."""
    composer = Composer(["prompt=a sun", "seed=1", *TINY, *words, f"folder={root}"])
    return begin(plan_batch(composer, [Row()], ""), composer, root)


@pytest.mark.parametrize(
    "name",
    [
        *(".work", ".work/frames", ".work/frames/0000", "steps", "strips", "cuts", "others"),
        *("thumbs", "jobs"),
    ],
)
def test_a_folder_that_is_a_link_is_refused_and_what_it_leads_to_stays(tmp_path, name):
    photos = tmp_path / "photos"
    photos.mkdir()
    mine = {"000001.png": b"my photo", "0000_0002.png": b"another", "0000.png": b"a third"}
    for photo, content in mine.items():
        (photos / photo).write_bytes(content)
    folder = begun(tmp_path / "out")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(photos, target_is_directory=True)
    before = (folder / "manifest.json").read_bytes()
    with pytest.raises(BadInput, match="is a link") as caught:
        resume([f"resume={folder}"])
    assert str(folder / name) in str(caught.value) and "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in photos.iterdir()} == mine
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    "name",
    [
        *("metrics.jsonl", ".manifest.lock", "manifest.json", "sheet.png", "image_0000.png"),
        *("index.html", "gallery-data.js", "steps/0000_0002.png", ".work/0000.safetensors"),
    ],
)
def test_a_file_that_is_a_link_is_refused_and_what_it_leads_to_stays(tmp_path, name):
    folder = begun(tmp_path / "out")
    mine = tmp_path / ".bashrc"
    mine.write_bytes((folder / name).read_bytes() if (folder / name).exists() else b"alias x=y\n")
    before = mine.read_bytes()
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(mine)
    with pytest.raises(BadInput, match="is a link"):
        resume([f"resume={folder}"])
    assert mine.read_bytes() == before


@pytest.mark.parametrize("device", ["cpu", "[cpu,cpu]"])
def test_a_pipe_is_refused(tmp_path, device):
    folder = begun(tmp_path / "out")
    os.mkfifo(folder / "metrics.jsonl")
    with pytest.raises(BadInput, match="named pipe"):
        resume([f"resume={folder}", f"device={device}"])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("file", "../../mine.png"),
        ("file", "/etc/passwd"),
        ("file", "others/../../image_0000.png"),
        ("worker", "../../../mine"),
    ],
)
def test_no_name_in_a_manifest_leads_out_of_its_folder(tmp_path, key, value):
    folder = begun(tmp_path / "out")
    (tmp_path / "mine.lock").write_text("mine")
    path = folder / "manifest.json"
    found = json.loads(path.read_text())
    found["pictures"][0] |= {key: value, "state": "running"}
    path.write_text(json.dumps(found))
    if key == "file":
        with pytest.raises(BadInput, match="file"):
            Manifest.read(folder)
    else:
        assert Manifest.read(folder).pictures[0].worker is None
    assert (tmp_path / "mine.lock").read_text() == "mine"


# ---- what the world does to a run ----------------------------------------------------------


def test_a_folder_that_is_removed_while_it_is_drawn_in_is_no_bad_input(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "update", lambda folder, **about: shutil.rmtree(folder))
    with pytest.raises(Failed, match="removed") as caught:
        draw(["prompt=a sun", "seed=1", *TINY, f"folder={tmp_path}"])
    assert report(caught.value, debug=False) == 1
    assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("*/*/*")) == []  # nothing was made anew


@pytest.mark.parametrize("name", ["image_0000.png", "manifest.json", "0000_0002.png"])
def test_a_full_disk_names_the_command_to_go_on_with(tmp_path, monkeypatch, name):
    write, full = files.write, False

    def writing(path, data, durable=False):
        nonlocal full
        full = full or (path.name == name and (path.parent / "metrics.jsonl").exists())
        full = full or path.name == name == "0000_0002.png"
        if full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write(path, data, durable)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", writing)
        with pytest.raises(Failed, match="No space left") as caught:
            draw(["prompt=a sun", "seed=1", "count=2", *TINY, f"folder={tmp_path}"])
    folder = (tmp_path / "latest").resolve()
    assert f"python run.py resume={folder}" in str(caught.value)
    resume([f"resume={folder}"])  # once there is room
    assert [one.state for one in Manifest.read(folder).pictures] == ["done"] * 2


@pytest.mark.parametrize("damage", [b"", b"no picture", "half", "other size"])
def test_a_picture_with_a_damaged_frame_is_begun_anew(tmp_path, monkeypatch, damage, caplog):
    words = ["prompt=a sun", "seed=1", "checkpoint=0", *TINY, "steps=4"]
    whole = draw([*words, f"folder={tmp_path}/whole"])
    steps = 0

    def stop(folder, now=False, step=0.0):
        nonlocal steps
        steps += not now
        if steps == 3 and not now:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pages, "update", stop)
        with pytest.raises(KeyboardInterrupt):
            draw([*words, f"folder={tmp_path}/out"])
    folder = (tmp_path / "out" / "latest").resolve()
    frame = folder / ".work" / "frames" / "0000" / "000002.png"
    if damage == "other size":
        Image.new("RGB", (7, 5)).save(frame)
    else:
        frame.write_bytes(frame.read_bytes()[:-100] if damage == "half" else damage)
    resume([f"resume={folder}"])
    assert "begun anew" in caplog.text and str(frame) in caplog.text
    for name in ("image_0000.png", "video_0000.webp"):
        with Image.open(folder / name) as one, Image.open(whole / name) as other:
            assert one.n_frames == other.n_frames if name.startswith("video") else True
            assert one.convert("RGB").tobytes() == other.convert("RGB").tobytes()


# ---- what is there at the end --------------------------------------------------------------


def test_the_gallery_and_the_films_are_named_at_the_end(tmp_path, capsys):
    folder = draw(["prompt=a sun", "seed=1", *TINY, f"folder={tmp_path}"])
    lines = capsys.readouterr().out.splitlines()
    names = ["video_0000.webp", "image_0000.png"]
    assert lines[-3:] == [
        f"gallery: {folder / 'index.html'}", *(str(folder / name) for name in names)
    ]  # fmt: skip


def test_many_pictures_and_films_are_counted(tmp_path, capsys):
    pictures = [Picture(k, 0, 1, state=DONE, file=f"image_{k:04d}.png") for k in range(51)]
    for number in range(2):
        (tmp_path / f"video_{number:04d}.mp4").touch()
    tell_results(tmp_path, Manifest("x", {}, [Row()], pictures))
    assert capsys.readouterr().out.splitlines() == [f"51 pictures and 2 films in {tmp_path}"]


def test_the_settings_of_several_rows_have_the_version_that_drew_them(tmp_path):
    composer = Composer(["prompt=a sun", f"folder={tmp_path}"])
    rows = [Row([f"seed={k}"]) for k in range(2)]
    folder = begin(plan_batch(composer, rows, ""), composer, tmp_path)
    settings = record.from_yaml((folder / "run.yaml").read_text(), "run.yaml")
    assert settings["version"] == __version__


def test_trust_without_anything_to_trust_is_warned_of(tmp_path, caplog):
    words = ["prompt=a red heart", "steps=0", f"folder={tmp_path}", "trust=clip"]
    with pytest.raises(BadInput, match="steps=0"):
        draw(words)
    assert "trust=clip has no effect without from=, prompts= or resume=" in caplog.text
