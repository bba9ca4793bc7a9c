"""Lines for whoever reads what the program prints."""

import logging
import os
import sys

from guided.errors import printable


def tell(text: str) -> None:
    """Print one line, also where the reader has left (`| head -1`): the run goes on."""
    show(printable(text))


def show(text: str) -> None:
    """Print lines that are printable already. Where the reader has left, the rest goes nowhere."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        discard_output()


def discard_output() -> None:
    """Let standard output go nowhere from here on, also what is written to its descriptor."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError):  # not a file's, as in a test
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)
    finally:
        os.close(nowhere)


def flush() -> None:
    """Write what is still in standard output's buffer; OSError if that cannot be (a full disk),
    but not if the reader has left."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard_output()
    except OSError:
        discard_output()  # or the interpreter would try again, and complain
        raise


def fill_standard_streams() -> None:
    """Give standard input, output and error a place where the caller closed them (`>&-`), so that
    no file that is opened later takes their number and is written to by mistake."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            stream = open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


class Printable(logging.Formatter):
    """Each message on one line, without control characters; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = printable(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        return printable(super().formatException(ei), lines=True)
