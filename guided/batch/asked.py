"""The rows that a command asks for, and the files that may be read for them. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.batch import prompt_files
from guided.batch.rows import common_names, crossed
from guided.batch.sweep import expanded
from guided.config.composer import Composer
from guided.config.composition import lasting, own_folders
from guided.config.flags import MANY
from guided.config.overrides import Override, parse_all, values_of
from guided.config.replay import Record
from guided.config.schema import build
from guided.config.values import trusted_words
from guided.errors import BadInput, check_number, shown
from guided.runs import files
from guided.runs.layout import LATEST, MANIFEST
from guided.runs.manifest import OLDER, Row
from guided.untrusted import allowed_files
from guided.untrusted.typed_paths import expand, similar

log = logging.getLogger(__name__)


@dataclass
class Rows:
    """The rows of a command, and the settings that hold for all of them."""

    composer: Composer
    rows: list[Row]
    title: str
    root: Path  # the folder of all runs
    debug: bool
    workers: int


@dataclass
class Words:
    """The words of a command, by their kinds."""

    trust: list[Override] = field(default_factory=list)
    hydras: list[Override] = field(default_factory=list)  # of Hydra's own settings
    settings: list[Override] = field(default_factory=list)

    @classmethod
    def of(cls, words: Sequence[Override | str]) -> Words:
        """Return the words, each in the list of its kind."""
        found = cls()
        for word in parse_all(words):
            trusts, other = word.name == allowed_files.NAME, found.settings
            (found.trust if trusts else found.hydras if word.is_hydras else other).append(word)
        return found

    @contextmanager
    def limited(self, flags: Sequence[str], recorded: Record | None) -> Iterator[None]:
        """Limit the files that are read while the block lasts, if there is a record or a table of
        rows."""
        prompts = [word.raw for word in self.settings if word.name == "prompts"]
        if recorded is None and not prompts:
            for one in self.trust:
                log.warning("%s has no effect without from=, prompts= or resume=", shown(one.raw))
            yield
            return
        source = recorded.where if recorded else prompts[0]
        typed = values_of([*self.trust, *self.hydras, *self.settings])
        with allowed_files.limited(source, typed, own_folders(flags)):
            yield

    def rows(self, flags: Sequence[str], recorded: Record | None) -> Rows:
        """Return the rows of a command: those of prompts=, batch=, a recorded run and -m."""
        words, swept = self.settings, list[Row]()
        if set(MANY) & set(flags):
            words, swept = expanded(words, flags)
            if not any(row.words for row in swept):
                log.warning(
                    "-m has nothing to vary: seed=1,2 would be two values, and prompts are "
                    """quoted, as in prompt='"a cat","a dog"'"""
                )
        composer = Composer(words, lasting(flags), recorded)
        with composer.row() as composed:
            cfg = composed.cfg
            if cfg.prompts is not None:
                listed = prompt_files.read(cfg.prompts, flags)
            else:
                listed = recorded.rows_with(words) if recorded else []
            name = next((word.text or "" for word in words if word.name == "batch"), "")
            preset = build(cfg.batch, "batch").rows(flags, name) if cfg.batch else []
            rows = crossed(listed, preset, swept)
            common = set() if recorded else common_names(rows)
            for word in words:
                if word.name in common:
                    told = "%s has no effect: every row has its own %s"
                    log.warning(told, shown(word.raw), word.name)
            return Rows(
                composer,
                rows,
                title=cfg.name or (Path(cfg.prompts).stem if cfg.prompts else ""),
                root=expand("folder", cfg.folder),
                debug=cfg.debug,
                workers=read_workers(cfg.workers),
            )


def composer_of(base: Mapping[str, Any], where: str = "") -> Composer:
    """Return the composer of a batch's rows, as its manifest has it, which is the file `where`."""
    recorded = Record.kept(base.get("settings"))
    before = [] if recorded else [word for name, word in OLDER.items() if name not in base]
    return Composer(
        trusted_words(parse_all([*before, *base["words"]])),
        lasting(base.get("flags", [])),
        recorded,
        where,
    )


def read_workers(workers: int) -> int:
    """Return the number of jobs. Raises BadInput if it is out of range."""
    try:
        check_number("workers", workers, 1, 1000, whole=True)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return workers


def find_folder(name: str, root: str) -> Path:
    """Return a batch's folder by its path, or by the name `latest` in the folder of all runs."""
    folder = expand("resume", name)
    if name == LATEST and not folder.exists():
        try:
            folder = files.read_latest(expand("folder", root))
        except (OSError, ValueError) as error:
            raise BadInput(f"resume=latest: {error}") from error
    if not folder.is_dir():
        if folder.is_file():
            raise BadInput(f"resume={name} is a file; from={name} draws a picture of one again")
        raise BadInput(f"resume={name}: there is no folder {folder}{similar(folder)}")
    if not (folder / MANIFEST).exists():
        raise BadInput(f"resume={name} is no folder of a batch: it has no {MANIFEST}")
    return folder
