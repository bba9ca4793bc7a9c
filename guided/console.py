"""Printing to a standard output that may be closed, full or a terminal, and stop signals."""

import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from guided.errors import printable

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)  # Ctrl-C; a cluster that ends a job


def tell(text: str) -> None:
    """Print one line, with control characters escaped. A closed pipe (`| head -1`) is ignored."""
    show(printable(text))


def show(text: str) -> None:
    """Print lines that are printable already. A closed pipe is ignored."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from error


def discard_output() -> None:
    """Redirect standard output, and writes to its descriptor, to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # no descriptor, as in a test
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)
    finally:
        os.close(nowhere)


def flush() -> None:
    """Flush standard output. Raise OSError if it cannot be written (a full disk); a closed pipe is
    ignored."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except OSError as error:
        discard_output()  # else the interpreter would try again at exit, and fail
        raise OSError(error.errno, error.strerror, "standard output") from error


def fill_standard_streams() -> None:
    """Open the null device for standard streams that the caller has closed (`>&-`), so that no
    file that is opened later gets their descriptor. A console that cannot show a letter gets its
    number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    for console in (sys.stdout, sys.stderr):
        if isinstance(console, io.TextIOWrapper):
            console.reconfigure(errors="backslashreplace")


class Printable(logging.Formatter):
    """A formatter that writes each message on one line, without control characters; tracebacks
    keep their lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """Return the lines of a traceback."""
        return printable(super().formatException(ei), lines=True)


class Collector(logging.Handler):
    """A handler that keeps the warnings of the thread that made it, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread, self.lines = threading.get_ident(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        text = record.getMessage()
        if record.thread == self.thread and text not in self.lines:
            self.lines.append(text)


@contextmanager
def warnings_collected() -> Iterator[list[str]]:
    """Yield a list that gets the program's warnings of this thread while the block lasts; none are
    printed."""
    log, handler = logging.getLogger("guided"), Collector()
    log.addHandler(handler)
    log.propagate, before = False, log.propagate
    try:
        yield handler.lines
    finally:
        log.propagate = before
        log.removeHandler(handler)


@contextmanager
def stop_signals_handled(handler: Callable[[int, object], None]) -> Iterator[None]:
    """Call `handler` for each of STOP_SIGNALS while the block lasts. Does nothing outside the main
    thread, the only one that receives signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)
