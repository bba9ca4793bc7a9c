"""Drawing a batch on several devices of one machine: device=[cuda:0,cuda:1].

One process for each device; all of them work on the same folder.
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
from guided.batch.queue import check_exists
from guided.batch.throughput import Throughput
from guided.console import stop_signals_handled, tell
from guided.runs.manifest import Manifest
from guided.untrusted import allowed_files

log = logging.getLogger(__name__)
POLL = 0.5  # seconds between checks of the processes


def work(folder: Path, devices: Sequence[str], debug: bool = False) -> None:
    """Draw until all processes have ended. Signals are passed on to each of them.
    KeyboardInterrupt if there was one."""
    more = [allowed_files.word(), *(["debug"] if debug else [])]
    # In sessions of their own, or a terminal's Ctrl-C would reach them twice. Their standard input
    # stays empty; its end tells them that this process is gone.
    children = [
        subprocess.Popen(
            search_path.command([str(folder), device, *more]),
            stdin=subprocess.PIPE,
            start_new_session=sys.platform != "win32",
        )
        for device in devices
    ]
    signals: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        signals.append(number)
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)

    try:
        with stop_signals_handled(pass_on):
            watch(folder, children)
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
            if child.stdin is not None:
                child.stdin.close()
    if signals:
        raise KeyboardInterrupt


def watch(folder: Path, children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Print the throughput of the batch until all processes have ended."""
    throughput = Throughput()
    while any(child.poll() is None for child in children):
        check_exists(folder)
        throughput.count(Manifest.read(folder))
        if line := throughput.line():
            tell(line)
        time.sleep(POLL)
