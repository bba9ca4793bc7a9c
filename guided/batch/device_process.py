"""One of several processes on a folder (batch/processes.py): it ends when its parent is gone."""

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
from guided.batch.launchers import JOBS
from guided.config import schema
from guided.config.messages import BAD, say
from guided.config.overrides import parse, parse_all
from guided.config.replay import composer_of
from guided.console import Printable
from guided.errors import Failed
from guided.runs.manifest import Manifest
from guided.untrusted import allowed_files, interpolation
from guided.untrusted.regular_files import check_folder

PATIENCE = 60  # seconds for the step at hand, when the parent is gone
ROOM = 10  # seconds for what has to be put away after that


def main(folder: str, device: str, *more: str) -> int:
    told = logging.StreamHandler()
    told.setFormatter(Printable(f"%(levelname)s: {device}: %(message)s"))
    logging.basicConfig(handlers=[told], level=logging.WARNING)
    schema.register()
    interpolation.forget_environment()
    end_with_parent()
    try:
        path = Path(folder)
        check_folder(path, JOBS)
        own, _ = allowed_files.apart(parse_all(more))
        with allowed_files.limited(f"resume={path}", own, []):
            composer = composer_of(Manifest.read(path).base)
            session = worker.WorkerSession(
                path, composer, [parse(f"device={device}")], alone=False
            )
            worker.work(session, "debug" in more)
    except KeyboardInterrupt:
        return 130
    except BAD as error:
        print(f"error: {say(error)}", file=sys.stderr)
        return 2
    except (Failed, OSError) as error:  # of the world: a full disk, a folder that was removed
        if "debug" in more:
            traceback.print_exception(error)
        print(f"error: {say(error)}", file=sys.stderr)
        return 1
    return 0


def end_with_parent() -> None:
    """Begin to watch standard input, which ends when the parent does."""
    threading.Thread(target=wait_for_end, daemon=True).start()


def wait_for_end() -> None:
    """Once standard input ends, stop as Ctrl-C would, once and after a while again; leave at once
    after that."""
    while os.read(0, 1024):
        pass
    for seconds in (PATIENCE, ROOM):
        _thread.interrupt_main()
        time.sleep(seconds)
    os._exit(130)
