"""Nodes completed with the defaults of the dataclasses that they name: a YAML need only name
those that differ, and every setting can still be listed and typed."""

from __future__ import annotations

import dataclasses
from typing import Any

from omegaconf import MISSING

from guided.config.schema import dataclass_of

# In the metadata of fields that every configuration lists; of a class without any, it lists all.
LISTED = "listed"


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
    values, fields = dict(node), dataclasses.fields(cls)
    every = not any(LISTED in field.metadata for field in fields)
    for field in fields:
        if not every and LISTED not in field.metadata:
            before += [field.name] if field.name in node else []
            continue
        value, default = node.get(field.name), default_of(field)
        inner = dataclasses.is_dataclass(default) and not isinstance(default, type)
        default = dataclasses.asdict(default) if inner else default
        if field.name not in node:
            keys.insert(1 + max(map(keys.index, before)), field.name)
            values[field.name] = default
        elif isinstance(value, dict) and inner:
            values[field.name] = default | value  # recommendations of a model
        before.append(field.name)
    return {key: values[key] for key in keys}


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a field; omegaconf.MISSING if it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return MISSING if field.default is dataclasses.MISSING else field.default
