"""Previews."""

import pytest

from guided.outputs.steps import Steps
from guided.runs import record
from tests.outputs.frames import all_frames, watch


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
