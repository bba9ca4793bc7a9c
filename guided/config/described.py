"""Settings as their classes describe them: meaning, allowed values and defaults.

The allowed values are read from the message that a class gives about a value that nothing accepts,
so that no second list of them can differ from the check.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from functools import cache
from typing import Any

# A value that no setting accepts, so that the program's own message tells what it accepts.
IMPOSSIBLE = (-1e30, "?", ["?"], [-1])
ALLOWED = re.compile(r"must be (.+)$|is not one of (.+)$", re.DOTALL)


def help_of(field: dataclasses.Field[Any]) -> str:
    """Return the meaning of a setting as --help prints it; "" if its field has none."""
    traits = field.metadata.get("setting")
    return traits.help if traits else str(field.metadata.get("help", ""))


def allowed(message: str, name: str) -> str:
    """Return the part of an error message that tells the allowed values; "" if none does."""
    found = ALLOWED.search(message)
    if found is None or name not in message:
        return ""
    text = (found[1] or found[2]).split("; the nearest")[0].split(", did you mean")[0]
    return text.split(", or a schedule")[0].split(", or pairs")[0]


@cache
def range_of(cls: type, name: str) -> tuple[str, bool]:
    """Return the allowed values of a setting as its class tells them in error messages, and
    whether a schedule is one."""
    messages = [message_about(cls, name, value) for value in IMPOSSIBLE]
    said = next((found for text in messages if (found := allowed(text, name))), "")
    return said, any("schedule" in text for text in messages)


def message_about(cls: type, name: str, value: Any) -> str:
    """Return the error message of a class of settings about a value; "" if it gives none."""
    try:
        cls(**{name: value})
    except ValueError as error:
        return str(error)
    except (TypeError, AttributeError):
        pass
    return ""


@cache
def source_comment(cls: type, name: str) -> str:
    """Return the comment behind or above a field in its class's source; "" if there is none."""
    lines = inspect.getsource(cls).splitlines()
    for k, line in enumerate(lines):
        if re.match(rf"    {name}: ", line):
            if "  # " in line:
                return line.partition("  # ")[2]
            above: list[str] = []
            while lines[k - 1].startswith("    # "):
                k -= 1
                above.insert(0, lines[k].removeprefix("    # "))
            return " ".join(above)
    return ""
