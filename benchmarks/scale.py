"""Measures large batches and large folders: python -m benchmarks.scale [parts=planning,claims,...]

planning: a thousand rows are checked, beside one.
claims: four workers claim and finish pictures of a batch of a thousand, and of ten thousand,
    without drawing them; the cost of a picture beside that of drawing one.
memory: many pictures in one process; its memory after every fifty, and how much more that is than
    after the first fifty.
folder: a run draws in a folder with ten thousand pictures and in an empty one, in turn, and its
    gallery is updated in each.

Settings are tiny, so that nothing hides behind the steps. Ratios are of measurements of one run.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.start import cpu
from guided.errors import BadInput, not_one_of
from guided.training.common.settings import main

ROOT = Path(__file__).parent.parent
TINY = ("steps=1", "sampler.recurrence=1", "output=still", "upscale=null", "checkpoint=0")
WORKERS = 4
CLAIMED = 50  # pictures by each worker
WORKER = """
import sys, time
from pathlib import Path
from guided.batch.queue import Claim
with Claim.at(Path(sys.argv[1])) as claim:
    began = time.process_time()
    for _ in range(int(sys.argv[2])):
        claim.finish(claim.next_group()[0].number, None, 0.3, 1.0)
    print(time.process_time() - began)
"""
MANY = """
import resource, sys
import guided
from guided.runs.manifest import DONE, Manifest
from guided.batch import worker
def memory():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 10
count = worker.WorkerSession.count
def counted(self, claim):
    count(self, claim)
    done = claim.manifest.count(DONE)
    if done and done % 50 == 0:
        print(done, memory(), flush=True)
worker.WorkerSession.count = counted
from guided.cli.main import do
do(sys.argv[1:], [])
"""


@dataclass
class Settings:
    parts: str = "planning,claims,memory,folder"
    rows: int = 1000
    pictures: int = 2000  # of memory
    files: int = 10000  # of folder
    rounds: int = 3

    def check(self) -> list[str]:
        """Return the parts. Raise BadInput for one that is unknown, and numbers below 1."""
        for part in self.parts.split(","):
            if part not in PARTS:
                raise BadInput(not_one_of("parts", part, PARTS))
        if min(self.rows, self.pictures, self.files, self.rounds) < 1:
            raise BadInput("rows, pictures, files and rounds must be 1 or more")
        return self.parts.split(",")


def measure(settings: Settings) -> None:
    """Do the parts, each in a folder of its own."""
    for part in settings.check():
        with tempfile.TemporaryDirectory() as place:
            PARTS[part](settings, Path(place))


def run(*words: str) -> tuple[float, float]:
    """Return the seconds of a command, and the CPU's seconds."""
    began, before = time.perf_counter(), cpu()
    command = [sys.executable, str(ROOT / "run.py"), *words]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began, cpu() - before


def table(place: Path, rows: int) -> Path:
    """Write prompts of as many rows, which differ in prompt, seed and strength of guidance."""
    path = place / f"{rows}.csv"
    lines = (f"a red heart number {k},{k},{3000 + k % 7 * 500}\n" for k in range(rows))
    path.write_text("prompt,seed,guide.clip.scale\n" + "".join(lines))
    return path


def planning(settings: Settings, place: Path) -> None:
    """Measure how much longer many rows take than one, to the end of checking."""
    one, many = (
        [run(f"prompts={table(place, rows)}", "show=true", *TINY) for _ in range(settings.rounds)]
        for rows in (1, settings.rows)
    )
    (wall, used), (wall_of_one, used_of_one) = (middle(each) for each in (many, one))
    print(
        f"planning {settings.rows} rows: {wall - wall_of_one:.2f} s, CPU {used - used_of_one:.2f}"
    )


def middle(times: list[tuple[float, float]]) -> tuple[float, float]:
    walls, used = zip(*times, strict=True)
    return statistics.median(walls), statistics.median(used)


def claims(settings: Settings, place: Path) -> None:
    """Measure the CPU's time of claiming and finishing a picture, beside drawing one."""
    from guided.runs.manifest import Manifest, Picture, Row

    each = []
    for count in (settings.rows, 10 * settings.rows):
        folder = place / str(count)
        folder.mkdir()
        rows = [Row([f"prompt=a red heart {k}", f"seed={k}"]) for k in range(count)]
        pictures = [Picture(k, k, k, f"a red heart {k}", group=k) for k in range(count)]
        base = {"words": [], "fingerprints": ["0" * 16] * count}
        Manifest("claims", base, rows, pictures).write(folder)
        command = [sys.executable, "-c", WORKER, str(folder), str(CLAIMED)]
        workers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(WORKERS)]
        used = sum(float(one.communicate()[0]) for one in workers) / CLAIMED / WORKERS
        print(f"a picture of {count} claimed and finished: {used * 1000:.2f} ms of the CPU")
        each.append(used)
    words = ("prompt=a red heart", f"folder={place / 'drawn'}")
    tiny = (run(*words, *TINY, "count=11")[1] - run(*words, *TINY)[1]) / 10
    shares = ", ".join(f"{used / tiny:.2%}" for used in each)
    print(f"a tiny picture: {tiny:.2f} s of the CPU; its claims are {shares} of it")


def memory(settings: Settings, place: Path) -> None:
    """Measure the memory of one process after every fifty pictures."""
    words = [
        "prompt=a red heart",
        f"count={settings.pictures}",
        f"folder={place}",
        "seed=1",
        *TINY,
    ]
    after: dict[int, int] = {}
    with subprocess.Popen(
        [sys.executable, "-c", MANY, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as drawing:
        for line in drawing.stdout or ():
            match line.split():
                case [done, kilobytes] if done.isdigit():
                    after[int(done)] = int(kilobytes)
                    grown = after[int(done)] / after[min(after)] - 1
                    print(f"memory after {done} pictures: {int(kilobytes) >> 10} MB, {grown:+.1%}")
    if drawing.returncode:
        raise BadInput("the pictures could not be drawn")


def folder(settings: Settings, place: Path) -> None:
    """Measure a run in a folder of many pictures and in an empty one, and the gallery's update."""
    from guided.gallery import pages, script

    full, empty = place / "full", place / "empty"
    fill(full, settings.files)
    more = []
    for _ in range(settings.rounds):
        (_, used), (_, alone) = (
            run("prompt=a red heart", f"folder={root}", *TINY) for root in (full, empty)
        )
        more.append(used - alone)
    print(
        f"a run beside {settings.files} pictures: {statistics.median(more):+.2f} s of the CPU "
        f"(from {min(more):+.2f} to {max(more):+.2f})"
    )
    latest = {root: (root / "latest").resolve() for root in (full, empty)}
    for name, batch in {
        f"a run beside {settings.files}": latest[full],
        "a run in an empty folder": latest[empty],
        f"a run of {settings.files // 10}": next(full.glob("*/*-large")),
    }.items():
        used = statistics.median(cpu_of_update(batch) for _ in range(5))
        size = (pages.root_of(batch) or batch).joinpath(script.DATA).stat().st_size
        print(
            f"the gallery of {name} updated: {used * 1000:.1f} ms of the CPU, "
            f"{size / 1e6:.3f} MB of data of all runs"
        )


def cpu_of_update(batch: Path) -> float:
    """Return the CPU's seconds of updating the page of a run and that of all runs, which is
    written."""
    from guided.gallery import pages, script

    data = (pages.root_of(batch) or batch) / script.DATA
    before, began = data.stat().st_mtime_ns, time.process_time()
    pages.update(batch, now=True)
    used = time.process_time() - began
    if data.stat().st_mtime_ns == before:
        raise BadInput(f"{data} was not updated")
    return used


def fill(root: Path, files: int) -> None:
    """Write runs with copies of one picture: one with a tenth of all, the others of ten each."""
    from guided.gallery import pages

    run("prompt=a red heart", f"folder={root}", *TINY)
    first = (root / "latest").resolve()
    picture, (content,) = (
        first / "image_0000.png",
        [json.loads((first / "manifest.json").read_text())],
    )
    sizes = [files // 10, *[10] * (files // 10 * 9 // 10)]
    for number, size in enumerate(sizes):
        name = "large" if number == 0 else f"run-{number:04d}"
        folder = root / "2026-01-01" / f"{number:06d}-{name}"
        folder.mkdir(parents=True)
        entry = content["pictures"][0]
        content["pictures"] = [
            entry | {"number": k, "group": k, "file": f"image_{k:04d}.png"} for k in range(size)
        ]
        (folder / "manifest.json").write_text(json.dumps(content))
        for k in range(size):
            os.link(picture, folder / f"image_{k:04d}.png")
        content["pictures"] = [entry]
    pages.rebuild(root)


PARTS = {"planning": planning, "claims": claims, "memory": memory, "folder": folder}

if __name__ == "__main__":
    main(Settings, measure)
