"""The diffusion models and CLIPs of conf/, and which of them are here."""

from __future__ import annotations

from functools import cache
from typing import Any

from guided.config.card_list import cards, state
from guided.models.cards import ClipCard, GeneratorCard, WeightsCard


def listed() -> list[dict[str, Any]]:
    """Return every model with its state, size and licence."""
    return [about(group, name, card, state(card)) for group, name, card in every()]


@cache  # reading all files takes long; which weights are here is looked at each time
def every() -> tuple[tuple[str, str, WeightsCard | ClipCard], ...]:
    """Return group, name and card of every model."""
    return tuple(cards())


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
