"""The queue: order, cancelling, resuming, and files that somebody else wrote."""

import json
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.studio import entries
from guided.studio.entries import CANCELED, FAILED, OPEN, Conflict, Entry, Full, Queue


@pytest.fixture
def queue(tmp_path) -> Queue:
    made = Queue(tmp_path)
    made.make()
    return made


def add(queue: Queue, *names: str) -> None:
    for name in names:
        queue.add(Entry(name, {"prompt": name}))


def ids(queue: Queue) -> list[str]:
    return [entry.id for entry in queue.open()]


def test_first_in_first_out(queue):
    add(queue, "c", "a", "b")
    assert ids(queue) == ["c", "a", "b"]


def test_another_process_sees_the_same(queue, tmp_path):
    add(queue, "a", "b")
    queue.cancel("a")
    assert ids(Queue(tmp_path)) == ["b"]


def test_an_id_with_the_same_input_is_added_once(queue):
    add(queue, "a")
    assert queue.add(Entry("a", {"prompt": "a"})).order == 1
    with pytest.raises(Conflict, match="taken"):
        queue.add(Entry("a", {"prompt": "another"}))
    assert len(queue.all()) == 1


def test_the_queue_is_bounded(queue, monkeypatch):
    monkeypatch.setattr(entries, "MOST_OPEN", 2)
    add(queue, "a", "b")
    with pytest.raises(Full):
        add(queue, "c")
    queue.cancel("a")
    add(queue, "c")


def test_the_oldest_that_ended_are_forgotten(queue, monkeypatch):
    monkeypatch.setattr(entries, "MOST_KEPT", 1)
    for name in ("a", "b", "c"):
        add(queue, name)
        queue.cancel(name)
    add(queue, "d")
    assert {entry.id for entry in queue.all()} == {"c", "d"}


def test_what_has_ended_does_not_end_again(queue):
    add(queue, "a")
    queue.change("a", lambda entry: entry.end(FAILED, "why"))
    assert queue.cancel("a").state == FAILED


def test_what_is_resumed_goes_to_the_end_and_is_tried_again(queue):
    add(queue, "a", "b")
    queue.cancel("a")
    entry = queue.resume("a")
    assert ids(queue) == ["b", "a"] and entry.retry and entry.error is None
    with pytest.raises(Conflict):
        queue.resume("b")


@given(st.permutations("abcde"), st.integers(0, 5))
def test_any_order_of_some_puts_these_first_and_keeps_the_rest(tmp_path_factory, order, count):
    queue = Queue(tmp_path_factory.mktemp("queue"))
    queue.make()
    add(queue, *"abcde")
    first = list(order[:count])
    queue.arrange(first)
    assert ids(queue) == first + [name for name in "abcde" if name not in first]


def test_ordering_what_is_not_there_is_an_error(queue):
    with pytest.raises(KeyError):
        queue.arrange(["a"])


def test_a_paused_queue_stays_paused(queue, tmp_path):
    add(queue, "a")
    queue.pause(True)
    assert Queue(tmp_path).paused and not queue.goes_on("a")
    queue.pause(False)
    assert queue.goes_on("a") and not queue.goes_on("b")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"input": 5}',
        '{"input": {}, "id": "other"}',
        '{"input": {}, "state": "eaten"}',
        '{"input": {}, "folder": "../outside"}',
        '{"input": {}, "folder": "/etc"}',
        '{"input": {}, "pictures": {"x": ["../..", 0]}}',
        '{"input": {}, "order": "first"}',
        '{"input": {"steps": NaN}}',
        '{"input": {}, "order": NaN}',
        '{"input": {}, "created": null}',
        '{"input": {}, "words": [1]}',
        '{"input": {}, "count": "3"}',
        '{"input": {}, "crashes": null}',
        '{"input": {}, "webhook_events": "start"}',
        '{"input": {}, "error": {}}',
        '{"input": {}, "pictures": {"x": [5, 0]}}',
        '{"input": {}, "pictures": []}',
        '{"input": ' + '{"x":' * 100_000,
        "[" * 100_000,
        "9" * 5000,
    ],
)
def test_files_that_are_no_predictions_are_ignored(queue, content):
    add(queue, "a")
    (queue.folder / "b.json").write_text(content)
    assert ids(queue) == ["a"]
    with pytest.raises(KeyError):
        queue.read("b")


def test_entries_of_a_later_version_are_read(queue):
    add(queue, "a")
    content = json.loads((queue.folder / "a.json").read_text()) | {"colour": "of a later version"}
    (queue.folder / "a.json").write_text(json.dumps(content))
    assert queue.read("a").state == OPEN


@pytest.mark.parametrize("name", ["../a", "a/b", "", "a.json", "é"])
def test_no_name_leads_out_of_the_folder(queue, name):
    with pytest.raises(KeyError):
        queue.read(name)


def test_changes_at_the_same_time_are_all_kept(queue):
    add(queue, "a")

    def count() -> None:
        for _ in range(10):
            queue.change("a", lambda entry: setattr(entry, "crashes", entry.crashes + 1))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.read("a").crashes == 30


def test_views_are_asked_for_once(queue):
    add(queue, "a")
    assert not queue.take_views("a")
    queue.ask_for_views("a")
    assert queue.take_views("a") and not queue.take_views("a")
    assert queue.cancel("a").state == CANCELED


def test_a_folder_that_was_left_alone_is_not_read_again(queue, tmp_path, monkeypatch):
    add(queue, "a", "b")
    os.utime(queue.folder, (1e9, 1e9))
    before = queue.all()
    monkeypatch.setattr(queue, "names", lambda: pytest.fail("the folder is read"))
    assert queue.all() == before and ids(queue) == ["a", "b"]
    monkeypatch.undo()
    Queue(tmp_path).cancel("a")
    assert ids(queue) == ["b"]
    (queue.folder / "b.json").unlink()
    assert ids(queue) == []
