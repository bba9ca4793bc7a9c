"""Settings of parts of the program that vary over a film, animate.vary={guide.clip.scale: ...}:
which may, and the parts made anew with their values at a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf

from guided.config.schema import build, dataclass_of, groups, resolved
from guided.config.unknown import node_of, unknown_setting
from guided.errors import BadInput, as_integer, shown

GROUPS = ("clip", "cutouts", "generator", "guide", "sampler")
Parts = dict[str, dict[str, Any]]


def read(cfg: DictConfig, names: Iterable[str]) -> Parts:
    """Return the settings of the parts, guide.clip say, that settings such as guide.clip.scale are
    of. Raise BadInput for a name that is none of a part's settings which may vary."""
    parts: Parts = {}
    for name in names:
        where, key = where_of(name), name.rpartition(".")[2]
        group = name.partition(".")[0]
        if group == "animate":
            raise BadInput(f"animate.vary: {shown(name)} takes key frames itself: {name}=")
        if group not in GROUPS:
            raise BadInput(
                f"animate.vary: {shown(name)} does not vary; the settings of {', '.join(GROUPS)} "
                "do, as guide.clip.scale"
            )
        node = node_of(cfg, where) if where else None
        if node is None or key not in node or where.count(".") != (group in groups(several=True)):
            raise BadInput(f"animate.vary: {unknown_setting(name, cfg)}")
        types = get_type_hints(dataclass_of(node.get("_target_"), where))
        if types.get(key) not in (Any, int, float) or (group == "clip" and key != "weight"):
            raise BadInput(f"animate.vary: {name}={shown(node[key])} is no number that may vary")
        parts[where] = resolved(node, where)
    return parts


def made(parts: Parts, values: Mapping[str, float]) -> dict[str, Any]:
    """Return the parts with the values of settings by their names. Raise BadInput for values that
    a part does not take."""
    found: dict[str, Any] = {}
    for where, settings in parts.items():
        names = {name.rpartition(".")[2]: name for name in values if where_of(name) == where}
        if names:
            own = {key: as_integer(values[name]) for key, name in names.items()}
            found[where] = built(settings, own, where)
    return found


def where_of(name: str) -> str:
    """Return the part, guide.clip say, that a setting such as guide.clip.scale is of."""
    return name.rpartition(".")[0]


def built(settings: dict[str, Any], values: dict[str, Any], where: str) -> Any:
    """Return the part with these values; those that have to be whole numbers are rounded."""
    try:
        return with_values(settings, values, where)
    except BadInput as error:
        refused = error  # names the values as they are
    whole = [key for key, value in values.items() if must_be_whole(settings, key, value, where)]
    try:
        return with_values(settings, values | {key: round(values[key]) for key in whole}, where)
    except BadInput:
        raise refused from None


def must_be_whole(settings: dict[str, Any], key: str, value: float, where: str) -> bool:
    """Return whether the part takes a value rounded only."""
    try:
        with_values(settings, {key: value}, where)
    except BadInput:
        return True
    return False


def with_values(settings: dict[str, Any], values: dict[str, Any], where: str) -> Any:
    """Return the part with these settings, some of which have these values."""
    return build(OmegaConf.create(settings | values), where)
