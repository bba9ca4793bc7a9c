"""Settings of parts of the program that vary over a film, animate.vary={guide.clip.scale: ...}:
which may, and the parts made anew with their values at a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_type_hints

from omegaconf import DictConfig, OmegaConf

from guided.config.schema import as_integer, build, dataclass_of, groups, resolved
from guided.config.unknown import node_of, unknown_setting
from guided.errors import BadInput, shown

GROUPS = ("clip", "cutouts", "generator", "guide", "sampler")
Parts = dict[str, dict[str, Any]]


def read(cfg: DictConfig, names: Iterable[str]) -> Parts:
    """Return the settings of the parts, guide.clip say, that settings such as guide.clip.scale are
    of. Raise BadInput for a name that is none of a part's settings which may vary."""
    parts: Parts = {}
    for name in names:
        where, _, key = name.rpartition(".")
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
        own = dict(settings)
        for name, value in values.items():
            if name.rpartition(".")[0] == where:
                own[name.rpartition(".")[2]] = value
                found[where] = built(own, where, name.rpartition(".")[2])
    return found


def built(settings: dict[str, Any], where: str, key: str) -> Any:
    """Return the part with these settings; that of `key` is rounded, in place, if it has to be a
    whole number."""
    settings[key] = as_integer(settings[key])
    try:
        return build(OmegaConf.create(settings), where)
    except BadInput as error:
        if isinstance(settings[key], int):
            raise
        settings[key] = round(settings[key])
        try:
            return build(OmegaConf.create(settings), where)
        except BadInput:
            raise error from None  # which names the value as it is
