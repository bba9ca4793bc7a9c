"""The recipe: from what was typed to a folder of pictures.

Everything is checked first (batch/planning.py); then the folder is made, with a manifest that
says what will be in it, and worked on (batch/worker.py) until nothing is left.
"""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from guided import search_path
from guided.batch import launchers, multi_device, prompt_files, queue, request_checks, worker
from guided.batch.launchers import Launch
from guided.batch.planning import Batch, lasting_settings, plan_batch, where_asked
from guided.batch.rows import crossed
from guided.batch.sweep import expanded
from guided.config import choices
from guided.config.catalog import unquoted
from guided.config.composition import Composer, lasting, own_folders
from guided.config.flags import MANY
from guided.config.overrides import name_of
from guided.config.plan import plain
from guided.config.replay import Record, composer_of
from guided.config.schema import build
from guided.console import tell
from guided.devices import find_device, find_precision, read_devices
from guided.errors import BadInput, Failed, check_number
from guided.paths import program
from guided.runs import record
from guided.runs.manifest import DONE, QUEUED, RUNNING, Manifest, Row
from guided.untrusted import allowed_files
from guided.untrusted.regular_files import MB, check_folder, read_text
from guided.untrusted.typed_paths import expand

log = logging.getLogger(__name__)
SHOWN, FEW = 50, 5  # lines
UNHEARD = 8  # choices that are composed within two seconds


def draw(
    words: Sequence[str],
    flags: Sequence[str] = (),
    recorded: Record | None = None,
    launch: Launch | None = None,
) -> Path:
    """Draw all that was asked for; the folder that it is in. `recorded` is what a picture or a run
    was made with, which the words then vary; `launch` runs Hydra where one of its launchers is
    asked for.

    BadInput, or one of Hydra's errors, before anything is made, when none of it can be drawn;
    Failed, after all else was drawn, when something could not be; KeyboardInterrupt when it was
    stopped."""
    own, words = allowed_files.apart(words)
    prompts = [word for word in words if name_of(word) == "prompts"]
    if recorded is None and not prompts:
        return draw_typed(words, flags, recorded, launch)
    source = recorded.where if recorded else prompts[0]
    with allowed_files.limited(source, own, words, own_folders(flags)):
        return draw_typed(words, flags, recorded, launch)


def draw_typed(
    words: Sequence[str], flags: Sequence[str], recorded: Record | None, launch: Launch | None
) -> Path:
    """As `draw`, with what may be opened decided."""
    hydras, words = launchers.apart(words)
    launched = launchers.wanted(hydras)
    request_checks.check_launching(hydras, words, launched)
    words, swept = expanded(words, flags) if set(MANY) & set(flags) else (list(words), [])
    composer = Composer(words, lasting(flags), recorded)
    with composer.row() as composed:
        cfg = composed.cfg
        listed = prompt_files.read(cfg.prompts, flags) if cfg.prompts else rows_of(recorded, words)
        preset = build(cfg.batch, "batch").rows(flags, chosen(words)) if cfg.batch else []
        rows = crossed(listed, preset, swept)
        root, debug, workers = expand("folder", cfg.folder), cfg.debug, read_workers(cfg.workers)
        title = cfg.name or (Path(cfg.prompts).stem if cfg.prompts else "")
    if len({choices_in(row, flags) for row in rows}) > UNHEARD:
        tell(f"checking {len(rows)} rows ...")
    batch = plan_batch(composer, rows, title)
    for why in list(batch.wrong.values())[:FEW]:
        log.warning("%s", why)
    if batch.wrong:
        log.warning("%d of %d rows cannot be drawn; the others are", len(batch.wrong), len(rows))
    try:
        folder = begin(batch, composer, root)
    except OSError as error:
        if not record.disk_is_full(error):
            raise
        raise Failed(f"folder={root}: {error.strerror}; nothing was begun") from error
    tell(f"drawing in {folder}")
    if launched and launch is not None:
        return by_launcher(
            folder, launch, launchers.arguments(folder, hydras, [allowed_files.word()], workers)
        )
    session = worker.WorkerSession(folder, composer, [], batch.first_row, batch.first)
    return finish(folder, session, batch.first.plan.devices, debug)


def choices_in(row: Row, flags: Sequence[str]) -> tuple[str, ...]:
    """What of a row Hydra must compose anew."""
    return tuple(word for word in row.words if choices.folders(name_of(word), flags))


def read_workers(workers: int) -> int:
    try:
        check_number("workers", workers, 1, 1000, whole=True)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return workers


def by_launcher(folder: Path, launch: Launch, arguments: list[str]) -> Path:
    search_path.guard_children()
    try:
        launch(arguments)
    except KeyboardInterrupt:
        tell(f"interrupted; to go on: {again(folder)}")
        raise
    return conclude(folder)


def rows_of(recorded: Record | None, words: Sequence[str]) -> list[Row]:
    """Those of a run that is drawn again, where it had several."""
    return recorded.rows_with(words) if recorded else []


def chosen(words: Sequence[str]) -> str:
    """The preset's name, for what is said of it."""
    return next((word[6:] for word in words if word.startswith("batch=")), "")


def join(words: Sequence[str]) -> None:
    """Be one of a launcher's workers on a folder."""
    own, words = allowed_files.apart(words)
    said, more = beside(words)
    folder = Path(unquoted(said["resume"]))
    check_folder(folder, launchers.JOBS)
    with allowed_files.limited(f"resume={folder}", own, []):
        composer = composer_of(Manifest.read(folder).base)
        worker.work(worker.WorkerSession(folder, composer, more, alone=False))


def resume(words: Sequence[str], launch: Launch | None = None) -> Path:
    """Go on with a folder: what is not there yet, and what failed. As `draw`."""
    own, words = allowed_files.apart(words)
    said = dict(word.partition("=")[::2] for word in words)
    with allowed_files.limited(f"resume={said['resume']}", own, [], own_folders([])):
        return resume_typed(words, launch)


def resume_typed(words: Sequence[str], launch: Launch | None) -> Path:
    """As `resume`, with what may be opened decided."""
    hydras, words = launchers.apart(words)
    launched = launchers.wanted(hydras)
    said, more = beside(words)
    request_checks.check_resuming(said)
    request_checks.check_launching(hydras, words, launched)
    folder = found_folder(said["resume"], said.get("folder", "outputs"))
    check_folder(folder, launchers.JOBS)  # before anything is written: it may be somebody else's
    base = Manifest.read(folder).base
    composer = composer_of(base)
    with where_asked(base), composer.row(more) as composed:
        devices = read_devices(plain(composed.cfg.device))
        workers = read_workers(composed.cfg.workers)
    queue.retry(folder)
    if launched and launch is not None:
        return by_launcher(
            folder,
            launch,
            launchers.arguments(folder, hydras, [*more, allowed_files.word()], workers),
        )
    session = worker.WorkerSession(folder, composer, more)
    return finish(folder, session, devices, said.get("debug", "").lower() == "true")


def beside(words: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """What is said with resume=, and of it what every row then has too."""
    said = dict(word.partition("=")[::2] for word in words)
    return said, [f"{name}={said[name]}" for name in ("device", "workers") if name in said]


def found_folder(name: str, root: str) -> Path:
    """A batch's folder by its path, or `latest`."""
    folder = expand("resume", name)
    if name == "latest" and not folder.exists():
        root = expand("folder", root)
        pointer = root / "latest.txt"  # where there are no links
        try:
            folder = Path(read_text(pointer, MB))
        except FileNotFoundError:
            folder = (root / "latest").resolve()
        except (OSError, ValueError) as error:
            raise BadInput(f"resume=latest: {pointer} cannot be read: {error}") from error
    if not folder.is_dir():
        raise BadInput(f"resume={name}: there is no folder {folder}")
    return folder


def finish(
    folder: Path, session: worker.WorkerSession, devices: Sequence[str], debug: bool
) -> Path:
    """Work on the folder until nothing is left, and say what there is."""
    try:
        if len(devices) > 1:
            multi_device.work(folder, devices, debug)
        else:
            worker.work(session, debug)
    except KeyboardInterrupt:
        tell(f"interrupted; to go on: {again(folder)}")
        raise
    except OSError as error:
        queue.check_there(folder)
        if not record.disk_is_full(error):
            raise
        raise Failed(f"{error.strerror}; once there is room, to go on: {again(folder)}") from error
    return conclude(folder)


def conclude(folder: Path) -> Path:
    """Say what there is; Failed, when something is not that should be."""
    queue.check_there(folder)
    manifest = Manifest.read(folder)
    if manifest.count(RUNNING):  # by others, or by such as were killed
        manifest = queue.freed(folder)
    tell_what_is_there(folder, manifest)
    if manifest.failed or manifest.count(QUEUED):
        raise Failed(summary(folder, manifest))
    if running := manifest.count(RUNNING):
        tell(f"{running} more are being drawn by others")
    return folder


def tell_what_is_there(folder: Path, manifest: Manifest) -> None:
    """Each picture that is kept, the best first where only the best are."""
    kept = [p for p in manifest.pictures if p.state == DONE and p.file and "/" not in p.file]
    if len(kept) > SHOWN:
        tell(f"{len(kept)} pictures in {folder}")
        return
    chosen = {picture.row for picture in manifest.pictures if "/" in (picture.file or "")}
    for picture in sorted(kept, key=lambda p: (p.row, -(p.score or 0) * (p.row in chosen))):
        score = f"  {picture.score:.3f}" if picture.row in chosen else ""
        tell(f"{folder / picture.file}{score}")


def summary(folder: Path, manifest: Manifest) -> str:
    """What failed and why, and the command that tries just that again."""
    failed = manifest.failed
    whys: dict[tuple[int, str | None], list[int]] = {}
    for picture in failed:
        whys.setdefault((picture.row, picture.why), []).append(picture.number)
    lines = [f"{len(failed)} of {len(manifest.pictures)} pictures failed"]
    if left := manifest.count(QUEUED):
        lines.append(f"{left} were not begun, because who should draw them stopped early")
    lines += [f"  {numbers(found)}: {why}" for (_, why), found in list(whys.items())[:SHOWN]]
    lines += [f"  and {len(whys) - SHOWN} more rows"] if len(whys) > SHOWN else []
    rows = [manifest.rows[picture.row] for picture in failed]
    if places := dict.fromkeys(row.where for row in rows if row.where):
        named = ", ".join(list(places)[:FEW]) + (", ..." if len(places) > FEW else "")
        lines.append(
            "resume= takes rows as they were read: what is wrong in "
            f"{named} itself, mend there and draw those rows with prompts= again"
        )
    if left or not all(row.wrong for row in rows):
        lines.append(f"to try these again: {again(folder)}")
    return "\n".join(lines)


def numbers(found: list[int]) -> str:
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def again(folder: Path) -> str:
    return f"{program()} {shlex.quote(f'resume={folder}')}"


def begin(batch: Batch, composer: Composer, root: Path) -> Path:
    """The batch's folder with manifest.json and run.yaml in it, before the first step."""
    first = batch.first
    resolved = {}
    if len(first.plan.devices) == 1:  # else this process loads no torch
        device = find_device(first.plan.device)
        precision = str(find_precision(first.plan.precision, device)).removeprefix("torch.")
        resolved = {"device": str(device), "precision": precision}
    make_root(root)
    folder = record.new_folder(root, batch.manifest.title, datetime.now())
    if len(batch.manifest.rows) == 1:
        settings = dict(first.settings)
    else:
        with composer.row() as composed:
            settings = lasting_settings(composed.cfg)
    settings |= {"words": composer.typed([]), **resolved}
    if settings["seed"] is None:
        settings["seed"] = batch.manifest.base["seed"]  # of the rows that say none
    record.write(folder / "run.yaml", record.as_yaml(settings).encode())
    batch.manifest.write(folder)
    record.point_latest(folder, root)
    return folder


def make_root(folder: Path) -> None:
    """The folder of all runs; BadInput when it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"folder={folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"folder={folder} cannot be written to")
