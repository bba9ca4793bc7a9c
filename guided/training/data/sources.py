"""Readers of sources.yaml, subjects.yaml and names.yaml: which model learns from which renderings,
and how often each subject is shown.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

HERE = Path(__file__).parent


@cache
def read() -> dict:
    """Return sources.yaml."""
    return yaml.safe_load((HERE / "sources.yaml").read_text())


def of(learner: str) -> list[str]:
    """Return the vendors whose renderings `learner` ("guides" or "judge") learns from."""
    return [source["name"] for source in read()["pictures"] if source["learner"] == learner]


def tinted() -> set[str]:
    """Return the vendors of monochrome icons."""
    return {source["name"] for source in read()["pictures"] if source.get("tint")}


def subjects() -> dict:
    """Return subjects.yaml as {"vendors": vendor -> share, "weights": label -> weight, "later":
    label -> weight}."""
    book = yaml.safe_load((HERE / "subjects.yaml").read_text())
    weights = {label: float(w) for w, text in book["weights"].items() for label in names(text)}
    return {**book, "weights": weights, "later": dict.fromkeys(names(book["later"]), 0.0)}


def name_words() -> dict:
    """Return names.yaml: the further names of each concept."""
    return yaml.safe_load((HERE / "names.yaml").read_text())


def names(text: str | list[str]) -> list[str]:
    """Return the names of a list, or of a text with commas."""
    return [name.strip() for name in text.split(",")] if isinstance(text, str) else text
