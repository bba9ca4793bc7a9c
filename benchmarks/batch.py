"""Measures the overhead of a batch beside its steps: python -m benchmarks.batch [words of a run]

Draws twenty rows with different prompts and compares the time from one finished picture to the
next with the time of the steps in between; the rest is planning, texts, claims, previews, sheet
and gallery.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from guided.runs.manifest import Manifest

ROOT = Path(__file__).parent.parent
SUBJECTS = ("heart", "sun", "star", "fish", "tree", "car", "apple", "cat", "house", "moon")
PROMPTS = [f"a {colour} {subject}" for colour in ("red", "blue") for subject in SUBJECTS]


def main(words: list[str]) -> None:
    """Draw the batch and print its report."""
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts.txt"
        prompts.write_text("\n".join(PROMPTS))
        command = [sys.executable, str(ROOT / "run.py"), f"prompts={prompts}", "seed=1"]
        subprocess.run(
            [*command, f"folder={folder}", *words], check=True, stdout=subprocess.DEVNULL
        )
        report((Path(folder) / "latest").resolve())


def report(folder: Path) -> None:
    """Print how much longer the pictures of a run took than their steps."""
    made = [
        ((folder / picture.file).stat().st_mtime_ns / 1e9, picture.seconds)
        for picture in Manifest.read(folder).pictures
        if picture.file is not None and picture.seconds is not None
    ]
    whole = [end - before for (before, _), (end, _) in itertools.pairwise(made)]
    steps = [seconds for _, seconds in made[1:]]
    beside = [a - b for a, b in zip(whole, steps, strict=True)]
    print(f"second and later pictures: {sum(whole) / sum(steps):.3f} times their steps alone")
    print(f"a picture {statistics.median(whole):.2f} s, its steps {statistics.median(steps):.2f}")
    print(f"beside the steps {statistics.median(beside):.2f} s, at most {max(beside):.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
