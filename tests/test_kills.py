"""Batches that are killed, or stopped, and gone on with. `python -m tests.kills 60` does more."""

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.gallery import script
from guided.runs import worker_locks
from tests import kills
from tests.kills import Fault, Server, Trial

SHORT = ["count=4", "batch_size=2", "steps=4", "output.steps.every=2", "output.cuts.every=2"]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server.running() as server:
        yield server


@pytest.fixture(scope="module")
def whole(server, tmp_path_factory) -> Path:
    return kills.undisturbed(server, tmp_path_factory.mktemp("whole"), kills.with_words(SHORT))


def trial(server: Server, root: Path, words: list[str]) -> Trial:
    root.mkdir()
    return Trial(server, root, words, random.Random(1))


def test_a_batch_to_which_all_kinds_happen_leaves_what_one_leaves_that_nobody_disturbed(
    server, whole, tmp_path
):
    one = trial(server, tmp_path / "killed", kills.with_words(SHORT))
    one.run(len(kills.KINDS))
    assert len(one.happened) >= 5  # before it was done
    kills.compare(one.folder, whole)


def test_a_picture_that_is_saved_and_not_marked_is_not_drawn_again(server, whole, tmp_path):
    one = trial(server, tmp_path / "killed", kills.with_words(SHORT))
    assert one.start(Fault("after", "image_*", 1)).wait() == -signal.SIGKILL
    states = [picture["state"] for picture in one.pictures()]
    assert states == ["running", "running", "queued", "queued"]
    kills.check_state(one.folder, -signal.SIGKILL)
    one.look()
    for fault in (Fault("half", "*.safetensors", 2), Fault("half", "manifest.json", 3)):
        assert one.start(fault).wait() == -signal.SIGKILL
    one.finish()
    kills.compare(one.folder, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_batch_that_is_stopped_takes_no_step_twice(server, whole, tmp_path, number):
    """The step is finished and kept, however rarely steps are kept otherwise."""
    words = kills.with_words([*SHORT, "checkpoint=3600"])
    one = trial(server, tmp_path / "stopped", words)
    life = one.start()
    while life.poll() is None and one.steps() < 6:
        time.sleep(0.01)
    life.send(number)
    assert life.wait() == 130
    told = one.log.read_text()
    assert "finishing this step" in told
    assert f"resume=outputs/{one.folder.parent.name}/{one.folder.name}" in told
    kills.check_state(one.folder, 130, ended=True)
    assert 6 <= one.steps() < 16
    one.finish()
    assert one.steps() == 16
    assert pictures(one.folder) == pictures(whole)


@pytest.mark.slow
def test_sixty_moments(tmp_path):
    """As `python -m tests.kills 60`; each kind comes in turn."""
    happened = kills.many(60, [], 1, tmp_path)
    assert happened.keys() == kills.KINDS.keys()


@pytest.mark.slow
def test_ten_moments_of_a_film(tmp_path):
    """Killed at random frames, some while they are written."""
    film = ["prompt=a red rose", "count=1", "animate=slow_zoom", "frames=9", "sampler=ddim"]
    film += ["animate.format=webp", "animate.cadence=2", "generator.symmetry=none"]
    kinds = ["kill -9", "kill -9 while writing"]
    assert sum(kills.many(10, film, 3, tmp_path, kinds).values()) == 10


def pictures(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in folder.glob("image_*"):
        with Image.open(path) as image:
            found[path.name] = image.tobytes()  # without the settings, which differ
    return found


# ---- the tool itself would notice ----------------------------------------------------------


def folder(root: Path) -> Path:
    """Of a batch of one picture that is done."""
    found = root / "outputs" / "latest"
    found.mkdir(parents=True)
    (found / "image_0000.png").write_bytes(b"a picture")
    about = {"state": "done", "file": "image_0000.png", "worker": "a"}
    (found / "manifest.json").write_text(json.dumps({"pictures": [about]}))
    return found


def test_a_picture_that_is_written_again_or_lost_is_noticed(tmp_path):
    found, one = folder(tmp_path), Trial(None, tmp_path, [], random.Random(1))
    one.look()
    one.look()
    beside = tmp_path / "beside"
    beside.write_bytes(b"a picture")
    os.replace(beside, found / "image_0000.png")
    with pytest.raises(AssertionError, match=r"written again, or gone: .*image_0000"):
        one.look()
    (found / "image_0000.png").unlink()
    with pytest.raises(AssertionError, match="not there"):
        Trial(None, tmp_path, [], random.Random(1)).look()


def test_a_file_too_many_or_another_byte_is_noticed(tmp_path):
    mine, other = folder(tmp_path / "mine"), folder(tmp_path / "other")
    kills.compare(mine, other)
    (mine / ".image_0001.png.7.part").touch()
    with pytest.raises(AssertionError, match="part"):
        kills.compare(mine, other)
    (other / ".image_0001.png.7.part").write_bytes(b"x")
    with pytest.raises(AssertionError, match=r"differ.*part"):
        kills.compare(mine, other)


def running(found: Path, worker: str) -> None:
    about = {"number": 0, "row": 0, "seed": 1, "state": "running", "worker": worker}
    base = {"words": [], "flags": [], "settings": None}
    content = {"title": "x", "base": base, "rows": [{}], "pictures": [about]}
    (found / "manifest.json").write_text(json.dumps(content))


def test_frames_may_differ_in_the_name_of_their_own_folder_only(tmp_path):
    folders = [tmp_path / name for name in ("day/1-x", "day/2-x", "day/3-x", "day/4-x")]
    for own, before, level in zip(
        folders, ("1-x", "2-x", "2-x", "4-x"), (9, 9, 9, 8), strict=True
    ):
        own.mkdir(parents=True)
        texts = PngInfo()
        texts.add_text("guided", f"before: day/{before}/image_0000.png")
        Image.new("RGB", (4, 4), (level, 0, 0)).save(own / "image_0001.png", pnginfo=texts)
        about = {"pictures": [{"state": "done", "frame": 1}]}
        (own / "manifest.json").write_text(json.dumps(about))
    kills.compare(folders[1], folders[0])
    for other in folders[2:]:
        with pytest.raises(AssertionError, match="image_0001"):
            kills.compare(other, folders[0])


def test_a_manifest_or_a_page_that_pretends_is_noticed(tmp_path):
    found = folder(tmp_path)
    running(found, f"{worker_locks.host()}-1-ab")
    kills.check_state(found, -signal.SIGKILL)  # that worker is dead, and the gallery sees it
    with pytest.raises(AssertionError, match="the manifest has it as being drawn"):
        kills.check_state(found, 130)
    running(found, "elsewhere-1-ab")
    with pytest.raises(AssertionError, match="the gallery would have it"):
        kills.check_state(found, -signal.SIGKILL)
    running(found, f"{worker_locks.host()}-1-ab")
    script.save(found / script.DATA, {"batches": [{"pictures": [{"number": 0, "state": "done"}]}]})
    with pytest.raises(AssertionError, match="as done that are not"):
        kills.check_state(found, -signal.SIGKILL)
    script.save(found / script.DATA, {"batches": [{"pictures": [], "grace": 1e6, "alive": 1}]})
    with pytest.raises(AssertionError, match="the page has it as being drawn"):
        kills.check_state(found, -signal.SIGKILL, ended=True)
    with pytest.raises(AssertionError):
        kills.check_state(found, -signal.SIGKILL)


@pytest.mark.parametrize("told", ["", "error: a\nerror: b\n", "error: OSError (debug=true)\n"])
def test_a_message_that_does_not_help_is_noticed(tmp_path, told):
    kills.check_message(f"WARNING: x\nfull; to go on: resume={tmp_path}\n", "full disk", tmp_path)
    with pytest.raises((AssertionError, ValueError)):
        kills.check_message(told, "full disk", tmp_path)
