"""The table of other programs and of their names of settings, from table.yaml."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "table.yaml"


@dataclass(frozen=True)
class Program:
    """A program; its fields are explained at the top of table.yaml."""

    name: str
    marks: tuple[frozenset[str], ...]
    within: str = ""
    writes: str = ""


@cache
def data() -> dict[str, Any]:
    """Return the content of table.yaml."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


@cache
def programs() -> tuple[Program, ...]:
    """Return the programs."""
    return tuple(
        Program(**(row | {"marks": tuple(map(frozenset, row["marks"]))}))
        for row in data()["programs"]
    )


def named(name: str) -> Program:
    """Return the program of a name in the table."""
    return next(program for program in programs() if program.name == name)


def recognised(names: Iterable[Any]) -> Program | None:
    """Return the program whose settings have these names, or None."""
    have = {name for name in names if isinstance(name, str)}
    return next((one for one in programs() if any(marks <= have for marks in one.marks)), None)
