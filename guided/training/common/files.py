"""Files that are replaced as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a draft's path beside `path`, and rename the draft over `path` once it is written:
    readers see the old file or the new one. Makes the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"draft-{path.name}")
    yield draft
    draft.replace(path)
