"""The table of Disco Diffusion's and DiscoArt's settings and ours, from table.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "table.yaml"


@dataclass(frozen=True)
class Row:
    """A line of the table; its fields are explained at the top of table.yaml."""

    section: str
    disco: str = ""
    discoart: str = ""
    ours: str = ""
    choice: bool = False
    default: Any = None
    discoart_default: Any = None
    meaning: str = ""
    range: str = ""
    legal: Any = None
    border: Any = None
    illegal: Any = None
    reads: str = ""
    chosen: str = ""  # `with` in the file
    kept: str = ""
    hint: str = ""
    why: str = ""

    def names(self, program: str) -> list[str]:
        """Return the setting's names in `disco` or `discoart`."""
        return [name for name in getattr(self, program).split(", ") if name]


@cache
def data() -> dict[str, Any]:
    """Return the content of table.yaml."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


@cache
def rows() -> tuple[Row, ...]:
    """Return the lines of the table."""
    return tuple(_rows())


def _rows() -> Iterator[Row]:
    for section in data()["sections"]:
        for fields in section["rows"]:
            fields = dict(fields)
            fields.setdefault("discoart_default", fields.get("default"))
            yield Row(section["title"], chosen=fields.pop("with", ""), **fields)


def defaults(program: str) -> dict[str, Any]:
    """Return the default settings of `disco` or `discoart` under its own names."""
    settings: dict[str, Any] = {}
    for row in rows():
        value = row.default if program == "disco" else row.discoart_default
        names = row.names(program)
        if isinstance(value, dict) and len(names) > 1:  # several settings that are one of ours
            settings |= value
        elif len(names) == 1 and " " not in names[0]:
            settings[names[0]] = value
    return settings
