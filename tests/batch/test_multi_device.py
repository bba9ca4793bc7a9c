"""Processes of several devices: none is left when who began them is gone."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from guided.batch.planning import plan_batch
from guided.batch.run import begin
from guided.config.composer import Composer
from guided.runs.manifest import Manifest, Row

PROGRAM = """
import sys
from pathlib import Path
from guided.batch import multi_device
multi_device.work(Path(sys.argv[1]), ["cpu", "cpu"])
"""


def alive(pid: int) -> bool:
    """Is it there, and no zombie?"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def children(pid: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_workers_end_when_their_parent_is_gone(tmp_path, number):
    """The step at hand is kept, and the pictures are free for others."""
    words = ["prompt=a red heart", "seed=5", "count=2", "steps=1000", "output=[still,metrics]"]
    composer = Composer([*words, f"folder={tmp_path}"])
    folder = begin(plan_batch(composer, [Row()], ""), composer, tmp_path)
    parent = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)])
    lines = folder / "metrics.jsonl"
    while not lines.exists() or lines.read_text().count("\n") < 3:
        assert parent.poll() is None
        time.sleep(0.05)
    workers = children(parent.pid)
    try:
        assert len(workers) == 2 and all(map(alive, workers))
        parent.send_signal(number)
        parent.wait()
        patience = time.monotonic() + 200
        while any(map(alive, workers)):
            assert time.monotonic() < patience
            time.sleep(0.1)
    finally:
        for pid in filter(alive, workers):
            os.kill(pid, signal.SIGKILL)
    assert [one.state for one in Manifest.read(folder).pictures] == ["queued"] * 2
    assert list((folder / ".work").glob("*.safetensors"))
