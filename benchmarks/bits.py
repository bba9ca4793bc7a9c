"""Whether pictures are the same bit for bit: python -m benchmarks.bits [prompts=20] [threads=4]

Draws each prompt with 1, 2, ... threads: alone, in a batch that is interrupted every few seconds
(patience=30 on a busy machine) and resumed, and again by from=. Prints how many pictures differ
from those of one thread, alone.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from guided.errors import BadInput
from guided.training.common.settings import main

ROOT = Path(__file__).parent.parent
WORDS = "guided/models/embedded/words.txt"
SHORT = ("steps=6", "output=still", "checkpoint=0")
ALONE = (
    "import sys, guided\n"
    "for k, prompt in enumerate(sys.argv[2:]):\n"
    "    guided.generate(prompt, *{short!r}, seed=k, folder=sys.argv[1], name=str(k))\n"
)


@dataclass
class Settings:
    """The settings of the comparison."""

    prompts: int = 20
    threads: int = 4  # at most
    patience: float = 6.0  # seconds after which a batch is interrupted

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if self.prompts < 1 or self.threads < 1:
            raise BadInput("prompts and threads must be 1 or more")


def measure(settings: Settings) -> None:
    """Draw all and print the numbers of pictures that differ."""
    settings.check()
    words = (ROOT / WORDS).read_text(encoding="utf-8").split("\n")
    prompts = [f"a {word}" for word in words[: settings.prompts]]
    with tempfile.TemporaryDirectory() as folder:
        expected: dict[int, str] = {}
        for threads in range(1, settings.threads + 1):
            root = Path(folder) / str(threads)
            root.mkdir()
            found = {"alone": alone(prompts, root, threads)}
            found["batch, interrupted"], interruptions = batch(
                prompts, root, threads, settings.patience
            )
            found["from="] = again(root, threads)
            expected = expected or found["alone"]
            for name, pictures in found.items():
                differing = sum(pictures.get(seed) != expected[seed] for seed in expected)
                more = f", {interruptions} interruptions" if name.startswith("batch") else ""
                print(f"{threads} threads, {name}: {differing} of {len(expected)} differ{more}")


def environment(threads: int) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}


def run(words: list[str], threads: int) -> subprocess.Popen[bytes]:
    """Start run.py with these words."""
    command = [sys.executable, str(ROOT / "run.py"), *words]
    return subprocess.Popen(command, env=environment(threads), stderr=subprocess.DEVNULL)


def alone(prompts: list[str], root: Path, threads: int) -> dict[int, str]:
    """Draw each prompt in a run of its own."""
    code = ALONE.format(short=SHORT)
    command = [sys.executable, "-c", code, str(root / "alone"), *prompts]
    subprocess.run(command, env=environment(threads), check=True, capture_output=True)
    return digests(root / "alone")


def batch(
    prompts: list[str], root: Path, threads: int, patience: float
) -> tuple[dict[int, str], int]:
    """Draw all prompts in one run that is interrupted after `patience` seconds, and a little more
    each time; return how often too."""
    table = root / "prompts.csv"
    table.write_text("prompt,seed\n" + "".join(f"{p},{k}\n" for k, p in enumerate(prompts)))
    folder = root / "batch"
    words = [f"prompts={table}", f"folder={folder}", *SHORT]
    interruptions = 0
    while True:
        process = run(words, threads)
        try:
            code = process.wait(patience + 2 * (interruptions % 5))
        except subprocess.TimeoutExpired:
            interruptions += 1
            process.send_signal(signal.SIGINT)
            code = process.wait()
        if code == 0:
            return digests(folder), interruptions
        if (folder / "latest").exists():
            words = [f"resume={(folder / 'latest').resolve()}"]
        time.sleep(0.1)


def again(root: Path, threads: int) -> dict[int, str]:
    """Draw each picture of `alone` again from its record."""
    for path in sorted((root / "alone").glob("*/*/image_0000.*")):
        if run([f"from={path}", f"folder={root / 'again'}"], threads).wait():
            raise BadInput(f"from={path} failed")
    return digests(root / "again")


def digests(folder: Path) -> dict[int, str]:
    """Return a hash of the pixels of each picture, by the seed in its record."""
    from guided.runs import record

    found = {}
    for path in folder.glob("*/*/image_*"):
        with Image.open(path) as image:
            found[record.read(path)["seed"]] = hashlib.sha256(image.tobytes()).hexdigest()
    return found


if __name__ == "__main__":
    main(Settings, measure)
