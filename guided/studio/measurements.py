"""Time and memory of what was drawn on this machine, and the estimate of what will be.

Seconds are those of one evaluation of the networks, a pass, which settings of the sampler and the
number of steps do not change. The newest measurement counts 0.6, all before it 0.4.
"""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.batch.passes import total
from guided.config.plan import Plan
from guided.runs import files
from guided.runs.worker_locks import host
from guided.studio import json_files
from guided.studio.places import studio_folder

NEW = 0.6  # weight of the newest measurement
MOST = 500  # kinds of pictures
NAME = "measurements.json"


@dataclass
class Kind:
    """The measurements of pictures of one kind."""

    alike: str  # the same model, CLIPs, generator and device, of any size and cutouts
    pixels: int
    seconds: float  # of a pass for one picture
    memory: int | None = None  # bytes of the weights and the largest step


@dataclass
class Measurements:
    """The measurements of a folder of runs."""

    path: Path
    kinds: dict[str, Kind] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path) -> Measurements:
        """Return the measurements that are kept; none if they cannot be read."""
        path, kinds = studio_folder(root) / NAME, {}
        try:
            content = json_files.read(path)
        except (OSError, ValueError):
            content = {}
        for key, entry in content.items() if isinstance(content, dict) else ():
            with suppress(ValueError):
                kind = json_files.typed(Kind, entry)
                if kind.seconds > 0 and kind.pixels > 0:
                    kinds[key] = kind
        return cls(path, kinds)

    def add(self, plan: Plan, device: str, seconds: float, memory: int | None = None) -> None:
        """Keep a measurement. Another process may have written since it was read."""
        self.kinds = Measurements.read(self.path.parent.parent).kinds
        key = exact(plan, device)
        before = self.kinds.pop(key, None)
        if before is not None:
            seconds = NEW * seconds + (1 - NEW) * before.seconds
            memory = memory or before.memory
        self.kinds[key] = Kind(alike(plan, device), math.prod(plan.size), seconds, memory)
        for oldest in list(self.kinds)[: max(len(self.kinds) - MOST, 0)]:
            del self.kinds[oldest]
        text = json.dumps({name: vars(kind) for name, kind in self.kinds.items()}, indent=0)
        files.write(self.path, text.encode())

    def has_memory(self, plan: Plan, device: str) -> bool:
        """Return whether the memory of a plan is known."""
        kind = self.kinds.get(exact(plan, device))
        return kind is not None and kind.memory is not None

    def estimate(self, plan: Plan, device: str, workers: int = 1) -> dict[str, Any]:
        """Return seconds and MB that the pictures of a plan take, and what they are known from."""
        pixels = math.prod(plan.size)
        if (kind := self.kinds.get(exact(plan, device))) is not None:
            basis, share = "measured", 1.0
        else:
            similar = [k for k in self.kinds.values() if k.alike == alike(plan, device)]
            if not similar:
                return {"seconds": None, "memory_mb": None, "basis": "unknown"}
            kind = min(similar, key=lambda k: abs(math.log(k.pixels / pixels)))
            basis, share = "similar", pixels / kind.pixels
        together = 1 if plan.film else max(1, min(workers, plan.count))
        seconds = kind.seconds * share * total(plan) / together
        memory = None if kind.memory is None else round(kind.memory * max(share, 1.0) / 2**20)
        return {"seconds": round(seconds, 1), "memory_mb": memory, "basis": basis}


def exact(plan: Plan, device: str) -> str:
    """Return a key of all that decides the time and memory of a pass."""
    return hashed(f"{host()} {device} {plan.affecting('memory')}")


def alike(plan: Plan, device: str) -> str:
    """Return a key of the networks."""
    names = (plan.drawn_with, plan.generator.name, sorted(plan.clips), plan.precision)
    return hashed(f"{host()} {device} {names}")


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
