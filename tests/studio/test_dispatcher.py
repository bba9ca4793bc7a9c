"""The processes of workers: begun, watched, begun again, and ended with the server."""

import sys
import time

import pytest

from guided import search_path
from guided.errors import BadInput
from guided.studio import dispatcher as dispatching
from guided.studio.dispatcher import Dispatcher, count_crash
from guided.studio.entries import FAILED, OPEN, Entry

# Workers of the tests: they tell of one prediction, and then do what their name says.
HEAD = """
import json, os, sys
def tell(**event): print(json.dumps(event), flush=True)
tell(event="worker", state="drawing", prediction="a")
"""
KINDS = {
    "step": 'tell(event="progress", prediction="a", step=1)\nsys.stdin.read()\n',
    "crash": "os._exit(9)\n",
    "broken": 'sys.stdout.write("{\\"event\\": \\"prog"); sys.stdout.flush(); os._exit(9)\n',
    "done": "sys.exit(0)\n",
}


@pytest.fixture
def began(tmp_path, monkeypatch):
    """A function that begins a dispatcher with workers of a kind, and its events."""
    events, made = [], []
    monkeypatch.setattr(dispatching, "PAUSE", 0.0)
    monkeypatch.setattr(dispatching, "LOOK", 0.02)

    def begin(kind: str) -> tuple[Dispatcher, list]:
        command = [sys.executable, "-c", HEAD + KINDS[kind]]
        monkeypatch.setattr(search_path, "command", lambda *about: command)
        dispatcher = Dispatcher(tmp_path, events.append)
        dispatcher.hold()
        dispatcher.begin()
        made.append(dispatcher)
        return dispatcher, events

    yield begin
    for dispatcher in made:
        dispatcher.end()


def until(condition) -> None:
    """Wait for what a thread or a process does; the test ends when it has happened."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within a minute")


def test_a_worker_is_started_when_there_is_something_to_draw(began):
    dispatcher, events = began("step")
    assert not dispatcher.workers[0].alive
    dispatcher.queue.add(Entry("a", {"prompt": "x"}))
    until(lambda: any(event["event"] == "progress" for event in events))
    states = [event["state"] for event in events if event["event"] == "worker"]
    assert states[:2] == ["starting", "drawing"]


def test_workers_end_with_the_server(began):
    dispatcher, events = began("step")
    dispatcher.queue.add(Entry("a", {"prompt": "x"}))
    until(lambda: any(event["event"] == "progress" for event in events))
    process = dispatcher.workers[0].process
    dispatcher.end()
    assert process.poll() == 0


@pytest.mark.parametrize("kind", ["crash", "broken"])
def test_a_prediction_with_which_workers_end_again_and_again_is_given_up(began, kind):
    dispatcher, _ = began(kind)
    dispatcher.queue.add(Entry("a", {"prompt": "x"}))
    until(lambda: dispatcher.queue.read("a").state == FAILED)
    assert "5 times" in dispatcher.queue.read("a").error
    until(lambda: not dispatcher.workers[0].alive)


def test_a_worker_that_ends_by_itself_counts_as_no_crash(began):
    dispatcher, events = began("done")
    dispatcher.queue.add(Entry("a", {"prompt": "x"}))
    until(lambda: sum(event.get("state") == "stopped" for event in events) >= 3)
    assert dispatcher.queue.read("a").crashes == 0


def test_a_step_forgives_the_crashes_before_it(began):
    dispatcher, _ = began("step")
    dispatcher.queue.add(Entry("a", {"prompt": "x"}, crashes=3))
    until(lambda: dispatcher.queue.read("a").crashes == 0)


def test_two_servers_do_not_share_a_folder(tmp_path):
    first, second = (Dispatcher(tmp_path, print) for _ in range(2))
    first.hold()
    with pytest.raises(BadInput, match="another studio is open"):
        second.hold()
    assert first.holds and not second.holds
    first.end()
    second.hold()
    second.end()


def test_nothing_is_started_while_the_queue_is_paused(began):
    dispatcher, events = began("step")
    dispatcher.queue.pause(True)
    dispatcher.queue.add(Entry("a", {"prompt": "x"}))
    until(lambda: any(event["event"] == "changed" for event in events))
    assert not dispatcher.wanted() and not dispatcher.workers[0].alive


def test_crashes_are_counted_to_the_fifth():
    entry = Entry("a", {})
    for _ in range(4):
        count_crash(entry)
    assert entry.state == OPEN
    count_crash(entry)
    assert entry.state == FAILED and "memory" in entry.error
