"""Follows a typed prompt from the command line to CLIP's tokenizer: python -m benchmarks.walk

Runs the program in this process and watches every function of it that holds the typed text as an
argument: by itself, in an Override, or in a collection of these. Prints the stays, which are the
modules in the order in which the text enters them, and counts the functions, the stays, and the
climbs: moves to a module on a higher floor. A module stands one floor above all that it imports.
Reading an Override's own values is no stay.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path.cwd()  # of a checkout, also an older one
PACKAGE = ROOT / "guided"
MARKER = "green cat"  # which the lexicon of the embedded CLIPs keeps as it is typed
WORDS = [f"prompt=a {MARKER}", "steps=1", "output=[still]", "folder=/tmp/guided-walk"]
DEEP = 2  # levels of collections


class Arrived(BaseException):
    """The text has reached the tokenizer."""


def holds(value: Any, deep: int = DEEP) -> bool:
    """Return whether a value is the text, an Override of it or a collection of these."""
    if isinstance(value, str):
        return MARKER in value
    if type(value).__name__ == "Override":
        return MARKER in (getattr(value, "raw", "") or getattr(value, "input_line", ""))
    inside = value.values() if isinstance(value, dict) else value
    several = isinstance(value, dict | list | tuple | set) and deep > 0
    return several and any(holds(one, deep - 1) for one in inside)


class Walk:
    """What the text enters: a module and a function for each call, in order."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """Record a call, as sys.setprofile wants it. Raise Arrived at the tokenizer."""
        path = frame.f_code.co_filename
        ours, there = path.startswith(str(PACKAGE)), path.endswith("open_clip/tokenizer.py")
        if event != "call" or not (ours or there):
            return
        if not any(map(holds, list(frame.f_locals.values()))):
            return
        if there:
            raise Arrived
        name = frame.f_code.co_qualname.split(".<locals>")[0]
        if not name.startswith("Override."):
            self.calls.append((module_of(Path(path)), name))

    def stays(self) -> list[str]:
        """Return the modules in the order of visits."""
        entered = [module for module, _ in self.calls]
        return entered[:1] + [here for before, here in pairwise(entered) if here != before]

    def climbs(self) -> list[tuple[str, str]]:
        """Return the moves to a module on a higher floor."""
        return [(a, b) for a, b in pairwise(self.stays()) if floor(b) > floor(a)]


def module_of(path: Path) -> str:
    """Return a module's name within the package."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


@cache
def imports(module: str) -> set[str]:
    """Return the modules of the program that a module imports, also inside its functions."""
    tree = ast.parse((PACKAGE / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("guided"):
            base = (node.module or "").split(".")[1:]
            names = [".".join([*base, alias.name]) for alias in node.names] + [".".join(base)]
            found |= {n for n in names if (PACKAGE / (n.replace(".", "/") + ".py")).is_file()}
    return found - {module}


HEIGHTS: dict[str, int] = {}


def floor(module: str, above: tuple[str, ...] = ()) -> int:
    """Return 1 for a module that imports no other, else one more than the highest that it imports;
    circles are cut where they close."""
    if module not in HEIGHTS:
        below = [floor(m, (*above, module)) for m in sorted(imports(module)) if m not in above]
        HEIGHTS[module] = 1 + max(below, default=0)
    return HEIGHTS[module]


def followed(words: list[str]) -> Walk:
    """Return the walk of a command, which ends at the tokenizer."""
    walk, path = Walk(), ROOT / "run.py"
    sys.argv = [str(path), *words]
    code = compile(path.read_text(encoding="utf-8"), str(path), "exec")
    sys.setprofile(walk)
    try:
        exec(code, {"__name__": "__main__", "__file__": str(path)})
    except Arrived:
        pass
    finally:
        sys.setprofile(None)
    return walk


def main() -> None:
    """Print the walk of a prompt."""
    walk = followed(WORDS)
    stays, climbs = walk.stays(), walk.climbs()
    print("\n".join(stays))
    print(f"{len(set(walk.calls))} functions, {len(stays)} stays, {len(climbs)} climbs")


if __name__ == "__main__":
    main()
