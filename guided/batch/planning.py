"""A batch before its first step: every row checked, and every picture given its number and seed.

Whatever is wrong with a row is found here, in a moment and without torch; the other rows are
drawn. Imports no torch.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from guided.config.composition import Composed, Composer
from guided.config.messages import BAD, say
from guided.config.overrides import Override, raws
from guided.config.plan import Plan
from guided.config.schema import RUN, scoped, unrecorded
from guided.errors import BadInput
from guided.runs.manifest import FAILED, Manifest, Picture, Row, grouped
from guided.runs.record import fingerprint
from guided.untrusted.typed_paths import expand
from guided.version import __version__

log = logging.getLogger(__name__)
MOST = 100_000  # pictures


@dataclass
class PlannedRow:
    """A row that is right: its plan, and the settings that its pictures remember."""

    plan: Plan
    settings: dict[str, Any]
    fingerprint: str  # of what its choices say, to see when they come to say something else


@dataclass
class Batch:
    """What is drawn, checked."""

    manifest: Manifest
    first: PlannedRow | None = None  # of the rows that are right
    first_row: int = 0
    wrong: dict[int, str] = field(default_factory=dict)  # what is wrong with those that are not


def drawable(composer: Composer, row: Row, more: Sequence[Override | str] = ()) -> PlannedRow:
    """BadInput, or one of Hydra's or OmegaConf's errors, when the row is not right."""
    with planned(composer, row, more) as (plan, composed):
        return made_of(plan, composed, composer.typed([*row.words, *more]))


def made_of(plan: Plan, composed: Composed, typed: list[Override]) -> PlannedRow:
    of_run = (*scoped(RUN), *unrecorded())
    words = [override.raw for override in typed if override.name not in of_run]
    settings = remembered(composed.cfg, plan) | {"words": words}
    return PlannedRow(plan, settings, composed.fingerprint)


@contextmanager
def planned(
    composer: Composer, row: Row, more: Sequence[Override | str] = ()
) -> Iterator[tuple[Plan, Composed]]:
    if row.wrong:
        raise BadInput(row.wrong)
    with composer.row([*row.words, *more]) as composed:
        plan = Plan.read(composed.cfg, composed.build, composer.flags)
        plan.tell_unused([*composer.words, *row.words, *more])
        yield plan, composed


def remembered(cfg: DictConfig, plan: Plan) -> dict[str, Any]:
    """The settings as a picture has them inside, resolved as far as that goes without torch."""
    size_and_steps = {"size": list(plan.size), "steps": plan.steps}
    files = {path: fingerprint(expand("init", path)) for path in plan.files}
    facts = {"version": __version__} | ({"files": files} if files else {})
    return lasting_settings(cfg) | size_and_steps | facts


def lasting_settings(cfg: DictConfig) -> dict[str, Any]:
    settings = OmegaConf.to_container(cfg, resolve=True)
    return {name: value for name, value in settings.items() if name not in unrecorded()}


def tell_if_changed(base: dict[str, Any], number: int, row: Row, fingerprint: str) -> None:
    """Only a row's words are kept, so an edited preset, conf/local or another version of the
    program makes other settings of them."""
    known = base.get("fingerprints")
    before = known[number] if isinstance(known, list) and number < len(known) else None
    if before not in (None, fingerprint):
        log.warning(
            "row %d%s is drawn with other settings than when it was asked for: a preset, "
            "conf/local or the program has changed since",
            *(number, f" ({row.where})" if row.where else ""),
        )


@contextmanager
def where_asked(base: dict[str, Any]) -> Iterator[None]:
    """Relative paths mean what they meant where the batch was asked for, from wherever it is
    resumed."""
    place = base.get("cwd")
    place = place if isinstance(place, str) else "."
    if Path(place).is_dir():
        with chdir(place):
            yield
    else:
        log.warning("%s, where it was asked for, is gone: relative paths are from here", place)
        yield


def plan_batch(composer: Composer, rows: list[Row], title: str) -> Batch:
    """Every row checked. Raises what is wrong with the first one when all of them are."""
    recorded = composer.recorded.as_base() if composer.recorded else None
    unsaid = secrets.randbelow(2**32)  # one seed for all rows, so that they can be compared
    fingerprints: list[str | None] = []
    base = {
        "words": raws(composer.words),
        "flags": composer.flags,
        "settings": recorded,
        "seed": unsaid,
        "cwd": str(Path.cwd()),
        "fingerprints": fingerprints,  # by row; null where it cannot be drawn
    }
    manifest = Manifest(title, base, rows, [])
    batch = Batch(manifest)
    errors = []
    for number, row in enumerate(rows):
        first = len(manifest.pictures)
        try:
            with planned(composer, row) as (plan, composed):
                if batch.first is None:
                    batch.first = made_of(plan, composed, composer.typed(row.words))
                    batch.first_row = number
                said = composed.cfg.seed
                seed = unsaid if said is None else said
                manifest.pictures += pictures_of(plan, number, first, seed)
                fingerprints.append(composed.fingerprint)
        except BAD as error:
            errors.append(error)
            batch.wrong[number] = f"{row.where}: {say(error)}".removeprefix(": ")
            pictures = unplanned(composer, row, number, first, unsaid, batch.wrong[number])
            manifest.pictures += pictures
            fingerprints.append(None)
        if len(manifest.pictures) > MOST:
            raise BadInput(f"more than {MOST} pictures in one batch")
    if batch.first is None:
        raise BadInput(batch.wrong[0]) from errors[0]
    manifest.title = title or batch.first.plan.prompts[0].text
    return batch


def pictures_of(plan: Plan, row: int, first: int, seed: int) -> list[Picture]:
    pictures = []
    for group in grouped(range(plan.count), plan.batch_size):
        for k in group:
            text = "; ".join(p.text for p in plan.decided(seed + k) if p.at(1.0) > 0)
            picture = Picture(first + k, row, seed + k, text, model=plan.drawn_with)
            picture.group = first + group[0]
            pictures.append(picture)
    return pictures


def unplanned(
    composer: Composer, row: Row, number: int, first: int, unsaid: int, why: str
) -> list[Picture]:
    """The pictures of a row that cannot be drawn, as far as can be said: when what it lacks is
    there, it is resumed with the same numbers and seeds."""
    count, seed = 1, unsaid
    with suppress(*BAD), composer.row(row.words) as composed:
        cfg = composed.cfg
        count = cfg.count if 1 <= cfg.count <= MOST else 1
        seed = unsaid if cfg.seed is None else max(cfg.seed, 0)
    return [
        Picture(first + k, number, seed + k, state=FAILED, why=why, group=first + k)
        for k in range(count)
    ]
