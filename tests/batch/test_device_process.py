"""The process of one device: its exit codes, its one line of an error, its end with its parent."""

import errno
import os
from pathlib import Path

import pytest

from guided.batch import device_process, worker
from guided.errors import BadInput, Failed
from guided.runs.manifest import DONE, OLDER, Manifest, Picture, Row

WORDS = ["prompt=a sun", "steps=20"]


@pytest.fixture(autouse=True)
def parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's own standard input may be at its end, which would interrupt the test."""
    monkeypatch.setattr(device_process, "end_with_parent", lambda: None)


def finished(folder: Path) -> Path:
    """A run in which nothing is left to draw."""
    folder.mkdir()
    (folder / "image_0000.png").touch()
    picture = Picture(0, 0, 1, state=DONE, file="image_0000.png")
    base = {**dict.fromkeys(OLDER, "auto"), "words": WORDS, "flags": [], "cwd": str(folder)}
    Manifest("a sun", base, [Row()], [picture]).write(folder)
    return folder


def test_a_run_that_is_finished_stays_as_it_is(tmp_path, capsys):
    folder = finished(tmp_path / "run")
    before = (folder / "manifest.json").read_bytes()
    assert device_process.main(str(folder), "cpu") == 0
    assert (folder / "manifest.json").read_bytes() == before
    assert capsys.readouterr().err == ""


def test_it_draws_on_its_device_with_the_words_of_the_run(tmp_path, monkeypatch):
    sessions = []
    monkeypatch.setattr(worker, "work", lambda session, debug: sessions.append((session, debug)))
    folder = finished(tmp_path / "run")
    assert device_process.main(str(folder), "cpu", "debug") == 0
    ((session, debug),) = sessions
    assert debug is True
    assert [one.raw for one in session.more] == ["device=cpu"]
    assert [one.raw for one in session.composer.words] == WORDS
    assert not session.alone  # its parent shows the progress of all


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_run_is_bad_input(tmp_path, capsys, name):
    (tmp_path / "empty").mkdir()
    assert device_process.main(str(tmp_path / name), "cpu") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and name in line


def test_a_device_that_is_not_there_is_bad_input(tmp_path, capsys):
    assert device_process.main(str(finished(tmp_path / "run")), "cuda:99") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cuda:99" in line


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (BadInput("steps=x is no number"), 2),
        (Failed("2 pictures failed"), 1),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), 1),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_an_error_is_one_line_and_an_exit_code(tmp_path, monkeypatch, capsys, error, code, debug):
    def fail(session, debug):
        raise error

    monkeypatch.setattr(worker, "work", fail)
    more = ["debug"] if debug else []
    assert device_process.main(str(finished(tmp_path / "run")), "cpu", *more) == code
    said = capsys.readouterr().err
    lines = said.splitlines()
    if code == 130:
        assert said == ""
    else:
        assert lines[-1].startswith("error: ")
        assert ("Traceback" in said) == (debug and code == 1)
        assert len(lines) == 1 or debug


def test_another_error_is_a_fault_of_the_program_and_not_hidden(tmp_path, monkeypatch):
    def fail(session, debug):
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "work", fail)
    with pytest.raises(ZeroDivisionError):
        device_process.main(str(finished(tmp_path / "run")), "cpu")


def test_when_the_parent_is_gone_it_is_interrupted_twice_and_then_ended(monkeypatch):
    """As by Ctrl-C: once to stop after the step at hand, again to stop at once."""
    events: list[object] = []
    chunks = [b"a", b"b", b""]  # the end of standard input
    monkeypatch.setattr(
        device_process.os, "read", lambda *_: events.append("read") or chunks.pop(0)
    )
    monkeypatch.setattr(
        device_process._thread, "interrupt_main", lambda: events.append("interrupt")
    )
    monkeypatch.setattr(device_process.time, "sleep", events.append)
    monkeypatch.setattr(device_process.os, "_exit", lambda code: events.append(("exit", code)))
    device_process.wait_for_end()
    assert events == [
        *["read"] * 3,
        *("interrupt", device_process.STEP_TIMEOUT),
        *("interrupt", device_process.EXIT_TIMEOUT),
        ("exit", 130),
    ]
