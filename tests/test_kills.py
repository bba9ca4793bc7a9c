"""Batches that are killed, or stopped, and gone on with. `python -m tests.kills 40` does more."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from tests import kills
from tests.kills import Trial

SHORT = ["count=3", "batch_size=2", "steps=4", "output.steps.every=2", "output.cuts.every=2"]


def trial(root: Path, words: list[str]) -> Trial:
    root.mkdir()
    return Trial(root, words, random.Random(1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return kills.undisturbed(tmp_path_factory.mktemp("whole"), kills.with_words(SHORT))


def test_a_batch_that_is_killed_leaves_what_one_leaves_that_is_not(whole, tmp_path):
    one = trial(tmp_path / "killed", kills.with_words(SHORT))
    one.suicide("image_*", "after", 1)  # of two, the first is there, and not marked
    assert [picture["state"] for picture in one.pictures()] == ["running", "running", "queued"]
    one.suicide("*.safetensors", "half", 2)
    one.suicide("manifest.json", "half", 3)
    one.murder(left=1)
    one.finish()
    assert sum(one.kills.values()) >= 3
    kills.compare(one.folder, whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_batch_that_is_stopped_takes_no_step_twice(whole, tmp_path, number):
    """The step is finished and kept, however rarely steps are kept otherwise."""
    one = trial(tmp_path / "stopped", kills.with_words([*SHORT, "checkpoint=3600"]))
    process = one.start(kills.RUN)
    while process.poll() is None and one.steps() < 6:
        time.sleep(0.01)
    process.send_signal(number)
    assert process.wait() == 130
    said = (tmp_path / "stopped.txt").read_text()
    assert (
        "finishing this step" in said
        and f"resume=outputs/{one.folder.parent.name}/{one.folder.name}" in said
    )
    assert 6 <= one.steps() < 12
    one.finish()
    assert one.steps() == 12
    assert pictures(one.folder) == pictures(whole)


def pictures(folder: Path) -> dict[str, bytes]:
    from PIL import Image

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
    found, one = folder(tmp_path), Trial(tmp_path, [], random.Random(1))
    one.look()
    one.look()
    beside = tmp_path / "beside"
    beside.write_bytes(b"a picture")
    os.replace(beside, found / "image_0000.png")
    with pytest.raises(AssertionError, match=r"written again, or gone: .*image_0000"):
        one.look()
    (found / "image_0000.png").unlink()
    with pytest.raises(AssertionError, match="not there"):
        Trial(tmp_path, [], random.Random(1)).look()


def test_a_file_too_many_or_another_byte_is_noticed(tmp_path):
    mine, other = folder(tmp_path / "mine"), folder(tmp_path / "other")
    kills.compare(mine, other)
    (mine / ".image_0001.png.7.part").touch()
    with pytest.raises(AssertionError, match="part"):
        kills.compare(mine, other)
    (other / ".image_0001.png.7.part").write_bytes(b"x")
    with pytest.raises(AssertionError, match=r"differ.*part"):
        kills.compare(mine, other)
