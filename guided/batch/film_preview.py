"""The preview of a film: a page instead of pictures, with an estimate of the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from guided.batch.passes import total
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
    steps = total(plan)
    time = "for an unknown time" if seconds is None else f"about {duration(seconds * steps)}"
    about = {"title": title, "time": f"{steps} steps, {time}"}
    files.make_root(root)
    folder = new_folder(root, title, datetime.now())
    tell(f"preview: {preview.write(folder, plan.film, about)}")
    return folder
