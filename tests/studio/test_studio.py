"""The state of the studio: what workers tell becomes events, and the files are the truth."""

import json

import pytest

from guided.config.overrides import parse_all
from guided.studio.entries import SUCCEEDED, Entry
from guided.studio.files_by_id import picture_id
from guided.studio.studio import Studio
from tests.studio.conftest import make_run

RUN = "2026-11-29/120000-a-red-heart"


def told(studio: Studio) -> list[tuple[str, dict]]:
    """The events so far."""
    texts = [event.text.decode() for event in studio.events.kept]
    lines = [dict(line.split(": ", 1) for line in text.strip().split("\n")) for text in texts]
    return [(line["event"], json.loads(line["data"])) for line in lines]


@pytest.fixture
def began(studio, tmp_path) -> Studio:
    """A studio with a prediction of three pictures, of which two are done."""
    make_run(tmp_path, count=3)
    studio.queue.add(Entry("a", {"prompt": "x"}, count=3, folder=RUN, started="now"))
    studio.dispatcher.hold()
    yield studio
    studio.dispatcher.end()


def test_steps_make_a_prediction_processing(began):
    began.take({"event": "progress", "prediction": "a", "picture": 1, "step": 4, "steps": 9,
                "progress": 0.4, "seconds": 0.1, "seconds_left": 3.0})  # fmt: skip
    began.take({"event": "preview", "prediction": "a", "picture": 1, "step": 4})
    shown = began.prediction(began.queue.read("a"))
    assert shown["status"] == "processing" and shown["position"] is None
    assert (shown["step"], shown["progress"], shown["seconds_left"]) == (4, 0.4, 3.0)
    assert shown["preview"] == "/previews/a/1/4"
    assert [kind for kind, _ in told(began)] == ["state", "queue", "progress", "preview"]
    began.take({"event": "worker", "state": "idle", "prediction": None, "device": "auto"})
    assert began.status(began.queue.read("a")) == "starting"


def test_a_finished_picture_is_told_by_its_id(began):
    began.take({"event": "picture", "prediction": "a", "number": 1})
    assert ("picture", {"id": picture_id(RUN, 1), "change": "made", "prediction": "a"}) in told(
        began
    )


def test_a_change_is_told_once(began):
    began.tell_changes()
    before = began.events.number
    began.tell_changes()
    assert began.events.number == before
    began.queue.change("a", lambda entry: entry.end(SUCCEEDED))
    began.tell_changes()
    assert [kind for kind, _ in told(began)][before:] == ["state", "queue"]
    assert told(began)[before][1]["status"] == "succeeded"


def test_outputs_are_the_pictures_that_are_done(began, tmp_path):
    shown = began.prediction(began.queue.read("a"))
    assert shown["pictures"] == [picture_id(RUN, k) for k in range(3)] and shown["done"] == 3
    assert shown["metrics"] == {"predict_time": 4.5}


def test_another_server_has_the_same_state(began, tmp_path):
    other = Studio(tmp_path, parse_all([f"folder={tmp_path}"]))
    shown, before = (one.prediction(one.queue.read("a")) for one in (other, began))
    where = {"status": "", "position": 0}  # which only the server with the workers knows
    assert shown | where == before | where


def test_the_time_before_a_prediction_is_that_of_the_queue(studio):
    for name, seconds in (("a", 10.0), ("b", None), ("c", 5.0)):
        studio.queue.add(Entry(name, {"prompt": "x"}, seconds=seconds))
    studio.live["a"] = {"seconds_left": 4.0}
    assert sum(map(studio.seconds_left, studio.queue.open())) == 9.0


def test_a_run_that_was_removed_leaves_a_prediction_without_pictures(studio):
    studio.queue.add(Entry("a", {"prompt": "x"}, folder="2026-11-29/gone"))
    assert studio.prediction(studio.queue.read("a"))["pictures"] == []
