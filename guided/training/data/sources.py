"""Reads sources.yaml and subjects.yaml: who learns from which renderings, and how often each
subject is shown. Knows nothing about pixels."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

HERE = Path(__file__).parent


@cache
def read() -> dict:
    return yaml.safe_load((HERE / "sources.yaml").read_text())


def of(learner: str) -> list[str]:
    """The vendors whose renderings `guides` or `judge` learn from."""
    return [source["name"] for source in read()["pictures"] if source["learner"] == learner]


def tinted() -> set[str]:
    """The vendors of one colour only."""
    return {source["name"] for source in read()["pictures"] if source.get("tint")}


def subjects() -> dict:
    """{"vendors": vendor -> share, "weights": label -> weight, "later": label -> weight}."""
    book = yaml.safe_load((HERE / "subjects.yaml").read_text())
    weights = {label: float(w) for w, text in book["weights"].items() for label in names(text)}
    return {**book, "weights": weights, "later": dict.fromkeys(names(book["later"]), 0.0)}


def name_words() -> dict:
    """Return names.yaml: how each concept is called in captions."""
    return yaml.safe_load((HERE / "names.yaml").read_text())


def names(text: str | list[str]) -> list[str]:
    return [name.strip() for name in text.split(",")] if isinstance(text, str) else text
