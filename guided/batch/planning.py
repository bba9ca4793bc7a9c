"""Planning a batch: every row is checked, and every picture gets its number and seed.

A row with an error is reported before the first step; the other rows are drawn. Imports no torch.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from guided.config.composer import Composed, Composer
from guided.config.messages import BAD, say, say_of_row
from guided.config.overrides import Override, parse_all, raws
from guided.config.plan import Plan
from guided.config.presets import GROUPS, weighted
from guided.config.schema import RUN, scoped, unrecorded
from guided.devices import cores
from guided.errors import BadInput, shown
from guided.generators.settings import GROUPS as OF_GENERATORS
from guided.prompts.prompt import unwanted, wanted
from guided.runs.manifest import FAILED, OLDER, Manifest, Picture, Row, grouped
from guided.runs.record import fingerprint
from guided.schedule import AUTO
from guided.untrusted.typed_paths import expand
from guided.version import __version__

log = logging.getLogger(__name__)
MOST = 100_000  # pictures
MANY = 8  # rows
VARIED = {*GROUPS, "prompt", "negative", "image_prompt", "seed"}


@dataclass
class PlannedRow:
    """A row that can be drawn: its plan, and the settings that are saved in its pictures."""

    plan: Plan
    settings: dict[str, Any]
    fingerprint: str  # of all its settings, to notice when a preset has changed


@dataclass
class Batch:
    """A planned batch, with at least one row that can be drawn."""

    manifest: Manifest
    first: PlannedRow  # of the rows that can be drawn
    first_row: int
    wrong: dict[int, str] = field(default_factory=dict)  # errors of the other rows


def drawable(composer: Composer, row: Row, more: Sequence[Override | str] = ()) -> PlannedRow:
    """Return the plan of a row. BadInput, or an error of Hydra or OmegaConf, if it cannot be
    drawn."""
    with planned(composer, row, more) as (plan, composed):
        return made_of(plan, composed, composer, [*row.words, *more])


def made_of(
    plan: Plan, composed: Composed, composer: Composer, words: Sequence[Override | str]
) -> PlannedRow:
    """Return the row whose `words` the composer has composed."""
    of_run, typed = (*scoped(RUN), *unrecorded()), composer.typed(words)
    words = [override.raw for override in typed if override.name not in of_run]
    settings = remembered(composed.cfg, plan) | {"words": words}
    return PlannedRow(plan, settings, composed.fingerprint)


@contextmanager
def planned(
    composer: Composer,
    row: Row,
    more: Sequence[Override | str] = (),
    weights: bool = True,
    seed: int | None = None,
) -> Iterator[tuple[Plan, Composed]]:
    """Yield the plan of a row and its composed configuration; errors as `drawable`. `weights` and
    `seed` as for Plan.read."""
    if row.wrong:
        raise BadInput(row.wrong)
    words = parse_all([*row.words, *more])
    with composer.row(words) as composed:
        plan = Plan.read(
            composed.cfg,
            composed.build,
            composer.flags,
            weights=weights,
            recorded=composer.recorded is not None,
            seed=seed,
        )
        tell_unused(plan, composer, words)
        yield plan, composed


def tell_unused(plan: Plan, composer: Composer, words: Sequence[Override] = ()) -> None:
    """Warn of each of the words of a row, and of those of all rows, that sets something that the
    generator does not use."""
    for word in [*composer.words, *words]:
        if word.root in OF_GENERATORS and word.root not in plan.generator.uses:
            log.warning("%s has no effect with generator=%s", shown(word.raw), plan.generator.name)


def remembered(cfg: DictConfig, plan: Plan) -> dict[str, Any]:
    """Return the settings that a picture records, resolved as far as possible without torch."""
    size = plan.size if plan.outpaint is None else plan.outpaint.inner
    drawn = {"size": list(size), "steps": plan.steps, "batch_size": plan.batch_size}
    files = {path: fingerprint(expand("init", path)) for path in plan.files}
    facts = {"version": __version__} | ({"files": files} if files else {})
    return lasting_settings(cfg) | drawn | facts


def lasting_settings(cfg: DictConfig) -> dict[str, Any]:
    """Return the settings as plain values, without those that do not affect pictures."""
    settings = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(settings, dict)
    return {str(name): value for name, value in settings.items() if name not in unrecorded()}


def warn_if_changed(base: dict[str, Any], number: int, row: Row, fingerprint: str) -> None:
    """Warn if the settings of a row have another fingerprint than when the batch was planned. The
    manifest has only its words, whose meaning changes with presets, conf/local and the program."""
    known = base.get("fingerprints")
    before = known[number] if isinstance(known, list) and number < len(known) else None
    if before not in (None, fingerprint):
        log.warning(
            "row %d%s is drawn with other settings than when it was planned: a preset, "
            "conf/local or the program has changed since",
            *(number, f" ({row.where})" if row.where else ""),
        )


@contextmanager
def original_cwd(cwd: Any) -> Iterator[None]:
    """Change to the folder in which the batch was begun while the block lasts, so that relative
    paths keep their meaning."""
    cwd = cwd if isinstance(cwd, str) else "."
    if os.path.isdir(cwd):  # also False for names that no folder can have
        with chdir(cwd):
            yield
    else:
        log.warning("%s, where the batch was begun, is gone: relative paths are from here", cwd)
        yield


def plan_batch(composer: Composer, rows: list[Row], title: str) -> Batch:
    """Return the plan of all rows. BadInput with the first row's error if none can be drawn."""
    recorded = composer.recorded.as_base() if composer.recorded else None
    default_seed = secrets.randbelow(2**32)  # of all rows without one, to compare them
    fingerprints: list[str | None] = []
    base = {
        "words": raws(composer.words),
        "flags": composer.flags,
        "settings": recorded,
        "seed": default_seed,
        "cores": cores(),  # CPU threads for large models, which decide the last bits
        "cwd": str(Path.cwd()),
        # Today's defaults hold where no word says another; older batches have neither (OLDER).
        **dict.fromkeys(OLDER, AUTO),
        "fingerprints": fingerprints,  # by row; null where it cannot be drawn
    }
    manifest = Manifest(title, base, rows, [])
    first, first_row = None, 0
    errors, wrong = [], {}
    draw_seeds(rows)
    for number, row in enumerate(rows):
        start = len(manifest.pictures)
        try:
            with planned(composer, row, seed=default_seed) as (plan, composed):
                if first is None:
                    first = made_of(plan, composed, composer, row.words)
                    first_row = number
                row.presets = presets_of(composed, composer, row)
                manifest.pictures += pictures_of(plan, number, start, plan.seed)
                fingerprints.append(composed.fingerprint)
        except BAD as error:
            errors.append(error)
            wrong[number] = say_of_row(row.where, error)
            if number == 0 and is_shared(error, composer, rows):
                raise BadInput(wrong[0]) from error
            pictures = unplanned(composer, row, number, start, default_seed, wrong[number])
            manifest.pictures += pictures
            fingerprints.append(None)
        if len(manifest.pictures) > MOST:
            raise BadInput(f"more than {MOST} pictures in one batch")
    if first is None:
        raise BadInput(wrong[0]) from errors[0]
    manifest.title = title or first.plan.prompts[0].text
    return Batch(manifest, first, first_row, wrong)


def is_shared(error: Exception, composer: Composer, rows: Sequence[Row]) -> bool:
    """Return whether the first row's error is the error of many rows, of which composing each
    would take long: they differ in presets, prompts and seeds, none of which it names, and
    the settings that all have in common have it alone, and with the last row."""
    told = say(error)
    names = {word.name for row in rows for word in parse_all(row.words)}
    named = re.search(rf"\b({'|'.join(names)})[=.:]", told)
    if len(rows) < MANY or names - VARIED or named:
        return False
    for words in ([], rows[-1].words):
        try:
            with planned(composer, Row(words)):
                return False
        except BAD as other:
            if say(other) != told:
                return False
    return True


def draw_seeds(rows: Sequence[Row]) -> None:
    """Give each row whose own seed is random one of its own."""
    for row in rows:
        for place, word in enumerate(row.words):
            if word == "seed=null":
                row.settings["seed"] = secrets.randbelow(2**32)
                row.words[place] = f"seed={row.settings['seed']}"


def pictures_of(plan: Plan, row: int, first: int, seed: int) -> list[Picture]:
    """Return the pictures of a row, numbered from `first`, in groups that are drawn together."""
    if plan.film is not None:
        return frames_of(plan, row, first, seed)
    pictures = []
    for group in grouped(range(plan.count), plan.batch_size):
        for k in group:
            prompts = plan.decided(seed + k)
            picture = Picture(first + k, row, seed + k, wanted(prompts), model=plan.drawn_with)
            picture.unwanted = unwanted(prompts)
            picture.group = first + group[0]
            pictures.append(picture)
    return pictures


def frames_of(plan: Plan, row: int, first: int, seed: int) -> list[Picture]:
    """Return the pictures of a film, in one group, which one worker draws in order. Each has the
    film's seed."""
    assert plan.film is not None
    pictures = []
    for number, frame in enumerate(plan.film.made, first):
        prompts = replace(plan, prompts=plan.film.prompts_at(frame)).decided(seed)
        picture = Picture(number, row, seed, wanted(prompts), model=plan.drawn_with, group=first)
        picture.unwanted, picture.frame = unwanted(prompts), frame
        pictures.append(picture)
    return pictures


def presets_of(composed: Composed, composer: Composer, row: Row) -> dict[str, list[str]]:
    """Return the artists and looks of a row by the names of their files."""
    typed = {word.name: word.text for word in composer.typed(row.words) if word.text is not None}
    found = {}
    for group in GROUPS:
        chosen: list[str] = []
        with suppress(BadInput):  # those of a record need not be here any more
            chosen, _ = weighted(group, typed.get(group) or "", composer.flags) or ([], {})
        # A preset without words is only among what was typed, one of conf/local only in the node.
        found[group] = list(dict.fromkeys([*chosen, *map(str, composed.cfg[group] or ())]))
    return found


def unplanned(
    composer: Composer, row: Row, number: int, first: int, default_seed: int, why: str
) -> list[Picture]:
    """Return failed pictures for a row that cannot be drawn, as many as it asks for if that can be
    read, so that resume= can draw them with the same numbers and seeds once a missing file is
    there."""
    count, seed = 1, default_seed
    with suppress(*BAD), composer.row(row.words) as composed:
        cfg = composed.cfg
        count = cfg.count if 1 <= cfg.count <= MOST else 1
        seed = cfg.seed if cfg.seed is not None and 0 <= cfg.seed < 2**62 else default_seed
    return [
        Picture(first + k, number, seed + k, state=FAILED, why=why, group=first + k)
        for k in range(count)
    ]
