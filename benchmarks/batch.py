"""What a batch costs beside its steps: python -m benchmarks.batch [words of a run]

Draws twenty rows, each another prompt, as a user would, and compares the time from one finished
picture to the next with the time of the steps in between: what is left is planning, texts,
claims, previews, sheet and gallery.
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
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts.txt"
        prompts.write_text("\n".join(PROMPTS))
        command = [sys.executable, str(ROOT / "run.py"), f"prompts={prompts}", "seed=1"]
        subprocess.run(
            [*command, f"folder={folder}", *words], check=True, stdout=subprocess.DEVNULL
        )
        report((Path(folder) / "latest").resolve())


def report(folder: Path) -> None:
    pictures = Manifest.read(folder).pictures
    ends = [(folder / picture.file).stat().st_mtime_ns / 1e9 for picture in pictures]
    whole = [end - before for before, end in itertools.pairwise(ends)]
    steps = [picture.seconds for picture in pictures[1:]]
    beside = [a - b for a, b in zip(whole, steps, strict=True)]
    print(f"second and later pictures: {sum(whole) / sum(steps):.3f} times their steps alone")
    print(f"a picture {statistics.median(whole):.2f} s, its steps {statistics.median(steps):.2f}")
    print(f"beside the steps {statistics.median(beside):.2f} s, at most {max(beside):.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
