"""The settings that are saved in a picture."""

from __future__ import annotations

from typing import Any

from guided.interfaces import Frame, Run


def settings_of(run: Run, frame: Frame) -> dict[str, Any]:
    """Return the settings that draw this picture alone, with its own seed."""
    seed = frame.seed if run.seed is None else run.seed
    settings = {**run.settings, "seed": seed, "count": 1, "keep": None}
    settings["words"] = [*settings.get("words", []), f"seed={seed}"]
    if frame.score is not None:
        settings["score"] = round(frame.score, 6)
    if frame.doubt:
        settings["doubt"] = frame.doubt
    if frame.understood:
        settings["understood"] = frame.understood
    if frame.manner:
        settings["rendered"] = frame.manner
    if frame.decided != [p.text for p in run.prompts]:
        settings["drawn"] = frame.decided
    return settings
