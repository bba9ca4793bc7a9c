"""Recorded settings that this version knows; the others are left out with a warning, or refused.

Only parts that conf/ has are ever made, whatever a record names.
"""

from __future__ import annotations

import copy
import logging
import re
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from guided.config import choices
from guided.config.kinds import kind_of
from guided.config.schema import FIRST, NODES, OPTIONAL, Config, dataclass_of, groups, unrecorded
from guided.devices import check_device, find_device
from guided.errors import BadInput, shown
from guided.paths import conf_folder

log = logging.getLogger(__name__)
YOUNGER = ("artist", "look")  # groups that some records do not have


def recorded_groups(several: bool) -> list[str]:
    """Return the groups that records keep: those with several choices, or those with one."""
    return [name for name in groups(several) if name not in unrecorded()]


def complete(settings: dict[str, Any], usual: dict[str, Any], where: str) -> None:
    """Give the groups that somebody's short record does not name their usual choice, with a
    warning."""
    groups = [*recorded_groups(several=False), *recorded_groups(several=True)]
    unsaid = [name for name in groups if name not in (*settings, *YOUNGER, *OPTIONAL)]
    if unsaid:
        settings.update({name: copy.deepcopy(usual[name]) for name in unsaid})
        log.warning("%s does not say %s: as usual", where, ", ".join(unsaid))


def clean(settings: dict[str, Any], where: str) -> None:
    """Remove settings that this version does not know, with a warning. Raises BadInput where the
    picture would be quite another without them."""
    known = {f.name for f in fields(Config)}
    for name in [name for name in settings if name not in known]:
        tell_left_out(where, name)
        del settings[name]
    for name, cls in NODES.items():
        if not isinstance(settings.get(name, {}), dict):  # written by hand, as it is typed
            settings[name] = {FIRST[name]: settings[name]}
        clean_keys(settings.get(name, {}), cls, name, where)
    for group in recorded_groups(several=False):
        if settings.get(group) or group not in OPTIONAL:
            clean_node(settings.get(group), group, group, where)
    for group in recorded_groups(several=True):
        if settings.get(group) is None and group in YOUNGER:
            settings[group] = {}
        nodes = settings.get(group)
        if not isinstance(nodes, dict):
            raise BadInput(f"{where}: {group}={shown(nodes)} is no choice of what {group} has")
        for name, node in [(n, node) for n, node in nodes.items() if node is not None]:
            if group == "output" and not known_target(node, group):
                tell_left_out(where, f"output.{name}")
                del nodes[name]
            else:
                clean_node(node, group, f"{group}.{name}", where)


def clean_node(node: Any, group: str, name: str, where: str) -> None:
    """Raise BadInput if a node is of no kind that the group has; else clean its keys."""
    if not known_target(node, group):
        target = node.get("_target_", "of no kind (_target_)") if isinstance(node, dict) else node
        raise BadInput(
            f"{where}: {name} is {shown(target)}, which this version does not have; choose "
            f"another: {group}={choices.names(group)[0]}, say"
        )
    clean_keys(node, dataclass_of(node["_target_"], name), name, where)


def clean_keys(node: dict[str, Any], cls: type, name: str, where: str) -> None:
    """Remove keys that a class of settings does not have, with a warning."""
    types = get_type_hints(cls)
    for key in [key for key in node if key != "_target_"]:
        if key not in types:
            tell_left_out(where, f"{name}.{key}")
            del node[key]
        elif is_dataclass(types[key]) and isinstance(node[key], dict):
            clean_keys(node[key], types[key], f"{name}.{key}", where)


def tell_left_out(where: str, name: str) -> None:
    """Warn of a setting that is left out."""
    log.warning("%s: %s is not a setting of this version and is left out", where, shown(name))


def known_target(node: Any, group: str) -> bool:
    """Return whether a node is of a kind that the group has."""
    target = node.get("_target_") if isinstance(node, dict) else None
    return isinstance(target, str) and kind_of(target) in targets(group)


@cache
def targets(group: str) -> set[str]:
    """Return the kinds of settings that the choices of a group have."""
    files = (conf_folder() / group).glob("*.yaml")
    texts = [path.read_text(encoding="utf-8") for path in files]
    return {kind_of(target) for text in texts for target in re.findall(r"_target_: *(\S+)", text)}


def is_here(device: Any, where: str) -> bool:
    """Return whether the record's device, or all of several, are this machine's; warn if not."""
    names = device if isinstance(device, list) and device else [device]
    try:
        for name in names:
            if name not in ("auto", "cpu"):  # these need no look, and no torch
                check_device(str(name))
                find_device(str(name))
    except BadInput:
        log.warning(
            "%s was drawn on device=%s, which is not here: the picture will differ in its bits",
            *(where, shown(device)),
        )
        return False
    return True
