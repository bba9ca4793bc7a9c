"""Measures start-up, steps and memory of a run: python -m benchmarks.start [words of a run]

Runs `python run.py` as a user would, several times, and prints the median of the whole time, of
the start-up (everything before the first step: a run of one step, less that step), of a step, and
the peak memory.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROUNDS = 3


def main(words: list[str]) -> None:
    runs = [one(words) for _ in range(ROUNDS)]
    for run in runs:
        short = one([*words, "steps=1", "sampler.recurrence=1", "output=[metrics]"])
        run["start-up"] = short["seconds"] - short["per step"]
    for name in ("seconds", "start-up", "per step"):
        values = sorted(run[name] for run in runs)
        middle = statistics.median(values)
        print(f"{name:>10} {middle:8.2f} s  (from {values[0]:.2f} to {values[-1]:.2f})")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{'memory':>10} {peak >> (20 if sys.platform == 'darwin' else 10):8} MB at most")


def one(words: list[str]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "run.py"), "prompt=a red heart", "seed=1"]
        began = time.perf_counter()
        subprocess.run(
            [*command, f"folder={folder}", *words], check=True, stdout=subprocess.DEVNULL
        )
        whole = time.perf_counter() - began
        lines = next(Path(folder).glob("*/*/metrics.jsonl")).read_text().splitlines()
    steps = [json.loads(line)["seconds"] for line in lines]
    return {"seconds": whole, "per step": statistics.median(steps)}


if __name__ == "__main__":
    main(sys.argv[1:])
