"""The settings that a picture or a run was made with, as a configuration again: `from=image.png`.

A record may come from anyone and from any version: it is plain data, its parts must be ones that
conf/ has, and settings that this version does not know are left out with a warning. New overrides
apply as a diff: compose(recorded + new) against compose(recorded), so that presets and choices of
groups work as they do without a record.
"""

from __future__ import annotations

import copy
import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided.animation.settings import FACTS as FRAME_FACTS
from guided.config import choices
from guided.config.composition import compose
from guided.config.kinds import renamed
from guided.config.overrides import Override, merged, parse, parse_all, raws
from guided.config.plan import plain
from guided.config.replay_known import clean, complete, is_here, recorded_groups
from guided.config.replay_reading import read_settings, rows_of, trusted
from guided.config.schema import (
    NODES,
    NONE,
    OPTIONAL,
    Config,
    explain,
    having,
    typed_as,
    unrecorded,
)
from guided.errors import BadInput, as_integer, shown
from guided.outputs import manner_names
from guided.paths import PROGRAM, conf_folder
from guided.runs import record
from guided.runs.manifest import Row
from guided.schedule import AUTO
from guided.untrusted.interpolation import escaped
from guided.untrusted.typed_paths import expand
from guided.version import __version__

log = logging.getLogger(__name__)
# In a record, and no settings.
FACTS = ("version", "words", "score", "files", "processor", "understood", "rendered", "doubt")

# Of the embedded model in records that do not say it.
FIRST_WEIGHTS = "dd18cc9721f8262d0c66b9b5b223de68557eb085d23340c426599d8caa52c644"

FILMED = ("frames", "fps")  # settings that need a film

# What tells one choice of a group from another: a model of that name may be another file here.
IDENTITY = ("_target_", "name", "file", "path", "arch", "tag")


@dataclass
class Record:
    """The settings of a picture or a run, as recorded."""

    where: str
    settings: dict[str, Any]
    words: list[Override] = field(default_factory=list)  # as typed
    rows: list[Row] = field(default_factory=list)  # of a run that has several
    files: dict[str, str] = field(
        default_factory=dict
    )  # fingerprints of init=, mask= and the like
    processor: str = ""  # the instructions of the CPU that drew it; empty: unknown
    before: dict[str, Any] | None = None  # what was typed, as it is composed today

    @classmethod
    def read(cls, path: str) -> Record:
        """Return the record of a picture, a run.yaml or a run's folder. Raises BadInput when there
        are no settings."""
        where = f"from={path}"
        place = expand("from", path)
        found = read_settings(place, where)
        settings = renamed(
            {name: value for name, value in found.items() if name not in FACTS + unrecorded()}
        )
        # What versions without that setting drew.
        settings.setdefault("restarts", 0 if "version" in found else AUTO)
        settings.setdefault("manner", manner_names.NONE if "version" in found else AUTO)
        files = found.get("files")
        files = {str(k): v for k, v in files.items()} if isinstance(files, dict) else {}
        if (version := found.get("version")) != __version__:
            log.warning(
                "%s was recorded by guided %s, and this is %s: the picture may differ",
                *(where, shown(version or "of an unknown version"), __version__),
            )
        if settings.get("count") == 1 and is_above_one(settings.get("batch_size")):
            log.warning(
                "%s was drawn together with others (batch_size=%s): drawn alone, it may differ "
                "in the last bits",
                *(where, settings["batch_size"]),
            )
            settings["batch_size"] = 1
        processor = str(found.get("processor") or "")
        return cls(where, settings, trusted(found.get("words")), rows_of(place), files, processor)

    @classmethod
    def kept(cls, base: dict[str, Any] | None) -> Record | None:
        """Return the record in a batch's manifest, as `as_base` put it there; None if it has
        none."""
        if not base:
            return None
        where, text, files = (base.get(key) for key in ("where", "settings", "files"))
        if not isinstance(where, str) or not isinstance(text, str):
            raise BadInput("the manifest has no record that this version reads; from= begins anew")
        files = files if isinstance(files, dict) else {}
        settings = {
            "manner": manner_names.NONE,
            "restarts": 0,
            **renamed(record.from_yaml(text, where)),
        }
        return cls(where, settings, trusted(base.get("words")), files=files)

    def as_base(self) -> dict[str, Any]:
        """Return it as plain data for a manifest. Settings are YAML in it, because JSON makes
        texts of numbers that are keys: {0.5: a tree}."""
        settings = record.as_yaml(self.settings)
        return {
            "where": self.where,
            "settings": settings,
            "words": raws(self.words),
            "files": self.files,
        }

    def typed_with(self, words: Sequence[Override | str]) -> list[Override]:
        """Return the words that make this with `words`; without those of a film or the like that
        these say is none."""
        words = parse_all(words)
        gone = {one.name for one in words if one.name in OPTIONAL and one.text == NONE}
        gone |= set(FILMED) if "animate" in gone else set()
        before = self.words or chosen_words(self.settings)
        return merged([one for one in before if one.root not in gone], words)

    def rows_with(self, words: Sequence[Override | str]) -> list[Row]:
        """Return the rows of the run without the settings that `words` have."""
        names = {override.name for override in parse_all(words)}
        kept = [
            [one.raw for one in parse_all(row.words) if one.name not in names] for row in self.rows
        ]
        return [replace(row, words=own) for row, own in zip(self.rows, kept, strict=True)]

    def config(
        self, words: Sequence[Override | str] = (), flags: Sequence[str] = ()
    ) -> DictConfig:
        """Return the configuration with `words` typed beside it. Raises BadInput for parts that
        cannot be had."""
        words = parse_all(words)
        before, after = self.composed(words, flags)
        settings = copy.deepcopy(self.settings)
        complete(settings, after, self.where)
        changes = list(differences(before, after)) + list(typed_settings(words, after))
        for path, value in changes:
            take(settings, path, value)
        touched = {path[0] for path, _ in changes}
        forget_what_followed(settings, touched, before)
        forget_frame(
            settings, {path[1] for path, _ in changes if path[0] == "animate" and path[1:]}
        )
        clean(settings, self.where)
        if was_embedded_before(settings):
            settings["model"] = renamed(plain(compose(["model=embedded"], flags)))["model"]
            log.warning(
                "%s was drawn by an earlier version of model=embedded, which this version of the "
                "program does not come with: the picture will be another",
                self.where,
            )
        self.tell_of_changed_files(settings)
        settings |= {name: after[name] for name in unrecorded() if name in after}
        if "device" not in touched and not is_here(settings.get("device", "auto"), self.where):
            settings["device"] = "auto"
            if "precision" not in touched:
                settings["precision"] = "auto"
        whole = {name: settings[name] for name in typed_as(int) if name in settings}
        settings |= {name: as_integer(value) for name, value in whole.items()}
        recorded = OmegaConf.create(escaped(settings))
        try:
            merged = OmegaConf.merge(OmegaConf.structured(Config), recorded)
        except OmegaConfBaseException as error:
            raise BadInput(f"{self.where}: {explain(error)}") from error
        assert isinstance(merged, DictConfig)
        return merged

    def tell_of_changed_files(self, settings: dict[str, Any]) -> None:
        """Warn of each picture that it began with, or was like, that has been overwritten
        since."""
        pictures = ("init", "mask", "keep_composition", "prompt", "image_prompt", "regions")
        needed = repr([settings.get(name) for name in pictures])
        for path, before in self.files.items():
            now = record.fingerprint(expand("init", path)) if str(path) in needed else None
            if now not in (None, before):
                log.warning(
                    "%s: %s is not the file that it was: the picture will differ",
                    *(self.where, shown(path)),
                )

    def composed(
        self, words: Sequence[Override], flags: Sequence[str]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the settings that today compose without `words` and with them."""
        if not words:
            return {}, renamed(plain(compose([], flags)))
        if self.before is None:
            self.before = self.composed_then(flags)
        return self.before, renamed(plain(compose(self.typed_with(words), flags)))

    def composed_then(self, flags: Sequence[str]) -> dict[str, Any]:
        """Return the settings that the record's words compose today; of its choices alone if they
        cannot be composed any more."""
        try:
            return renamed(plain(compose(self.typed_with([]), flags)))
        except Exception as error:  # a preset, a file or a choice that is no longer there
            reason = " ".join(str(error).split())
            log.warning("%s: what was typed cannot be composed today: %s", self.where, reason)
            self.words = []
            return renamed(plain(compose(self.typed_with([]), flags)))


def was_embedded_before(settings: Mapping[str, Any]) -> bool:
    """Return whether recorded settings name the model that comes with the program, with other
    weights than today's."""
    model = settings.get("model")
    if not isinstance(model, dict) or model.get("name") != "embedded":
        return False
    today = OmegaConf.load(conf_folder() / "model" / "embedded.yaml")
    assert isinstance(today, DictConfig)
    then, now = (one.get("sha256") or FIRST_WEIGHTS for one in (model, today))
    return model.get("file") == today.get("file") and then != now


def is_above_one(value: Any) -> bool:
    """Return whether it is a whole number above 1."""
    return isinstance(value, int) and value > 1


# ---- what is typed beside it ---------------------------------------------------------------


def chosen_words(settings: dict[str, Any]) -> list[Override]:
    """Return the choices in a record without words, as far as it has their names."""
    words = []
    for group in recorded_groups(several=True):
        names = settings.get(group)
        if isinstance(names, dict) and set(names) <= set(choices.names(group)):
            words.append(parse(f"{group}=[{','.join(names)}]"))
    model = settings.get("model")
    name = model.get("name") if isinstance(model, dict) else None
    return words + ([parse(f"model={name}")] if name in choices.names("model") else [])


Change = tuple[tuple[str, ...], Any]
GONE = object()


def differences(
    before: dict[str, Any], after: dict[str, Any], path: tuple[str, ...] = ()
) -> Iterator[Change]:
    """Yield the settings that differ, each as a whole: a schedule's mapping is one value."""
    if not before:
        return
    for name in dict.fromkeys([*before, *after]):  # in one order, in every process
        here, old, new = (*path, name), before.get(name, GONE), after.get(name, GONE)
        if old == new or here[0] in unrecorded():
            continue
        if opens(here) and isinstance(old, dict) and isinstance(new, dict) and alike(old, new):
            yield from differences(old, new, here)
        else:
            yield here, new


def opens(path: tuple[str, ...]) -> bool:
    """Return whether a path leads to a group of settings rather than to a setting."""
    one, several = [*recorded_groups(several=False), *NODES], recorded_groups(several=True)
    depth = {**dict.fromkeys(one, 1), **dict.fromkeys(several, 2), "model": 9}
    return len(path) <= depth.get(path[0], 0)


def alike(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether two nodes are of the same choice."""
    return old.get("_target_") == new.get("_target_") and old.get("name") == new.get("name")


def typed_settings(words: Sequence[Override], after: dict[str, Any]) -> Iterator[Change]:
    """Yield the settings that were typed, which count also where they make no difference."""
    for override in words:
        path = tuple(override.name.split("."))
        value: Any = after
        for name in path:
            value = value.get(name, GONE) if isinstance(value, dict) else GONE
        if override.text is not None and value is not GONE and path[0] not in unrecorded():
            yield path, value


def take(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Put a change into recorded settings. A choice that the record has too stays as it is there,
    and is not replaced by that of today."""
    several = path[0] in recorded_groups(several=True)
    if several and len(path) == 1 and isinstance(value, dict):
        there = settings.get(path[0])
        nodes = there if isinstance(there, dict) else {}
        chosen = {name: kept(nodes.get(name), node) for name, node in value.items()}
        put(settings, path, chosen)
    elif len(path) == (2 if several else 1) and isinstance(value, dict):
        node: Any = settings
        for name in path:
            node = node.get(name) if isinstance(node, dict) else None
        put(settings, path, kept(node, value))
    else:
        put(settings, path, value)


def kept(recorded: Any, chosen: Any) -> Any:
    """Return the recorded node if it is the same choice, else the new one."""
    if not isinstance(recorded, dict) or not isinstance(chosen, dict):
        return chosen
    named = "_target_" in chosen
    same = named and all((recorded.get(key) or "") == (chosen.get(key) or "") for key in IDENTITY)
    return recorded if same else chosen


def put(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Set or remove the value at a path."""
    *parents, name = path
    node = settings
    for parent in parents:
        inner = node.get(parent)
        node[parent] = node = inner if isinstance(inner, dict) else {}
    if value is GONE:
        node.pop(name, None)
    else:
        node[name] = copy.deepcopy(value)


def forget_what_followed(
    settings: dict[str, Any], touched: set[str], before: dict[str, Any]
) -> None:
    """Reset settings that the record has only because of something that is now another."""
    for name in ("size", "steps"):  # nobody asked for them: they suited the model
        if "model" in touched and name not in touched and before.get(name) is None:
            settings[name] = None
    if touched & {"model", "clip", "size", "generator"} and "threads" not in touched:
        settings["threads"] = "auto"
    if touched & {*having("prose"), "wildcards"} and "drawn" not in touched:
        settings["drawn"] = None
    if "animate" in touched and not settings.get("animate"):
        settings.update(dict.fromkeys({*FILMED, "drawn"} - touched))


def forget_frame(settings: dict[str, Any], typed: set[str]) -> None:
    """Reset the facts of a frame's record, unless they are typed, if the whole film is drawn."""
    film = settings.get("animate")
    if film and film.get("frame") is None:
        film.update(dict.fromkeys((film.keys() & set(FRAME_FACTS)) - typed))


# ---- showing -------------------------------------------------------------------------------


def text(recorded: Record, words: Sequence[Override | str], flags: Sequence[str] = ()) -> str:
    """Return the settings as YAML, with the command in a comment."""
    settings = plain(recorded.config(words, flags))
    typed = raws(recorded.typed_with(words))
    command = [*PROGRAM, *typed]
    if not recorded.words:
        command = [*PROGRAM, recorded.where, *raws(parse_all(words))]
    lasting = {name: value for name, value in settings.items() if name not in unrecorded()}
    facts = {"version": __version__, "words": typed}
    body = record.as_yaml(lasting | facts)
    # What comes from a file must neither end a comment nor speak to the terminal.
    line = "".join(letter if letter.isprintable() else " " for letter in shlex.join(command))
    return f"# {line}\n{body}"
