"""The process of one of several devices (batch/multi_device.py). It ends when its parent does."""

from __future__ import annotations

import _thread
import logging
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from guided.batch import worker
from guided.batch.asked import Words, composer_of
from guided.config import schema
from guided.config.messages import BAD, say
from guided.config.overrides import parse, values_of
from guided.console import Printable
from guided.errors import Failed
from guided.runs.layout import JOBS, MANIFEST
from guided.runs.manifest import Manifest
from guided.untrusted import allowed_files, interpolation
from guided.untrusted.run_folder import check_folder

STEP_TIMEOUT = 60  # seconds for the step at hand, when the parent is gone
EXIT_TIMEOUT = 10  # seconds for leaving after that


def main(folder: str, device: str, *more: str) -> int:
    """Draw on one device in a batch's folder, and return the exit code."""
    handler = logging.StreamHandler()
    handler.setFormatter(Printable(f"%(levelname)s: {device}: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    schema.register()
    interpolation.forget_environment()
    end_with_parent()
    try:
        path = Path(folder)
        check_folder(path, JOBS)
        with allowed_files.limited(f"resume={path}", values_of(Words.of(more).trust)):
            composer = composer_of(Manifest.read(path).base, str(path / MANIFEST))
            session = worker.WorkerSession(
                path, composer, [parse(f"device={device}")], alone=False
            )
            worker.work(session, "debug" in more)
    except KeyboardInterrupt:
        return 130
    except BAD as error:
        print(f"error: {say(error)}", file=sys.stderr)
        return 2
    except (Failed, OSError) as error:  # as of a full disk, or a folder that was removed
        if "debug" in more:
            traceback.print_exception(error)
        print(f"error: {say(error)}", file=sys.stderr)
        return 1
    return 0


def end_with_parent() -> None:
    """Start a thread that watches standard input, which ends when the parent does."""
    threading.Thread(target=wait_for_end, daemon=True).start()


def wait_for_end() -> None:
    """When standard input ends, end the process soon."""
    while os.read(0, 1024):
        pass
    end_soon()


def end_soon() -> None:
    """Stop as after Ctrl-C, after STEP_TIMEOUT as after a second one, and after EXIT_TIMEOUT end
    the process."""
    for seconds in (STEP_TIMEOUT, EXIT_TIMEOUT):
        _thread.interrupt_main()
        time.sleep(seconds)
    os._exit(130)
