"""`kill -9` at any moment of a batch, again and again, until it is done all the same.

    python -m tests.kills 40                          a batch of 12 small pictures, 40 kills
    python -m tests.kills 40 batch_size=3 keep=5      any settings

Half of the kills come at random times, from outside; the other half are suicides at the worst
moments: in the middle of writing a file, between a picture and its mark in the manifest. Then the
folder is compared with that of a run that nobody disturbed, byte for byte, and it is an error if
any finished picture was ever written again.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RUN = [sys.executable, str(ROOT / "run.py")]
WORDS = ["prompt=a {red|blue|green} __animal__", "seed=5", "count=12", "steps=6", "checkpoint=0"]
WORDS += ["sampler=dpmpp_sde", "generator.symmetry=horizontal", "look=draft"]
WORDS += ["output=[still,steps,sheet,metrics,cuts,video]", "output.video.format=webp"]
WORDS += ["output.steps.every=3", "output.cuts.every=4", "device=cpu"]
# Which file, and when: half of it written, all of it but not in its place, or in its place.
MOMENTS = [
    (name, when)
    for name in (
        "*.safetensors",
        "manifest.json",
        "image_*",
        "[0-9]*_*.png",
        "sheet.png",
        "video_*",
    )
    for when in ("half", "whole", "after")
]
TIMES = ("seconds", "peak_memory_mb")  # of a line of metrics; no two runs take the same
OF_WORK = ("worker", "seconds")  # of a picture in the manifest


# ---- dying ---------------------------------------------------------------------------------


def die_writing(pattern: str, when: str, nth: int) -> None:
    """Make this process kill itself at the nth time that it writes such a file."""
    from guided.runs import files

    write, left = files.write, nth

    def writing(path: Path, data: bytes, durable: bool = False) -> None:
        nonlocal left
        left -= fnmatch(path.name, pattern)
        if left or not fnmatch(path.name, pattern):
            return write(path, data, durable)
        if when == "after":
            write(path, data, durable)
        else:
            part = path.with_name(f".{path.name}.{files.unique()}.part")
            part.write_bytes(data if when == "whole" else data[: len(data) // 2])
        os.kill(os.getpid(), signal.SIGKILL)

    files.write = writing


def child(argv: list[str]) -> int:
    """PATTERN WHEN NTH WORDS...: run.py with these words, as long as it lives."""
    pattern, when, nth, *words = argv
    die_writing(pattern, when, int(nth))
    sys.path.insert(0, str(ROOT))
    import runpy

    sys.argv = ["run.py", *words]
    runpy.run_path(str(ROOT / "run.py"), run_name="__main__")
    return 0


# ---- killing -------------------------------------------------------------------------------


@dataclass
class Trial:
    """A batch that is killed again and again."""

    root: Path  # where it is run
    words: list[str]
    rng: random.Random
    kills: dict[str, int] = field(default_factory=dict)  # how often it died, at which moment
    lives: int = 0
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # pictures, once they are there
    pace: float = 1.0  # seconds per step, as far as is known

    @property
    def folder(self) -> Path:
        return latest(self.root)

    def run(self, kills: int) -> None:
        while sum(self.kills.values()) < kills and not self.done():
            left = kills - sum(self.kills.values())
            if self.rng.random() < 0.5:
                self.suicide(*self.moment(left))
            else:
                self.murder(left)
        self.finish()

    def finish(self) -> None:
        """Undisturbed; where all pictures are done, it clears up what is left over."""
        again = True
        while again:
            assert self.start(RUN).wait() == 0, f"it failed after {self.kills}"
            self.look()
            again = not self.done()

    def begin(self) -> list[str]:
        """What to type: go on, or, if there is nothing yet, begin."""
        there = (self.folder / "manifest.json").exists()
        return [f"resume={self.folder}"] if there else self.words

    def start(self, command: list[str]) -> subprocess.Popen[bytes]:
        self.lives += 1
        said = (self.root.parent / f"{self.root.name}.txt").open("ab")
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [*command, *self.begin()], cwd=self.root, env=environment, stdout=said, stderr=said
        )

    def moment(self, left: int) -> tuple[str, str, int]:
        """So late in a life that all kills together take about as long as the batch."""
        pattern, when = self.rng.choice(MOMENTS)
        writes = {"*.safetensors": self.steps_left() / left, "[0-9]*_*.png": 2}
        return pattern, when, 1 + int(self.rng.random() * writes.get(pattern, 1.5))

    def suicide(self, pattern: str, when: str, nth: int) -> None:
        me = [sys.executable, "-m", "tests.kills", "child", pattern, when, str(nth)]
        code = self.start(me).wait()
        if code == -signal.SIGKILL:
            self.count(f"{when} {pattern}")
        else:
            assert code == 0, f"exit code {code} where it should have died {when} {pattern}"
        self.look()

    def murder(self, left: int) -> None:
        """At a random moment: sometimes before its first step, mostly after."""
        process, steps, early = self.start(RUN), self.steps(), time.time()
        if self.rng.random() < 0.2:
            time.sleep(self.rng.random() * 5)
        else:
            while process.poll() is None and self.steps() == steps:
                time.sleep(0.01)
            time.sleep(self.rng.random() * self.steps_left() / left * self.pace)
        took = self.steps() - steps
        if took > 1:
            self.pace = min(self.pace, (time.time() - early) / took)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            self.count("any time")
        self.look()

    def count(self, moment: str) -> None:
        self.kills[moment] = self.kills.get(moment, 0) + 1
        print(f"{sum(self.kills.values()):3} {moment}: {self.finished()} pictures", flush=True)

    def report(self) -> None:
        for moment, times in sorted(self.kills.items()):
            print(f"{times:4}  {moment}")
        print(
            f"{sum(self.kills.values())} kills in {self.lives} lives: {self.finished()} pictures, "
            "all files equal to the undisturbed run's, none written twice; "
            f"{self.steps()} steps for {len(metrics(self.folder))}",
            flush=True,
        )

    # ---- what is there

    def pictures(self) -> list[dict[str, Any]]:
        with suppress(FileNotFoundError):
            return json.loads((self.folder / "manifest.json").read_text())["pictures"]
        return []

    def finished(self) -> int:
        return sum(picture["state"] == "done" for picture in self.pictures())

    def done(self) -> bool:
        pictures = self.pictures()
        return bool(pictures) and all(picture["state"] == "done" for picture in pictures)

    def steps(self) -> int:
        """That were taken by now, some of them twice."""
        with suppress(FileNotFoundError):
            return (self.folder / "metrics.jsonl").read_bytes().count(b"\n")
        return 0

    def steps_left(self) -> int:
        said = dict(word.split("=", 1) for word in self.words)
        return max(1, int(said["count"]) * int(said["steps"]) - len(metrics(self.folder)))

    def look(self) -> None:
        """Whatever picture is there must be the very file that was there before."""
        now = {path.name: identity(path) for path in stills(self.folder)}
        again = [name for name in self.seen if now.get(name) != self.seen[name]]
        assert not again, f"written again, or gone: {again}, after {self.kills}"
        self.seen |= now
        for picture in self.pictures():
            if picture["state"] == "done":
                name = Path(picture["file"]).name
                assert name in now, f"{name} is marked done, and not there, after {self.kills}"


def stills(folder: Path) -> Iterator[Path]:
    yield from folder.glob("image_*")
    yield from folder.glob("others/image_*")


def identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


# ---- comparing -----------------------------------------------------------------------------


def metrics(folder: Path) -> dict[tuple[int, int], dict[str, Any]]:
    """Of each image and step, the last line that is whole."""
    found = {}
    with suppress(FileNotFoundError):
        for line in (folder / "metrics.jsonl").read_text(errors="replace").splitlines():
            with suppress(ValueError):
                entry = json.loads(line)
                found[entry["image"], entry["step"]] = {
                    key: value for key, value in entry.items() if key not in TIMES
                }
    return found


def manifest(folder: Path) -> dict[str, Any]:
    found = json.loads((folder / "manifest.json").read_text())
    for picture in found["pictures"]:
        for key in OF_WORK:
            picture.pop(key, None)
    found.pop("made", None)
    for key in ("cwd", "seed"):  # a folder of its own; drawn by lot, for rows that say none
        found.get("base", {}).pop(key, None)
    return found


def contents(folder: Path) -> dict[str, Any]:
    """All that a run leaves, by name, leaving out what tells the time."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(("index.html", "gallery")):
            found[name] = path.read_bytes()
    found["manifest.json"], found["metrics.jsonl"] = manifest(folder), metrics(folder)
    return found


def compare(killed: Path, whole: Path) -> None:
    """AssertionError names what differs."""
    mine, expected = contents(killed), contents(whole)
    assert mine.keys() == expected.keys(), sorted(mine.keys() ^ expected.keys())
    different = [name for name in mine if mine[name] != expected[name]]
    assert not different, f"differ from the run that was not disturbed: {different}"


def latest(root: Path) -> Path:
    return (root / "outputs" / "latest").resolve()


def undisturbed(root: Path, words: list[str]) -> Path:
    subprocess.run([*RUN, *words], cwd=root, check=True, stdout=subprocess.DEVNULL)
    return latest(root)


def with_words(more: list[str]) -> list[str]:
    """WORDS, some of them said otherwise."""
    return list({word.partition("=")[0]: word for word in [*WORDS, *more]}.values())


def main(argv: list[str]) -> int:
    if argv[:1] == ["child"]:
        return child(argv[1:])
    kills, *more = argv or ["40"]
    seed, left, batch = random.randrange(10**6), int(kills), 0
    with tempfile.TemporaryDirectory() as folder:
        roots = Path(folder)
        (roots / "whole").mkdir()
        whole = undisturbed(roots / "whole", with_words(more))
        while left > 0:  # a batch that was done before the last kill is followed by another
            batch += 1
            root = roots / f"killed{batch}"
            root.mkdir()
            trial = Trial(root, with_words(more), random.Random(seed + batch))
            try:
                trial.run(left)
                compare(trial.folder, whole)
            except AssertionError:
                print((roots / f"{root.name}.txt").read_text(errors="replace")[-5000:])
                raise
            left -= sum(trial.kills.values())
            trial.report()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
