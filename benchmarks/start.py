"""Measures start-up, steps and memory of a run: python -m benchmarks.start [words of a run]

Runs `python run.py` as a user would, several times, and prints medians of seconds and of the CPU's
seconds: of commands that draw nothing, of the start-up (everything before the first step: a run of
one step, less that step), of a step, of the whole run, and the peak memory. against=FOLDER, a
checkout of another version, measures that one too, in turn, and prints the ratios. rounds=N;
whole=false leaves out the whole run.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 3
QUICK = {"--help": "--help", "list": "model=list", "bad input": "steps=-3"}
OWN = ("against", "rounds", "whole")
Times = tuple[float, float]  # seconds, and those of the CPU


def main(words: list[str]) -> None:
    own = dict(word.split("=", 1) for word in words if word.partition("=")[0] in OWN)
    words = [word for word in words if word.partition("=")[0] not in OWN]
    whole = own.get("whole") != "false"
    roots = [ROOT, *(Path(own[name]).resolve() for name in ("against",) if name in own)]
    found: dict[str, list[list[Times]]] = defaultdict(lambda: [[] for _ in roots])
    with tempfile.TemporaryDirectory() as compiled:
        for number in range(int(own.get("rounds", ROUNDS)) + 1):
            for k, root in enumerate(roots):
                for name, times in measured(root, words, Path(compiled), whole).items():
                    found[name][k] += [times] if number else []  # the first compiles the modules
    for name, each in found.items():
        report(name, each)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{'memory':>10} {peak >> (20 if sys.platform == 'darwin' else 10):8} MB at most")


def report(name: str, each: list[list[Times]]) -> None:
    """Print the medians of this version, and how many times those the other one takes."""
    medians = [[statistics.median(part) for part in zip(*times, strict=True)] for times in each]
    walls = sorted(wall for wall, _ in each[0])
    line = f"{name:>10} {medians[0][0]:8.2f} s  (from {walls[0]:.2f} to {walls[-1]:.2f})"
    line += f"  CPU {medians[0][1]:.2f} s"
    for wall, cpu in medians[1:]:
        line += f"  against {wall:.2f} s, CPU {cpu:.2f} s"
        line += f" ({wall / medians[0][0]:.2f}, {cpu / medians[0][1]:.2f} times)"
    print(line)


def measured(root: Path, words: list[str], compiled: Path, whole: bool) -> dict[str, Times]:
    """Return the times of a version, from one run of each kind."""
    found = {name: timed(root, [word], compiled) for name, word in QUICK.items()}
    short, step = drawn(root, [*words, "steps=1", "sampler.recurrence=1"], compiled)
    found["start-up"] = short[0] - step, short[1] - step
    if whole:
        found["whole"], step = drawn(root, words, compiled)
        found["per step"] = step, step
    return found


def drawn(root: Path, words: list[str], compiled: Path) -> tuple[Times, float]:
    """Return the times of a run, and the median of its steps' seconds."""
    with tempfile.TemporaryDirectory() as folder:
        draw = ["prompt=a red heart", "seed=1", f"folder={folder}", "output=[metrics]", *words]
        times = timed(root, draw, compiled)
        lines = next(Path(folder).glob("*/*/metrics.jsonl")).read_text().splitlines()
    return times, statistics.median(json.loads(line)["seconds"] for line in lines)


def timed(root: Path, words: list[str], compiled: Path) -> Times:
    """Return the times of a command, whose modules are compiled in a folder."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(compiled / root.relative_to("/"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    environment.pop("PYTHONPATH", None)
    began, before = time.perf_counter(), cpu()
    subprocess.run(
        [sys.executable, str(root / "run.py"), *words],
        env=environment,
        check=words != [QUICK["bad input"]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - began, cpu() - before


def cpu() -> float:
    """Return the CPU's seconds of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
