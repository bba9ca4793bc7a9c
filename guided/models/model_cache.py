"""Models in memory, each once, from one row of a batch to the next. Knows nothing about how they
are loaded; imports no torch.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from guided.oom import MemoryPolicy

# What of a card changes nothing about the weights: words about them, and settings that are read
# when they are used.
ABOUT = (
    *("name", "urls", "sha256", "megabytes", "licence", "character", "reads", "weight"),
    *("prediction", "schedule", "spacing", "clip_denoised", "size", "recommended", "upscaler"),
)


@dataclass
class ModelCache:
    kept: dict[str, tuple[str, Any]] = field(default_factory=dict)  # how loaded, and the model
    memory_policies: dict[str, MemoryPolicy] = field(
        default_factory=dict
    )  # how what was drawn fits memory

    def get(self, load: Callable[..., Any], card: Any, *how: Any) -> Any:
        """load(card, *how), or what it gave before."""
        name, way = what(card), f"{load.__module__} {load.__qualname__} {how}"
        if name not in self.kept or self.kept[name][0] != way:
            self.kept.pop(name, None)  # the same in another precision, say
            self.kept[name] = way, load(card, *how)
        return self.kept[name][1]

    def keep_only(self, cards: Iterable[Any]) -> None:
        """Let go of the rest, before new ones need the memory."""
        needed = {what(card) for card in cards}
        self.kept = {name: found for name, found in self.kept.items() if name in needed}

    def clear(self) -> None:
        self.kept.clear()


def what(card: Any) -> str:
    """The weights that a card names, or the name that is given instead of a card."""
    if not dataclasses.is_dataclass(card):
        return str(card)
    facts = {k: v for k, v in dataclasses.asdict(card).items() if k not in ABOUT}
    return f"{type(card).__name__} {facts}"
