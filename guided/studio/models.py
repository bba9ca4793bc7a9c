"""The diffusion models and CLIPs of conf/, and which of them are here."""

from __future__ import annotations

from functools import cache
from typing import Any

from guided.config.card_list import clips, weights
from guided.models.cards import ClipCard, GeneratorCard, WeightsCard, locate


def listed() -> list[dict[str, Any]]:
    """Return every model with its state, size and licence."""
    return [about(group, name, card, state(card)) for group, name, card in cards()]


@cache  # reading a hundred files takes seconds; which weights are here is looked at each time
def cards() -> tuple[tuple[str, str, WeightsCard | ClipCard], ...]:
    """Return group, name and card of every model."""
    found: list[tuple[str, str, WeightsCard | ClipCard]] = []
    for group in ("model", "secondary"):
        found += [(group, name, card) for name, card in weights(group)]
    found += [("clip", name, card) for name, several in clips() for card in several]
    return tuple(found)


def state(card: WeightsCard | ClipCard) -> str:
    """Return whether weights are here, damaged or missing."""
    if isinstance(card, ClipCard):
        return "here" if card.here() else "missing"
    if locate(card.file) is None:
        return "missing"
    return "here" if card.missing() is None else "damaged"


def about(group: str, name: str, card: WeightsCard | ClipCard, state: str) -> dict[str, Any]:
    """Return a model as it is answered."""
    return {
        "group": group,
        "name": name,
        "here": state == "here",
        "state": state,
        "size": list(card.size) if isinstance(card, GeneratorCard) else None,
        "megabytes": card.megabytes,
        "licence": card.licence,
        "about": card.character,
        "reads": list(card.reads) if isinstance(card, ClipCard) else [],
    }
