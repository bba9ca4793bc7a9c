"""Named lists of rows: batch=seeds. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from guided.batch.rows import combined
from guided.runs.manifest import Row


@dataclass
class Preset:
    """Rows of a batch, as a preset gives them."""

    # prompts, or mappings of settings
    list: Any = field(default_factory=list, metadata={"listed": True})
    # {setting: values}: each value of each setting with each of the others
    product: Any = field(default_factory=dict, metadata={"listed": True})

    def rows(self, flags: Sequence[str], name: str) -> list[Row]:
        """Return the rows. BadInput if there are none."""
        return combined({"list": self.list, "product": self.product}, flags, f"batch={name}")
