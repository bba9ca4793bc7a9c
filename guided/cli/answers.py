"""Flags that only print a text: --help and --version. They are quick, because this imports neither
Hydra nor anything that draws."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from guided import console
from guided.config import choices, flags
from guided.errors import BadInput
from guided.version import __version__

LIBRARIES = {"torch": "torch", "open_clip": "open_clip_torch"}  # by the names of distributions


def answered(arguments: Sequence[str]) -> int | None:
    """Print the text of the first flag that asks for one, and return the exit code; None if there
    is none."""
    if set(arguments) & set(flags.COMPLETION):
        return None
    texts = [text for names, text in ANSWERS if set(arguments) & set(names)]
    if not texts:
        return None
    try:
        console.show(texts[0](arguments))
        console.flush()
    except BadInput as error:
        return failed(str(error), 2)
    except OSError as error:
        return failed(f"{error.filename}: {error.strerror}", 1)
    return 0


def failed(line: str, code: int) -> int:
    """Print an error and return its exit code."""
    with suppress(OSError):  # nobody reads it
        print(f"error: {line}", file=sys.stderr, flush=True)
    return code


def version(arguments: Sequence[str]) -> str:
    """Return the line of --version."""
    found = [f"guided {__version__}"]
    for name, distribution in LIBRARIES.items():
        try:
            found.append(f"{name} {installed(distribution)}")
        except PackageNotFoundError:
            found.append(f"{name} is not installed")
    return ", ".join([*found, f"Python {sys.version.split()[0]}"])


# Flags with the functions that make their texts.
ANSWERS = ((flags.HELP, choices.text), (flags.VERSION, version))
