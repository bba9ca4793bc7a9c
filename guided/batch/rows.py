"""The rows of a batch: the product of a file's, a preset's and a sweep's. Imports no torch."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guided.batch.sweep import MOST, expanded
from guided.config.overrides import parse_all
from guided.config.schema import having
from guided.config.values import typed
from guided.errors import BadInput, shown
from guided.runs.manifest import Row

NAME = re.compile(r"[A-Za-z_][\w./-]*", re.ASCII)


def crossed(*several: Sequence[Row]) -> list[Row]:
    """Return the product of several lists of rows, of which the last varies fastest. Empty lists
    are ignored. BadInput if there are more than MOST rows."""
    rows = [Row()]
    for factor in filter(None, several):
        if len(rows) * len(factor) > MOST:
            raise BadInput(f"{len(rows)} x {len(factor)} rows are too many; at most {MOST}")
        rows = [joined(a, b) for a, b in itertools.product(rows, factor)]
    return rows


def joined(a: Row, b: Row) -> Row:
    """Return the row with the settings of both; one that both have is an error of the row."""
    where = ", ".join(dict.fromkeys(filter(None, (a.where, b.where))))
    twice = names_of(a) & names_of(b)
    wrong = f"{min(twice)} is given twice, in rows that are combined" if twice else ""
    return Row(a.words + b.words, a.settings | b.settings, where, a.wrong or b.wrong or wrong)


def names_of(row: Row) -> set[str]:
    """Return the names of the settings of a row."""
    return {override.name for override in parse_all(row.words)}


def common_names(rows: Sequence[Row]) -> set[str]:
    """Return the names of the settings that every row has."""
    return set.intersection(*map(names_of, rows)) if rows else set()


def from_mapping(mapping: Mapping[Any, Any], where: str = "") -> Row:
    """Return a row of settings by their names, also dotted ones. An error is recorded in the row,
    and does not stop the others."""
    try:
        for name, value in mapping.items():
            check_name(name, value)
        words = [typed(name, value).raw for name, value in mapping.items()]
    except BadInput as error:
        return Row([], dict(mapping), where, wrong=str(error))
    return Row(words, dict(mapping), where)


def check_name(name: Any, value: Any) -> None:
    """Raise BadInput unless a row can have a setting of this name, with this value."""
    if not isinstance(name, str) or not name.strip():
        raise BadInput(f"{shown(name)} is not the name of a setting")
    if not NAME.fullmatch(name):
        raise BadInput(f"{shown(name)} is not the name of a setting, as seed or guide.clip.scale")
    if re.split(r"[./]", name)[0] in ("hydra", *having("per_row", False)):
        raise BadInput(f"{name} holds for the whole batch and not for a row: say it once, {name}=")
    if isinstance(value, Mapping) and name in having("group"):
        inside = next(iter(value), "...")
        raise BadInput(f"{name}: say what is inside by its whole name, as in {name}.{inside}: ...")


def from_product(product: Mapping[Any, Any], flags: Sequence[str], where: str = "") -> list[Row]:
    """Return the product of the values of several settings. A text such as "range(0,4)" is a
    sweep, as behind -m."""
    several = []
    for name, values in product.items():
        check_name(name, None)
        if isinstance(values, str):
            _, rows = expanded([f"{name}={values}"], flags)
            one = not rows[0].words
            several.append([from_mapping({name: values})] if one else rows)
        else:
            listed = values if isinstance(values, list | tuple) else [values]
            several.append([from_mapping({name: value}) for value in listed])
    rows = crossed(*several) if several else []
    for row in rows:
        row.where = where
    return rows


def combined(entries: Mapping[str, Any], flags: Sequence[str], where: str) -> list[Row]:
    """Return the product of the rows in {list: [...], product: {...}}. BadInput if there are
    none."""
    listed, product = entries.get("list") or [], entries.get("product") or {}
    if not isinstance(listed, list | tuple) or not isinstance(product, Mapping):
        raise BadInput(
            f"{where}: list must be a list, and product a mapping of settings to values"
        )
    if not listed and not product:
        raise BadInput(f"{where} has nothing in its list nor in its product")
    items = [item if isinstance(item, Mapping) else {"prompt": item} for item in listed]
    own = [from_mapping(item, where) for item in items]
    return crossed(own, from_product(product, flags, where))


@dataclass
class Preset:
    """Rows of a batch, as a preset gives them: batch=seeds."""

    # prompts, or mappings of settings
    list: Any = field(default_factory=list, metadata={"listed": True})
    # {setting: values}: each value of each setting with each of the others
    product: Any = field(default_factory=dict, metadata={"listed": True})

    def rows(self, flags: Sequence[str], name: str) -> list[Row]:
        """Return the rows. BadInput if there are none."""
        return combined({"list": self.list, "product": self.product}, flags, f"batch={name}")
