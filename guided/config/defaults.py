"""Nodes completed with the defaults of the dataclasses that they name: a YAML need only say what
differs, and every setting can still be listed and typed."""

from __future__ import annotations

import dataclasses
from typing import Any

from guided.config.schema import dataclass_of
from guided.interfaces import PartSettings

LISTED = "listed"  # metadata of a card's or a preset's field that every configuration lists


def completed(node: Any, where: str) -> Any:
    """Return plain data in which each node with a `_target_` has the settings of its class. Raise
    BadInput that names the node, `where` and the keys to it, if there is no such class."""
    if not isinstance(node, dict):
        return node
    inside = {key: completed(value, f"{where}.{key}".lstrip(".")) for key, value in node.items()}
    target = inside.get("_target_")
    return inside if target is None else with_defaults(inside, dataclass_of(target, where))


def with_defaults(node: dict[str, Any], cls: type) -> dict[str, Any]:
    """Return a node with the settings that it leaves out, each behind those before it in the
    class."""
    keys, before = list(node), ["_target_"]
    values, every = dict(node), PartSettings in cls.__mro__
    for field in dataclasses.fields(cls):
        if field.name not in node and (every or LISTED in field.metadata):
            keys.insert(1 + max(map(keys.index, before)), field.name)
            values[field.name] = default_of(field)
        if field.name in keys:
            before.append(field.name)
        if LISTED in field.metadata and isinstance(value := values[field.name], dict):
            values[field.name] = default_of(field) | value  # of model.recommended, say
    return {key: values[key] for key in keys}


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a field as plain data; MISSING if it has none."""
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    plain = dataclasses.is_dataclass(value) and not isinstance(value, type)
    return dataclasses.asdict(value) if plain else value
