"""A cache of loaded models, from one row of a batch to the next. Imports no torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from guided.oom import MemoryPolicy

# Fields of cards that do not decide the loaded weights: descriptions, and settings that are read
# when the model is used.
ABOUT = (
    *("name", "urls", "sha256", "megabytes", "licence", "character", "reads", "weight"),
    *("prediction", "schedule", "spacing", "clip_denoised", "size", "recommended", "upscaler"),
    *("judge",),
)


@dataclass
class ModelCache:
    """The loaded models, and the memory policies of configurations that were drawn with them."""

    models: dict[str, tuple[str, Any]] = field(default_factory=dict)  # (loader, model)
    memory_policies: dict[str, MemoryPolicy] = field(default_factory=dict)

    def get(self, load: Callable[..., Any], card: Any, *how: Any) -> Any:
        """Return load(card, *how), from the cache if it was called before."""
        name, way = weights_key(card), f"{load.__module__} {load.__qualname__} {how}"
        if name not in self.models or self.models[name][0] != way:
            self.models.pop(name, None)  # e.g. the same in another precision
            self.models[name] = way, load(card, *how)
        return self.models[name][1]

    def keep_only(self, cards: Iterable[Any]) -> None:
        """Drop models of other cards, before new ones need the memory."""
        needed = {weights_key(card) for card in cards}
        self.models = {name: entry for name, entry in self.models.items() if name in needed}

    def clear(self) -> None:
        """Drop all models."""
        self.models.clear()


def weights_key(card: Any) -> str:
    """Return a key for the weights of a card; a name instead of a card is its own key."""
    if not dataclasses.is_dataclass(card) or isinstance(card, type):
        return str(card)
    facts = {k: v for k, v in dataclasses.asdict(card).items() if k not in ABOUT}
    return f"{type(card).__name__} {facts}"
