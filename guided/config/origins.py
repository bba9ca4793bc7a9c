"""The file of the user's own that a setting was read from, for messages about its value.

The files are conf/local, the presets that words choose from --config-dir with those that they
choose in turn, and cards that are named by their path. They are read again for a message only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.plugins.config_source import ConfigSource
from omegaconf import OmegaConf

from guided.config import catalog, choices, presets, schema
from guided.config.overrides import Override
from guided.errors import BadInput, shown
from guided.paths import conf_folder
from guided.text import split, unquoted
from guided.untrusted import yaml_reader
from guided.untrusted.typed_paths import impossible

CHOICE = re.compile(r"\w+=[\w/-]+: ")  # look=dusk: before the setting
NAME = re.compile(r"['\"~+]*([A-Za-z_][\w./]*)")
SAID_BY = re.compile(r"; it is what ([\w.]+) says$")
GLOBAL, GROUP = "_global_", "_group_"


@dataclass
class Origin:
    """A file, the group that it is a choice of, the node that it fills, and the settings in it by
    their full names."""

    path: Path
    group: str
    node: str
    settings: dict[str, Any]

    def has(self, name: str) -> bool:
        """Return whether it fills the node of that name, or has the setting, or one in it."""
        return name in (self.node, self.group) or any(
            is_within(name, own) or is_within(own, name) for own in self.settings
        )

    def leaves(self, name: str) -> bool:
        """Return whether it is the one choice of a group, and leaves a setting of it as it is."""
        alone = self.group in schema.groups(several=False)
        return alone and self.group == self.node and is_within(name, self.node)

    def begins(self, line: str) -> bool:
        """Return whether a message begins with a setting of odd letters that the file has."""
        odd = (name for name in self.settings if not NAME.fullmatch(name))
        return any(line.startswith(shown(name)) for name in odd)

    def says(self, line: str) -> bool:
        """Return whether a message tells a value that the file has."""
        return any(f"{name}={shown(value)}" in line for name, value in self.settings.items())


def find(line: str, words: Sequence[Override], flags: Sequence[str]) -> Path | None:
    """Return the file that has the setting with which a message begins; None if it was typed, or
    if it is in no file of the user's own."""
    name = name_in(line)
    if not name or is_typed(line, words):
        return None
    every = list(files(words, flags))
    found = [one for one in every if one.has(name) or one.begins(line)]
    if not found and (own := NAME.match(without_choice(line))):  # which looks the value up
        found = [one for one in every if one.has(own[1].strip("./"))]
    found = found or [one for one in every if one.leaves(name)]
    said = [one for one in found if one.says(line)]  # several may set it: the last one counts
    return (said or found)[-1].path if found else None


def name_in(line: str) -> str:
    """Return the name of the setting with which a message begins, or of the one that it took its
    value from; empty if there is none."""
    match = SAID_BY.search(line) or NAME.match(without_choice(line))
    return match[1].strip("./") if match else ""


def without_choice(line: str) -> str:
    """Return a message without the choice, as look=dusk, in whose file the setting is."""
    return CHOICE.sub("", line, count=1) if CHOICE.match(line) else line


def is_typed(line: str, words: Sequence[Override]) -> bool:
    """Return whether one of the words gives the setting of a message its value, or something in
    it. One that chooses a preset does so if the message is about the choice itself."""
    name = name_in(line)
    if line == schema.kindless(name):  # a file has none, whatever is typed beside it
        return False
    for one in words:
        if choices.folders(one.name):
            typed = one.name == name and f"{name}={shown(one.text)}" in line
        else:
            typed = is_within(one.name, name) or is_within(name, one.name)
        if typed:
            return True
    return False


def is_within(name: str, other: str) -> bool:
    """Return whether `name` is `other`, or something in it."""
    return name == other or name.startswith(f"{other}.")


# ---- files ---------------------------------------------------------------------------------


def files(words: Sequence[Override], flags: Sequence[str]) -> Iterator[Origin]:
    """Yield the user's own files that words choose; one that cannot be read is left out."""
    known: set[Path] = set()
    folders = choices.own_folders(flags)
    for group, name in chosen(words, flags):
        if catalog.is_path(name) and name.lower().endswith(catalog.CARDS):
            with suppress(BadInput):
                yield from every(catalog.existing(group, name), group, folders, known)
        for folder in folders:
            yield from every(folder / group / f"{name}.yaml", group, folders, known)
    local = conf_folder() / "local" / "default.yaml"
    yield from every(local, "local", [conf_folder(), *folders], known)


def chosen(words: Sequence[Override], flags: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the groups and choices of the words: of presets by the names of their files."""
    for word in words:
        if word.text is None or not choices.folders(word.name, flags):
            continue
        if word.name in presets.GROUPS:  # by a name in any script
            with suppress(BadInput):
                word = catalog.with_weights(word, flags)[0]
        for item in split((word.text or "").strip().removeprefix("[").removesuffix("]")):
            yield word.name, unquoted(item)


def every(path: Path, group: str, folders: Sequence[Path], known: set[Path]) -> Iterator[Origin]:
    """Yield the files that a file chooses, and the file itself behind them, unless it is known."""
    if impossible(str(path)) is not None or path in known or not path.is_file():
        return
    known.add(path)
    try:
        text = yaml_reader.text_of(path, str(path), yaml_reader.LONGEST_CONFIG)
        found = OmegaConf.to_container(yaml_reader.read_config(path))
    except BadInput:  # which is told when it is composed
        return
    header = ConfigSource._get_header_dict(text[:512]).get("package") or GROUP
    settings = dict(found) if isinstance(found, dict) else {}
    chosen = [pair for item in listed(settings.pop("defaults", [])) for pair in pairs(item, group)]
    for inner, name in chosen:
        for folder in folders:
            yield from every(folder / inner / f"{name}.yaml", inner, folders, known)
    within = {GLOBAL: "", GROUP: group}.get(header, header)
    names = {group: name for group, name in chosen if group not in settings}
    yield Origin(path, group, within, dict(flat(settings, within)) | names)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def pairs(item: Any, group: str) -> Iterator[tuple[str, Any]]:
    """Yield the groups and choices of an item of a list of defaults."""
    if isinstance(item, str):
        yield group, item
    elif isinstance(item, dict):
        for key, value in item.items():
            plain = str(key).removeprefix("optional ").removeprefix("override ")
            for name in value if isinstance(value, list) else [value]:
                yield plain.strip("/ ").partition("@")[0], name


def flat(settings: dict[Any, Any], within: str) -> Iterator[tuple[str, Any]]:
    """Yield every setting that has no others in it by its full name."""
    for key, value in settings.items():
        name = f"{within}.{key}" if within else str(key)
        if isinstance(value, dict) and value:
            yield from flat(value, name)
        else:
            yield name, value
