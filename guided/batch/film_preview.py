"""The preview of a film: a page instead of pictures, with an estimate of the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from guided.batch.film_frames import steps_skipped
from guided.batch.passes import passes
from guided.batch.throughput import duration
from guided.config.plan import Plan
from guided.console import tell
from guided.gallery import preview
from guided.runs import files
from guided.runs.layout import new_folder


def write(
    plan: Plan, title: str, root: Path, seconds_of_pass: Callable[[Plan], float | None]
) -> Path:
    """Write the page of a plan's film into a new folder, and return the folder. `seconds_of_pass`
    returns how long one evaluation of the networks takes; None if that is unknown."""
    assert plan.film is not None
    seconds = None if plan.missing() else seconds_of_pass(plan)
    time = "for an unknown time" if seconds is None else f"about {duration(seconds * work(plan))}"
    about = {"title": title, "time": f"{work(plan)} steps, {time}"}
    files.make_root(root)
    folder = new_folder(root, title, datetime.now())
    tell(f"preview: {preview.write(folder, plan.film, about)}")
    return folder


def work(plan: Plan) -> int:
    """Return how often the networks are evaluated for all frames."""
    film = plan.film
    assert film is not None
    later = [frame for frame in film.drawn if frame]
    skips = [steps_skipped(plan, film, frame, film.uncovers(frame)) for frame in later]
    first = passes(plan) if 0 in film.drawn else 0
    counts = {skip: passes(replace(plan, skip=skip)) for skip in set(skips)}
    return first + sum(counts[skip] for skip in skips)
