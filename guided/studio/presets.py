"""Presets that were saved in the studio: looks in YAML, in a folder as --config-dir takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from guided.config import choices
from guided.config.flags import FOLDERS
from guided.config.schema import settings
from guided.errors import BadInput, shown
from guided.runs import files, record
from guided.studio.places import ID, presets_folder
from guided.untrusted import yaml_reader

HEAD = "# @package _global_\n# {name}, saved in the studio: python run.py look={name}\n"
LEFT_OUT = ("from", "seed", "prompt", "negative", "image_prompt", "init", "mask", "look", "artist")
MOST = 500


def folder(root: Path) -> Path:
    return presets_folder(root) / "look"


def flags(root: Path) -> list[str]:
    """Return the flags that name the folder of presets, if there are any."""
    there = folder(root).is_dir() and any(folder(root).glob("*.yaml"))
    return [FOLDERS[0], str(presets_folder(root).absolute())] if there else []


def listed(root: Path) -> Iterator[dict[str, Any]]:
    """Yield the presets with their inputs."""
    for path in sorted(folder(root).glob("*.yaml")) if folder(root).is_dir() else ():
        try:
            found = yaml_reader.read(yaml_reader.text_of(path, path.name), path.name)
            json.dumps(found, allow_nan=False)
        except (TypeError, ValueError):  # of what no JSON has
            continue
        if isinstance(found, dict):
            yield {"name": path.stem, "input": dict(flat(found))}


def flat(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the settings of a preset by their dotted names, as an input has them."""
    for name, value in node.items():
        if name == "defaults" and not prefix and isinstance(value, list):
            for entry in value:
                if isinstance(entry, dict):
                    yield from (
                        (key.removeprefix("override /"), one) for key, one in entry.items()
                    )
        elif isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def save(root: Path, name: str, given: Mapping[str, Any]) -> None:
    """Save an input, which has been checked, as a look. BadInput for a name that is taken by the
    program's own, or an input with nothing to keep."""
    if not ID.fullmatch(name) or name == "list" or name in choices.names("look"):
        raise BadInput(f"look={shown(name)} is the program's own; give yours another name")
    kept = {key: value for key, value in given.items() if key not in LEFT_OUT}
    if not kept:
        raise BadInput(f"a preset keeps settings, but not {', '.join(LEFT_OUT)}")
    folder(root).mkdir(parents=True, exist_ok=True)
    if len(list(folder(root).glob("*.yaml"))) >= MOST:
        raise BadInput(f"there are {MOST} presets; remove some")
    text = HEAD.format(name=name) + record.as_yaml(nested(kept))
    files.write(folder(root) / f"{name}.yaml", text.encode(), durable=True)


def nested(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an input as a preset has it: choices of groups in its list of defaults, settings in
    mappings by the parts of their names."""
    groups = {n: v for n, v in given.items() if n in settings() and settings()[n].group}
    found: dict[str, Any] = {}
    if groups:
        found["defaults"] = [
            {f"override /{name}": list(value) if isinstance(value, dict) else value}
            for name, value in groups.items()
        ]
        found["defaults"].append("_self_")
    for name, value in given.items():
        if name not in groups:
            *parents, last = name.split(".")
            node = found
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = value
    return found


def remove(root: Path, name: str) -> None:
    """Remove a preset. KeyError if there is none."""
    path = folder(root) / f"{name}.yaml"
    if not ID.fullmatch(name) or not path.is_file():
        raise KeyError(name)
    path.unlink()
