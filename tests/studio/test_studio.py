"""The state of the studio: what workers tell becomes events, and the files are the truth."""

import asyncio
import json
import threading

import pytest

from guided.config.overrides import parse_all
from guided.runs.manifest import Manifest
from guided.studio import form
from guided.studio.entries import OPEN, SUCCEEDED, Entry
from guided.studio.files_by_id import picture_id
from guided.studio.studio import Studio
from guided.studio.webhooks import Webhooks
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


def test_the_pictures_are_listed_before_the_form_is_composed(studio, monkeypatch):
    order, listed = [], studio.library.refresh
    release = threading.Event()

    def refresh(now=False):
        release.wait(60)
        listed(now)
        order.append("pictures")

    monkeypatch.setattr(studio.library, "refresh", refresh)
    monkeypatch.setattr(form, "as_dict", lambda flags: order.append("form"))

    async def begin():
        await studio.begin()
        asked = asyncio.ensure_future(studio.compose(lambda: None))
        await asyncio.wait([asked], timeout=0.2)
        release.set()
        await asked
        await studio.end()

    asyncio.run(begin())
    assert order.index("pictures") < order.index("form")


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


def test_the_frames_of_a_film_are_one_picture(began, tmp_path):
    manifest = Manifest.read(tmp_path / RUN)
    for k, one in enumerate(manifest.pictures):
        one.frame, one.group = k, 0
    manifest.write(tmp_path / RUN)
    (tmp_path / RUN / "video_0000.mp4").touch()
    name = picture_id(RUN, 0)
    shown = began.prediction(began.queue.read("a"))
    assert shown["film"] and shown["pictures"] == [name] and shown["done"] == 3
    assert shown["output"] == [f"/pictures/{name}/file", f"/pictures/{name}/films/mp4"]
    began.tell_picture("a", 2)
    assert [data["id"] for kind, data in told(began) if kind == "picture"] == [name]
    assert began.library.find(name).film == "video_0000.mp4"


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


def test_a_restart_tells_nothing_of_what_had_ended_before(studio, tmp_path, monkeypatch):
    hook = "http://127.0.0.1:9/done"
    for name in ("ended", "open"):
        studio.queue.add(Entry(name, {"prompt": "x"}, webhook=hook))
    studio.queue.change("ended", lambda entry: entry.end(SUCCEEDED))
    again = Studio(tmp_path, webhooks=Webhooks([hook]))
    posted: list[str] = []
    monkeypatch.setattr(again.webhooks, "post", lambda address, body: posted.append(address))
    monkeypatch.setattr(again.composing, "submit", lambda *work: None)  # reads all presets

    async def start() -> None:
        await again.begin()
        again.tell_changes()
        assert [kind for kind, _ in told(again)] == ["queue"] and posted == []
        again.queue.change("open", lambda entry: entry.end(SUCCEEDED))
        again.tell_changes()
        await again.end()

    asyncio.run(start())
    again.webhooks.senders.shutdown()
    assert [data["id"] for kind, data in told(again) if kind == "state"] == ["open"]
    assert posted == [hook]


def test_the_queue_is_looked_through_once_for_an_answer(studio, monkeypatch):
    for name in "abcdefgh":
        studio.queue.add(Entry(name, {"prompt": "x"}))
    looks = []
    names = studio.queue.names
    monkeypatch.setattr(studio.queue, "names", lambda: looks.append(1) or names())
    items = studio.queue_state()["items"]
    assert [one["position"] for one in items] == list(range(8)) and len(looks) == 1
    studio.tell_changes()
    assert len(looks) == 2


def test_texts_that_are_no_ids_have_no_folder_read_again(studio, tmp_path, monkeypatch):
    make_run(tmp_path)
    name = picture_id(RUN, 0)
    known = [f"picture:{name}", f"picture:{'x' * 20}", f"picture:{'y' * 20}"]
    given = {"prompt": "a heart", "look": ["draft"], "regions": [{"image": one} for one in known]}
    looks = []
    read = studio.library.refresh
    monkeypatch.setattr(
        studio.library, "refresh", lambda now=False: looks.append(now) or read(now)
    )
    assert studio.named({"prompt": "a heart", "look": ["draft"]}) == {}
    assert looks == [False]
    assert studio.named(given) == {name: [RUN, 0]}
    assert looks == [False, False, True]


def test_waiting_for_a_prediction_ends_with_it_the_time_the_client_or_the_server(studio):
    studio.queue.add(Entry("a", {"prompt": "x"}))

    async def gone() -> bool:
        return True

    async def wait() -> None:
        assert (await studio.ended("a", 0.0)).state == OPEN
        assert (await studio.ended("a", gone=gone)).state == OPEN
        studio.events.close()
        assert (await studio.ended("a")).state == OPEN
        studio.queue.change("a", lambda entry: entry.end(SUCCEEDED))
        assert (await studio.ended("a")).state == SUCCEEDED
        with pytest.raises(KeyError):
            await studio.ended("b")

    asyncio.run(wait())


def test_a_webhook_is_told_once_of_each_change(studio, tmp_path, monkeypatch):
    told = []
    monkeypatch.setattr(studio.webhooks, "call", lambda *about: told.append(about[2]))
    studio.queue.add(Entry("a", {"prompt": "x"}, webhook="http://x/", webhook_events=None))
    for _ in range(2):
        studio.tell_changes("a")
    assert told == []  # it waits
    studio.take({"event": "progress", "prediction": "a", "picture": 0, "step": 1})
    studio.tell_changes("a")
    make_run(tmp_path)
    studio.queue.change("a", lambda entry: setattr(entry, "folder", RUN))
    for _ in range(2):
        studio.take({"event": "picture", "prediction": "a", "number": 0})
    studio.queue.change("a", lambda entry: entry.end(SUCCEEDED))
    for _ in range(2):
        studio.take({"event": "state", "prediction": "a"})
    assert told == ["start", "output", "completed"]
