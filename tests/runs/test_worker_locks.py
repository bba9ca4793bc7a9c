"""Which workers are alive."""

import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from guided.runs import worker_locks

HOLD = """
import sys, time
from pathlib import Path
from guided.runs import files, worker_locks
folder, name = Path(sys.argv[1]), worker_locks.new_name()
(folder / ".work").mkdir(exist_ok=True)
lock = files.lock(worker_locks.worker_lock(folder, name), 0)
lock.acquire()
print(name, flush=True)
time.sleep(600)
"""


@pytest.fixture
def worker(tmp_path):
    """A process that holds a worker's lock, and the worker's name."""
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


@pytest.mark.parametrize("look", [worker_locks.is_alive, worker_locks.seems_alive])
def test_a_worker_lives_until_it_is_killed(tmp_path, worker, look):
    process, name = worker
    assert look(tmp_path, name)
    assert look(tmp_path, name)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not look(tmp_path, name)


def test_looking_removes_no_lock(tmp_path, worker):
    process, name = worker
    process.kill()
    process.wait()
    assert not worker_locks.seems_alive(tmp_path, name)
    assert worker_locks.workers(tmp_path) == {name}
    assert not worker_locks.seems_alive(tmp_path, "nobody")
    assert worker_locks.workers(tmp_path) == {name}
    assert not worker_locks.any_alive(tmp_path)
    assert worker_locks.workers(tmp_path) == set()


@pytest.mark.parametrize(
    ("name", "seconds", "alive"),
    [
        ("elsewhere-1-ab", 5, True),
        ("elsewhere-1-ab", -5, True),
        ("elsewhere-1-ab", 1e5, False),
        ("elsewhere-1-ab", -1e5, False),  # by a clock that was set back since
        (f"{worker_locks.host()}-1-ab", 5, False),
        (f"{worker_locks.host()}-b-1-ab", 5, True),  # another machine of a longer name
    ],
)
def test_without_a_lock_a_worker_of_another_machine_lives_while_files_change(
    tmp_path, name, seconds, alive
):
    path = tmp_path / "manifest.json"
    path.touch()
    os.utime(path, (time.time() - seconds,) * 2)
    assert worker_locks.seems_alive(tmp_path, name) == alive


def test_while_the_manifest_is_being_changed_nobody_is_called_dead(tmp_path, monkeypatch):
    monkeypatch.setattr(worker_locks, "LOCK_TIMEOUT", 0)
    assert not worker_locks.seems_alive(tmp_path, f"{worker_locks.host()}-1-ab")
    with FileLock(tmp_path / ".manifest.lock"):
        assert worker_locks.seems_alive(tmp_path, f"{worker_locks.host()}-1-ab")


@pytest.mark.parametrize("link", [".work", ".work/worker-a.lock"])
def test_no_lock_is_tried_through_a_link(tmp_path, link):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "worker-a.lock").write_text("my text")
    folder = tmp_path / "batch"
    (folder / link).parent.mkdir(parents=True)
    (folder / link).symlink_to(outside if link == ".work" else outside / "worker-a.lock")
    assert not worker_locks.seems_alive(folder, "a")
    assert (outside / "worker-a.lock").read_text() == "my text"
