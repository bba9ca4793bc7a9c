"""Which values a plan may have, by the tables of docs/settings.md, and which were typed."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from guided.config import kinds
from guided.config.plan import Plan
from guided.errors import printable
from guided.schedule import Schedule

PAGE = Path(__file__).parent.parent.parent / "docs" / "settings.md"
ROW = re.compile(r"\| `([\w.]+)` \| (.*?) \| (.*?) \| .*\|")
BETWEEN = re.compile(r"a (whole )?number (?:from (\S+) to (\S+?)|of (\S+) or more)(?:;.*|,.*)?$")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
# Texts, and commands that take other settings from a file.
NOT_KEPT = ("prompt", "negative", "image_prompt", "from", "resume", "prompts", "trust")
# Fields that no record keeps, and functions.
OF_THE_COMMAND = (
    "folder",
    "name",
    "checkpoint",
    "wildcards",
    "device",
    "devices",
    "precision",
    "seed",
    "threads",
)
Range = tuple[float, float, bool]  # lowest, highest, whole


@cache
def allowed() -> dict[str, dict[str, str]]:
    """Return the column "Allowed values" by heading, `generator=pixels` or nothing, and name."""
    found: dict[str, dict[str, str]] = {"": {}}
    heading = ""
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            match = re.fullmatch(r"### `(\w+=\w+)`", line)
            heading = match[1] if match else ""
        elif match := ROW.fullmatch(line):
            found.setdefault(heading, {})[match[1]] = match[3]
    return found


@cache
def by_class() -> dict[tuple[str, str], str]:
    """Return the column "Allowed values" by class and field of the parts of a plan."""
    import yaml

    from guided.paths import conf_folder

    found = {}
    for heading, rows in allowed().items():
        if heading:
            group, _, choice = heading.partition("=")
            path = conf_folder() / group / f"{choice}.yaml"
            node = yaml.safe_load(path.read_text(encoding="utf-8"))
            inside = [part for part in (node, *node.values()) if isinstance(part, dict)]
            target = next(one["_target_"] for one in inside if "_target_" in one)
            name = kinds.path_of(target)
            found |= {(name, key.split(".")[-1]): text for key, text in rows.items()}
    return found


def range_in(text: str) -> Range | None:
    """Return the range in "a number from 0 to 1"; None if it is none."""
    if (match := BETWEEN.match(text)) is None:
        return None
    low, high = match[2] or match[4], match[3] or "inf"
    return float(low), float(high), bool(match[1])


def choices_in(text: str) -> list[str] | None:
    """Return the choices in "pred, blend"; None if it is no list of them."""
    names = text.split(", ")
    return names if len(names) > 1 and all(re.fullmatch(r"\w+", name) for name in names) else None


def wrong(plan: Plan) -> Iterator[str]:
    """Yield each value of a plan that the tables do not allow."""
    top = allowed()[""]
    for name in ("seed", "count", "batch_size", "keep", "steps", "checkpoint", "precision"):
        yield from unlike_range(name, getattr(plan, name), top.get(name, ""))
    parts: list[tuple[str, Any]] = [
        (name, getattr(plan, name)) for name in ("generator", "cutouts", "sampler")
    ]
    for group in ("guides", "outputs"):
        parts += [(f"{group}.{name}", part) for name, part in getattr(plan, group).items()]
    for where, part in parts:
        cls = f"{type(part).__module__}.{type(part).__qualname__}"
        for one in fields(part):
            text = by_class().get((cls, one.name), "")
            yield from unlike_range(f"{where}.{one.name}", getattr(part, one.name), text)
    yield from infinite("plan", plan)


def unlike_range(name: str, value: Any, text: str) -> Iterator[str]:
    """Yield a message if a value is not what a table allows."""
    choices, bounds = choices_in(text), range_in(text)
    if value is None or value == "auto":
        return
    if text == "true or false" and not isinstance(value, bool):
        yield f"{name}={value!r} is not {text}"
    elif choices and isinstance(value, str) and value not in choices:
        yield f"{name}={value!r} is none of {text}"
    elif bounds:
        low, high, whole = bounds
        high = high * (1 + 1e-5)  # printed with 6 digits
        values = value.values if isinstance(value, Schedule) else value
        for number in values if isinstance(values, list | tuple) else [values]:
            right = isinstance(number, int | float) and not isinstance(number, bool)
            if not right or not low <= number <= high or (whole and number != int(number)):
                yield f"{name}={number!r} is not {text}"


def infinite(name: str, value: Any) -> Iterator[str]:
    """Yield the places at which a part of a plan has a number that is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{name} is {value}"
    elif is_dataclass(value):
        for one in fields(value):
            if one.name not in ("_reader",):
                yield from infinite(f"{name}.{one.name}", getattr(value, one.name))
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            yield from infinite(f"{name}.{key}", inside)
    elif isinstance(value, list | tuple):
        for k, inside in enumerate(value):
            yield from infinite(f"{name}[{k}]", inside)


def differences(plan: Plan, other: Plan) -> Iterator[str]:
    """Yield the fields that decide pictures in which two plans differ."""
    for one in fields(plan):
        mine, others = getattr(plan, one.name), getattr(other, one.name)
        if one.name == "film" and mine and others:
            others = others.seeded(mine.timing.seed)  # the seed is the command's
        if one.compare and one.name not in OF_THE_COMMAND and mine != others:
            yield f"{one.name}: {mine!r:.150} then {others!r:.150}"


def unlike(words: Sequence[str], cfg: Any) -> Iterator[str]:
    """Yield each plain number, true, false or null that was typed once, where the configuration
    has another value."""
    names = [word.partition("=")[0] for word in words]
    for word in words:
        name, _, text = word.partition("=")
        if not re.fullmatch(r"[a-z_][\w.]*", name) or names.count(name) > 1:
            continue
        typed: Any = {"true": True, "false": False, "null": None}.get(text, text)
        if word == "seed=-1":  # which is a random one, as everywhere
            typed = None
        if typed is text:
            if not NUMBER.fullmatch(text) or not text.isascii():
                continue
            typed = float(text)
        if name.split(".")[0] in NOT_KEPT:
            continue
        value = OmegaConf.select(cfg, name, default="(nothing)")
        if value != text and not is_same(value, typed) and (text, value) != ("null", {}):
            yield f"{word} becomes {value!r}"


def is_same(value: Any, typed: Any) -> bool:
    """Return whether a value is the number, true, false or null that was typed."""
    if isinstance(value, bool) and typed in (0, 1):  # 1 is true, as in other programs' files
        return value == typed
    if isinstance(value, bool) or isinstance(typed, bool) or None in (value, typed):
        return value is typed
    return isinstance(value, int | float) and math.isclose(value, typed, rel_tol=1e-12)


def visible(text: str) -> str:
    """Return a text as messages show it."""
    return printable(text)[:40]
