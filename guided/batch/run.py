"""Drawing and resuming a batch: from the words of a command line to a folder of pictures.

All rows are checked first (batch/planning.py); then the folder is made, with a manifest of its
pictures, and workers draw them (batch/worker.py) until none is left.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from guided import search_path
from guided.batch import (
    asked,
    film_preview,
    launchers,
    multi_device,
    queue,
    request_checks,
    worker,
)
from guided.batch.asked import Words, composer_of
from guided.batch.estimate import seconds_of_pass
from guided.batch.launchers import Launch
from guided.batch.planning import Batch, lasting_settings, original_cwd, plan_batch
from guided.config import choices
from guided.config.catalog import unquoted
from guided.config.composer import Composer
from guided.config.composition import own_folders
from guided.config.overrides import Override, parse_all, raws, values_of
from guided.config.plan import plain
from guided.config.replay import Record
from guided.console import tell
from guided.devices import (
    cores,
    find_device,
    find_precision,
    processor,
    read_devices,
    warn_of_processor,
)
from guided.errors import BadInput, Failed
from guided.gallery import page, pages
from guided.paths import program
from guided.runs import files, record
from guided.runs.layout import FILMS, JOBS, MANIFEST, SETTINGS, film_name, new_folder
from guided.runs.manifest import DONE, QUEUED, RUNNING, Manifest, Picture, Row
from guided.untrusted import allowed_files
from guided.untrusted.run_folder import check_folder
from guided.version import __version__

log = logging.getLogger(__name__)
MOST_LINES, FEW_LINES = 50, 5
SLOW_ROWS = 8  # different choices of rows that are composed within two seconds
MANY_ROWS = 200  # rows with the same choices that are


def draw(
    words: Sequence[Override | str],
    flags: Sequence[str] = (),
    recorded: Record | None = None,
    launch: Launch | None = None,
) -> Path:
    """Draw a batch and return its folder. `recorded`: the settings of a picture or run, which the
    words then change; `launch` runs Hydra where one of its launchers is chosen.

    BadInput, or an error of Hydra, before anything is written, if nothing can be drawn. Failed,
    after all other pictures were drawn, if some could not be. KeyboardInterrupt if it was
    stopped."""
    typed = Words.of(words)
    with typed.limited(flags, recorded):
        return draw_typed(typed, flags, recorded, launch)


def draw_typed(
    words: Words,
    flags: Sequence[str],
    recorded: Record | None,
    launch: Launch | None,
) -> Path:
    """Draw as `draw`, inside the limits of allowed_files."""
    launched = launchers.is_launched(words.hydras)
    workers = values_of(words.settings).get("workers", "1")
    launchers.check_launching(words.hydras, workers, launched)
    request = words.rows(flags, recorded)
    composer, rows, root = request.composer, request.rows, request.root
    several = len(rows) > MANY_ROWS
    if several or len({choices_in(row, flags) for row in rows}) > SLOW_ROWS:
        tell(f"checking {len(rows)} rows ...")
    batch = plan_batch(composer, rows, request.title)
    for why in list(batch.wrong.values())[:FEW_LINES]:
        log.warning("%s", why)
    if batch.wrong:
        log.warning("%d of %d rows cannot be drawn; the others are", len(batch.wrong), len(rows))
    film = batch.first.plan.film
    if film is not None and film.settings.preview:
        if len(rows) > 1:
            raise BadInput(f"animate.preview=true shows one film, not those of {len(rows)} rows")
        title = batch.manifest.title
        return film_preview.write(batch.first.plan, title, root, seconds_of_pass)
    try:
        folder = begin(batch, composer, root)
    except OSError as error:
        if not files.is_unwritable(error, root):
            raise
        raise Failed(f"folder={root}: {error.strerror}; nothing was begun") from error
    tell(f"drawing in {folder}")
    if launched and launch is not None:
        return by_launcher(folder, launch, words.hydras, request.workers)
    session = worker.WorkerSession(folder, composer, [], batch.first_row, batch.first)
    return finish(folder, session, batch.first.plan.devices, request.debug)


def choices_in(row: Row, flags: Sequence[str]) -> tuple[str, ...]:
    """Return the words of a row that choose from groups, for which Hydra must compose anew."""
    return tuple(one.raw for one in parse_all(row.words) if choices.folders(one.name, flags))


def by_launcher(
    folder: Path,
    launch: Launch,
    hydras: Sequence[Override],
    workers: int,
    more: Sequence[Override] = (),
) -> Path:
    """Draw a batch with the workers that a launcher starts."""
    own = [*raws(more), allowed_files.word()]
    search_path.guard_children()
    try:
        launch(launchers.arguments(folder, hydras, own, workers))
    except KeyboardInterrupt:
        tell(f"interrupted; to go on: {again(folder)}")
        raise
    return conclude(folder)


def join(words: Sequence[Override | str]) -> None:
    """Draw as one of a launcher's workers on a folder."""
    typed = Words.of(words)
    settings, more = beside(typed)
    folder = Path(unquoted(settings["resume"]))
    check_folder(folder, JOBS)
    with allowed_files.limited(f"resume={folder}", values_of(typed.trust)):
        composer = composer_of(Manifest.read(folder).base, str(folder / MANIFEST))
        worker.work(worker.WorkerSession(folder, composer, more, alone=False))


def resume(words: Sequence[Override | str], launch: Launch | None = None) -> Path:
    """Draw the pictures of a batch that are missing or failed; result and errors as `draw`."""
    typed = Words.of(words)
    settings, more = beside(typed)
    source = f"resume={settings['resume']}"
    with allowed_files.limited(source, values_of(typed.trust), own_folders([])):
        launched = launchers.is_launched(typed.hydras)
        request_checks.check_resuming(settings)
        launchers.check_launching(typed.hydras, settings.get("workers", "1"), launched)
        folder = asked.find_folder(settings["resume"], settings.get("folder", "outputs"))
        check_folder(folder, JOBS)  # before anything is written: it is untrusted
        base = Manifest.read(folder).base
        composer = composer_of(base, str(folder / MANIFEST))
        with original_cwd(base.get("cwd")), composer.row(more) as composed:
            devices = read_devices(plain(composed.cfg.device))
            workers = asked.read_workers(composed.cfg.workers)
        with unwritable_told(folder):
            queue.retry(folder)
        if launched and launch is not None:
            return by_launcher(folder, launch, typed.hydras, workers, more)
        if len(devices) == 1:  # for several, this process does not load torch
            warn_of_processor(f"resume={folder}", str(base.get("processor") or ""))
        session = worker.WorkerSession(folder, composer, more)
        return finish(folder, session, devices, settings.get("debug", "").lower() == "true")


def beside(words: Words) -> tuple[dict[str, str], list[Override]]:
    """Return the settings given with resume=, and those of them that apply to every row."""
    every = [word for word in words.settings if word.name in ("device", "workers")]
    return values_of(words.settings), every


def finish(
    folder: Path, session: worker.WorkerSession, devices: Sequence[str], debug: bool
) -> Path:
    """Draw until no picture is left, and print the results."""
    try:
        with unwritable_told(folder):
            if len(devices) > 1:
                multi_device.work(folder, devices, debug)
            else:
                worker.work(session, debug)
    except KeyboardInterrupt:
        tell(f"interrupted; to go on: {again(folder)}")
        raise
    return conclude(folder)


@contextmanager
def unwritable_told(folder: Path) -> Iterator[None]:
    """Raise Failed that says how to go on if the block finds that the folder is gone, or that
    nothing can be written into it."""
    try:
        yield
    except OSError as error:
        queue.check_exists(folder)
        if not files.is_unwritable(error, folder):
            raise
        once = "there is room" if files.is_full(error) else "it can be written to"
        raise Failed(
            f"{folder}: {error.strerror}; once {once}, to go on: {again(folder)}"
        ) from error


def conclude(folder: Path) -> Path:
    """Print the results. Failed if pictures are missing."""
    queue.check_exists(folder)
    manifest = Manifest.read(folder)
    if manifest.count(RUNNING):  # by other workers, which may have been killed
        manifest = queue.release_dead(folder)
        pages.update(folder, now=True)
    tell_results(folder, manifest)
    if manifest.failed or manifest.count(QUEUED):
        raise Failed(summary(folder, manifest))
    if running := manifest.count(RUNNING):
        tell(f"{running} more are being drawn by others")
    return folder


def tell_results(folder: Path, manifest: Manifest) -> None:
    """Print the gallery's page, and the paths of films and pictures; in rows that keep only the
    best pictures, the best comes first."""
    if (gallery := folder / page.NAME).is_file():
        tell(f"gallery: {gallery}")
    saved = [p for p in manifest.pictures if p.state == DONE and p.file and "/" not in p.file]
    played = films(folder, saved)
    if len(saved) > MOST_LINES:
        tell(f"{len(saved)} pictures{f' and {len(played)} films' if played else ''} in {folder}")
        return
    for film in played:
        tell(str(film))
    ranked = {picture.row for picture in manifest.pictures if "/" in (picture.file or "")}
    for picture in sorted(saved, key=lambda p: (p.row, -(p.score or 0) * (p.row in ranked))):
        score = f"  {picture.score:.3f}" if picture.row in ranked else ""
        tell(f"{folder / (picture.file or '')}{score}")


def films(folder: Path, pictures: Sequence[Picture]) -> list[Path]:
    """Return the films of these pictures."""
    paths = [folder / film_name(p.number, format) for p in pictures for format in FILMS]
    return [path for path in paths if path.is_file()]


def summary(folder: Path, manifest: Manifest) -> str:
    """Return lines with failed pictures, reasons, and the command that tries them again."""
    failed = manifest.failed
    whys: dict[tuple[int, str | None], list[int]] = {}
    for picture in failed:
        whys.setdefault((picture.row, picture.why), []).append(picture.number)
    lines = [f"{len(failed)} of {len(manifest.pictures)} pictures failed"]
    if left := manifest.count(QUEUED):
        lines.append(f"{left} were not begun, because their worker stopped early")
    for (_, why), numbers in list(whys.items())[:MOST_LINES]:
        last = f" to {numbers[-1]}" if len(numbers) > 1 else ""
        lines.append(f"  {numbers[0]}{last}: {why}")
    lines += [f"  and {len(whys) - MOST_LINES} more rows"] if len(whys) > MOST_LINES else []
    rows = [manifest.rows[picture.row] for picture in failed]
    if places := dict.fromkeys(row.where for row in rows if row.where):
        named = ", ".join(list(places)[:FEW_LINES]) + (", ..." if len(places) > FEW_LINES else "")
        lines.append(
            f"resume= takes rows as they were read: correct {named} and draw "
            "those rows with prompts= again"
        )
    if left or not all(row.wrong for row in rows):
        lines.append(f"to try these again as they are: {again(folder)}")
    return "\n".join(lines)


def again(folder: Path) -> str:
    """Return the command that resumes a batch."""
    return f"{program()} {shlex.quote(f'resume={folder}')}"


def begin(batch: Batch, composer: Composer, root: Path) -> Path:
    """Make and return the batch's folder, with its manifest and run.yaml."""
    first = batch.first
    resolved: dict[str, Any] = {}
    if len(first.plan.devices) == 1:  # for several, this process does not load torch
        device = find_device(first.plan.device)
        precision = str(find_precision(first.plan.precision, device)).removeprefix("torch.")
        resolved = {"device": str(device), "precision": precision}
        if device.type == "cpu":
            resolved |= {"threads": first.plan.threads or cores(), "processor": processor()}
            batch.manifest.base["processor"] = processor()
            if composer.recorded:
                warn_of_processor(composer.recorded.where, composer.recorded.processor)
    files.make_root(root)
    folder = new_folder(root, batch.manifest.title, datetime.now())
    if len(batch.manifest.rows) == 1:
        settings = dict(first.settings)
    else:
        with composer.row() as composed:
            settings = lasting_settings(composed.cfg) | {"version": __version__}
    settings |= {"words": raws(composer.typed([])), **resolved}
    if settings["seed"] is None:
        settings["seed"] = batch.manifest.base["seed"]  # of rows without a seed
    files.write(folder / SETTINGS, record.as_yaml(settings).encode())
    batch.manifest.write(folder)
    files.point_latest(folder, root)
    return folder
