"""Messages about names that are no settings."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from guided.config import choices, other_names, schema
from guided.disco.setting_names import old_setting
from guided.errors import shown
from guided.untrusted import yaml_reader


def unknown_setting(key: str, cfg: DictConfig | None = None, flags: Sequence[str] = ()) -> str:
    """Return a line that names the nearest of the settings at the level of `key` in `cfg`, or of
    those at the top. `flags` name folders of one's own presets."""
    parent, _, name = key.rpartition(".")
    if (line := old_setting(key)) is not None:
        return f"{line}; docs/disco.md has them all"
    if (line := other_names.remark(key, {})) is not None:
        return line
    if (line := unchosen(key, cfg, flags)) is not None:
        return line
    if not parent and choices.folders(key, flags):
        return (
            f"{key}= is chosen with a plus, +{key}=NAME, because only your own folder has it; its "
            "files begin with the line `# @package _global_`"
        )
    if not parent and (found := choices.in_other_folders(key, "*")):
        return f"'{key}' is not a setting here{found}"
    if key in schema.known_names():
        return f"what conf/{key} sets must begin with the line `# @package _global_`"
    if parent:
        node = node_of(cfg, parent)
        if parent in schema.OPTIONAL and not node:
            chosen = [name for name in choices.names(parent, flags) if name != "none"]
            names = ", ".join(f"{parent}={name}" for name in chosen)
            return f"'{shown(key)}' needs a choice of {parent}: {names}"
        if node is None:
            return unknown_setting(parent, cfg, flags)
        if parent in schema.groups(several=False) and "_target_" not in node:
            return schema.kindless(parent)
        known = [str(inside) for inside in node if inside != "_target_"]
        if name in known:
            return no_settings_inside(key, key)
    else:
        known = list(schema.settings())
    if parent and (other := schema.elsewhere(parent, name)):
        return f"'{shown(key)}' is not a setting{other}; there are {', '.join(known)}"
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.7)
    dotted = f"{parent}.{near[0]}" if near and parent else (near[0] if near else "")
    hint = f", did you mean '{dotted}'?" if dotted else f"; there are {', '.join(known)}"
    return f"'{shown(key)}' is not a setting{hint}"


def no_settings_inside(key: str, whole: str) -> str:
    """Return a line for a name within that of a setting that has a value."""
    inside = "" if key == whole else f"'{shown(key)}' is not a setting: "
    return f"{inside}{whole} has a value, as in {whole}=..., and no settings of its own"


def node_of(cfg: DictConfig | None, path: str) -> DictConfig | None:
    """Return the node at a dotted path; None if there is none, or a plain value."""
    node: Any = cfg
    for part in path.split("."):
        node = node.get(part) if isinstance(node, DictConfig) and part in node else None
    return node if isinstance(node, DictConfig) else None


def unchosen(key: str, cfg: DictConfig | None, flags: Sequence[str]) -> str | None:
    """Return a line if the key is inside a choice, as guide.smooth.scale, that `cfg` does not
    choose."""
    group, _, rest = key.partition(".")
    option = rest.partition(".")[0]
    if group not in schema.groups(several=True) or option not in choices.names(group, flags):
        return None
    node = node_of(cfg, group)
    chosen = [] if node is None else [str(name) for name in node]
    if option in chosen:  # then it is the setting inside that is not one
        return None
    if len(several := members(group, option, flags)) > 1:
        inside = ", ".join(f"{group}.{name}{rest[len(option) :]}" for name in several)
        return f"'{key}': {option} stands for {len(several)}, with settings of their own: {inside}"
    names = ",".join([*chosen, option])
    return f"'{key}': {option} is not chosen; choose it with {group}=[{names}]"


def members(group: str, option: str, flags: Sequence[str]) -> list[str]:
    """Return the names that a preset chooses: two for clip=embedded."""
    for folder in choices.folders(group, flags):
        if (path := folder / f"{option}.yaml").is_file():
            found = OmegaConf.to_container(yaml_reader.read_config(path))
            inside = found.items() if isinstance(found, dict) else ()
            return [str(name) for name, one in inside if isinstance(one, dict)]
    return []
