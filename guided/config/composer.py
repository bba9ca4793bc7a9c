"""The configurations of a batch's rows, each composed from the words that hold for all of them and
the row's own.

Hydra composes once for each set of choices, which takes it a quarter of a second, and plain values
are put in place after it, as Hydra would. An error about a value that was not typed names the file
that it was read from.
"""

from __future__ import annotations

import copy
import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from hydra.core.override_parser.types import Override as HydraOverride
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided.config import choices, origins, schema
from guided.config.composition import (
    check_names,
    check_presets,
    check_values,
    composed,
    fingerprint_of,
)
from guided.config.overrides import Override, parse_all
from guided.config.unknown import unknown_setting
from guided.errors import BadInput, Untold, first_line, shown

KEPT = 64  # configurations
RESUMABLE = ("device", "workers")  # which may be typed beside resume=
LACKING = re.compile(r"'[\w.]+' needs a choice of ")
PLAIN = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)  # name.of.setting


@dataclass
class Composed:
    """A configuration, and the parts made of it that rows leave alone."""

    cfg: DictConfig
    built: dict[str, Any] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)  # what the row at hand changes
    referred: set[str] = field(default_factory=set)  # what some part takes its values from
    fingerprint: str = ""  # of what its choices say, before a row's plain values are in place

    def __post_init__(self) -> None:
        text = repr(OmegaConf.to_container(self.cfg))
        self.fingerprint = fingerprint_of(self.cfg)
        self.referred = set(re.findall(r"\$\{\.*(\w+)", text))

    def build(self, node: DictConfig, where: str) -> Any:
        """Return the object of a node, as schema.build, made only once where no row changes it."""
        if self.touched & (self.referred | {where.split(".")[0]}):
            return schema.build(node, where)
        if where not in self.built:
            self.built[where] = schema.build(node, where)
        return self.built[where]


class Base(Protocol):
    """The settings of a picture or a run, which words then vary (guided.config.replay)."""

    where: str
    processor: str  # the instructions of the CPU that drew it; empty: unknown

    def config(
        self, words: Sequence[Override | str] = (), flags: Sequence[str] = ()
    ) -> DictConfig:
        """Return the configuration with `words` typed beside its own."""
        ...

    def typed_with(self, words: Sequence[Override | str]) -> list[Override]:
        """Return the words of a command that makes the same with `words`."""
        ...

    def as_base(self) -> dict[str, Any]:
        """Return it as plain data for a manifest."""
        ...


@dataclass
class Composer:
    """A composer of the rows of a batch."""

    words: list[Override]  # what holds for every row
    flags: list[str] = field(default_factory=list)
    recorded: Base | None = None  # what it began with, of a picture or a run
    where: str = ""  # the file that the words, and those of the rows, are from; empty: typed
    composed: dict[tuple[Override, ...], Composed] = field(default_factory=dict)  # by choices

    def __post_init__(self) -> None:
        self.words = parse_all(self.words)

    @contextmanager
    def row(self, words: Sequence[Override | str] = ()) -> Iterator[Composed]:
        """Yield the configuration of a row, for as long as the block lasts. An error about a value
        that was read from a file, in the block too, names the file."""
        overrides = parse_all(words)
        try:
            with self.composed_row(overrides) as composed:
                yield composed
        except BadInput as error:
            told = self.told(str(error), overrides)
            if told == str(error):
                raise
            raise BadInput(told) from error
        except (HydraException, OmegaConfBaseException) as error:
            raise Untold(error, partial(self.told, words=overrides)) from error

    def told(self, line: str, words: Sequence[Override]) -> str:
        """Return a message behind the file that has the value that it is about, if it is of a
        file."""
        where = self.source_of(line, [*self.words, *words])
        if where:
            line = self.fetching_own(line, words)
        return f"{where}: {origins.without_choice(line)}" if where and where not in line else line

    def fetching_own(self, line: str, words: Sequence[Override]) -> str:
        """Return a message with the choices of its command for downloads as they were typed, which
        are those of files of one's own."""
        told, mark, command = line.partition(" models=download ")
        chosen = {
            one.name: one.raw
            for one in [*self.words, *words]
            if choices.folders(one.name, self.flags)
        }
        parts = [chosen.get(part.partition("=")[0], part) for part in command.split()]
        return f"{told}{mark}{shlex.join([*self.flags, *parts])}" if mark else line

    def source_of(self, line: str, words: Sequence[Override]) -> str:
        """Return the file that has the value that a message is about; empty: it was typed."""
        name = origins.name_in(line)
        if self.where and name not in RESUMABLE:
            return self.where
        if (path := origins.find(line, words, self.flags)) is not None:
            return str(path)
        if self.recorded is None or self.recorded.where in line:
            return ""
        if LACKING.match(line):  # it is typed, and the record has no place for it
            return self.recorded.where
        if name.partition(".")[0] in schema.known_names():
            typed = origins.is_typed(line, words)
        else:
            typed = any(re.search(rf"\b{re.escape(one.name)}\b", line) for one in words)
        return "" if typed else self.recorded.where

    @contextmanager
    def composed_row(self, words: Sequence[Override]) -> Iterator[Composed]:
        """Yield the configuration as `row`, with errors as they are raised."""
        plain: list[Override] = []
        chosen: list[Override] = []
        if words:
            check_names(words, self.flags, self.words)
            check_presets([*self.words, *words], self.flags)
        for override in words:
            (plain if self.is_plain(override) else chosen).append(override)
        key = tuple(chosen)
        composed = self.composed.pop(key, None) or Composed(self.compose(chosen))
        self.composed[key] = composed  # the last one that was asked for stands last
        if len(self.composed) > KEPT:
            del self.composed[next(iter(self.composed))]
        composed.touched = {override.root for override in plain}
        with ExitStack() as stack:
            for override in plain:
                stack.enter_context(changed(composed.cfg, override))
            yield composed

    def compose(self, words: Sequence[Override]) -> DictConfig:
        """Return the configuration with `words` typed beside those of every row."""
        if self.recorded is None:
            return composed([*self.words, *words], self.flags)
        return self.recorded.config([*self.words, *words], self.flags)

    def typed(self, words: Sequence[Override | str]) -> list[Override]:
        """Return the words that one would type for a row."""
        typed = [*self.words, *parse_all(words)]
        return typed if self.recorded is None else self.recorded.typed_with(typed)

    def is_plain(self, override: Override) -> bool:
        """Return whether it is a value to be put in place, and no choice of a group."""
        # In a record, one setting may make another forgotten.
        if self.recorded is not None or not PLAIN.fullmatch(override.key):
            return False
        if override.text is None or override.hydra is None or override.swept:
            return False
        return not choices.folders(override.name, self.flags)


@contextmanager
def changed(cfg: DictConfig, override: Override) -> Iterator[None]:
    """Put one value in place, and the one before back at the end. Raises Hydra's errors."""
    key = override.name
    check_values(override)
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent) if parent else cfg
    if not isinstance(node, DictConfig) or name not in node:
        raise BadInput(unknown_setting(key, cfg))
    assert override.hydra is not None  # a plain value
    before = copy.deepcopy(node._get_node(name))
    try:
        put(cfg, override.hydra)
        yield
    finally:
        node[name] = before


def put(cfg: DictConfig, override: HydraOverride) -> None:
    """Set one value as Hydra would."""
    try:
        OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
    except (ArithmeticError, RecursionError) as error:
        raise BadInput(
            f"{shown(override.input_line)} cannot be read: {first_line(error)}"
        ) from error
    except OmegaConfBaseException as error:
        line = f"Error merging override {override.input_line}"
        raise ConfigCompositionException(line) from error
