"""Several devices of one machine: a process for each, all on the same folder.

device=[cuda:0,cuda:1]
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from guided import search_path
from guided.batch.interrupts import SIGNALS
from guided.batch.queue import check_there
from guided.batch.throughput import Throughput
from guided.console import tell
from guided.runs.manifest import Manifest
from guided.untrusted import allowed_files

log = logging.getLogger(__name__)
GLANCE = 0.5  # seconds between looks at who is still there


def work(folder: Path, devices: Sequence[str], debug: bool = False) -> None:
    """Until all have left. A signal is passed on to each; KeyboardInterrupt when one came."""
    more = [allowed_files.word(), *(["debug"] if debug else [])]
    # In sessions of their own, or a terminal's Ctrl-C would reach them twice. Nothing is written
    # to their standard input: that it ends tells them that this process is gone.
    children = [
        subprocess.Popen(
            search_path.command([str(folder), device, *more]),
            stdin=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
        )
        for device in devices
    ]
    asked = []

    def pass_on(number: int, frame: object) -> None:
        asked.append(number)
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        watch(folder, children)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for child in children:
            if child.poll() is None:
                child.kill()
            child.stdin.close()
    if asked:
        raise KeyboardInterrupt


def watch(folder: Path, children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Say how it is going while they work."""
    tally = Throughput()
    while any(child.poll() is None for child in children):
        check_there(folder)
        tally.count(Manifest.read(folder))
        if line := tally.line():
            tell(line)
        time.sleep(GLANCE)
