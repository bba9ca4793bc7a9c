"""Garbage collection put off while modules are imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect no garbage inside the block, and let no later collection look at what there is at
    its end. It is for imports: hundreds of thousands of objects, which are never freed and which
    each full collection would visit. Inside another such block, nothing changes."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
