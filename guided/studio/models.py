"""The diffusion models and CLIPs of conf/, and which of them are here."""

from __future__ import annotations

from typing import Any

from guided.config.card_list import clips, weights
from guided.models.cards import ClipCard, ModelCard, WeightsCard, locate


def listed() -> list[dict[str, Any]]:
    """Return every model with its state, size and licence."""
    found = [
        about(group, name, card, state(card))
        for group in ("model", "secondary")
        for name, card in weights(group)
    ]
    return found + [
        about("clip", name, card, "here" if card.here() else "missing")
        for name, cards in clips()
        for card in cards
    ]


def state(card: WeightsCard) -> str:
    """Return whether a file of weights is here, damaged or missing."""
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
        "size": list(card.size) if isinstance(card, ModelCard) else None,
        "megabytes": card.megabytes,
        "licence": card.licence,
        "about": card.character,
        "reads": list(card.reads) if isinstance(card, ClipCard) else [],
    }
