"""Measures the studio's page in Chromium:
python -m benchmarks.studio_page wall [5000] [5] | cost [5] [60]

    wall  a folder of that many pictures: from the address to the first picture painted, and to
          every picture in the window; the first time after a start of the server, which reads the
          folder, and after it
    cost  drawing with an open page beside drawing without, in turns: pairs of pictures, steps of
          each; CPU time of the worker, the server and the browser, and the time that passes

With Chromium, its driver and selenium. Linux only (/proc).
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.studio import TICKS, Server, children
from guided.gallery import thumbs
from guided.runs.layout import image_name, thumb_path
from guided.studio.entries import OPEN, Queue
from tests.gallery.batches import entry, manifest, paint, save
from tests.gallery.conftest import start

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

EACH = 20  # pictures of a run
KINDS = 20  # pictures that are painted; the others are copies
# Notes when the first picture of the wall, and when every picture in the window, is painted.
WATCH = """
window.painted = {};
const isThere = (image) => image.complete && image.naturalWidth > 0;
const isSeen = (image) => image.getBoundingClientRect().top < innerHeight;
const look = () => {
  const seen = [...document.querySelectorAll('#wall .card img')].filter(isSeen);
  const now = performance.now();
  if (seen.some(isThere)) window.painted.first ??= now;
  if (seen.length && seen.every(isThere)) window.painted.all ??= now;
  if (document.querySelector('#wall .card')) window.painted.cards ??= now;
  if (!window.painted.all) requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def browser() -> "Chrome":
    """Return a headless Chromium. SystemExit if there is none."""
    found = start()
    if isinstance(found, str):
        raise SystemExit(found)
    return found


# ---- wall


def wall(many: int, rounds: int) -> None:
    """Print how long the page takes to show a wall of that many pictures."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder, many)
        chromium = browser()
        try:
            chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
            begun, after = [], []
            for _ in range(rounds):
                with Server.started(folder) as server:
                    begun.append(opened(chromium, server))
                    after += [opened(chromium, server) for _ in range(3)]
            print(f"{many} pictures")
            report("after a start", begun)
            report("once read", after)
        finally:
            chromium.quit()


def fill(folder: Path, many: int) -> None:
    """Write runs of EACH pictures, with their thumbnails, as drawing leaves them."""
    first = folder / "2026-11-01" / "000000-a-fox"
    for run in range(-(-many // EACH)):
        place = folder / f"2026-11-{run % 28 + 1:02}" / f"{run:06}-a-fox"
        place.mkdir(parents=True, exist_ok=True)
        numbers = range(min(EACH, many - run * EACH))
        for number in numbers:
            picture, thumb = place / image_name(number, ".png"), thumb_path(place, number)
            thumb.parent.mkdir(exist_ok=True)
            if run == 0:
                save(place, number, paint(number, (384, 256), 0.08))
                thumbs.make(picture, thumb)
            else:
                shutil.copy2(first / picture.name, picture)
                shutil.copy2(thumb_path(first, number), thumb)
        made = f"2026-11-{run % 28 + 1:02}T12:00:{run % 60:02}+00:00"
        manifest(place, [entry(number, seed=run) for number in numbers], made=made)


def opened(chromium: "Chrome", server: Server) -> dict[str, float]:
    """Return the seconds from the address to the first card, the first picture and all in the
    window, with an empty cache."""
    chromium.get("about:blank")
    chromium.execute_cdp_cmd("Network.clearBrowserCache", {})
    chromium.get(server.address)
    while not (found := chromium.execute_script("return window.painted")).get("all"):
        time.sleep(0.05)
    return {name: value / 1000 for name, value in found.items()}


def report(what: str, found: list[dict[str, float]]) -> None:
    """Print the medians and ranges of times."""
    parts = []
    for name in ("cards", "first", "all"):
        values = [one[name] for one in found]
        median = statistics.median(values)
        parts.append(f"{name} {median:.2f} s ({min(values):.2f} to {max(values):.2f})")
    print(f"{what:>14}: {', '.join(parts)}")


# ---- cost


def cost(pairs: int, steps: int) -> None:
    """Draw in turns with and without an open page, and print the CPU time of each process, and
    the time from the request to the picture."""
    found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    with tempfile.TemporaryDirectory() as folder, Server.started(Path(folder)) as server:
        chromium = browser()
        try:
            for pair in range(pairs + 1):
                for open in (True, False):
                    chromium.get(server.address if open else "about:blank")
                    time.sleep(3)  # opening the page is no part of drawing
                    used = draw(server, chromium, f"{open}{pair}", steps)
                    if pair:  # the first loads the models
                        found[open].append(used)
        finally:
            chromium.quit()
    for name in ("worker", "server", "both", "browser", "all"):
        pages, none = ([one[name] for one in found[open]] for open in (True, False))
        runs = [one["both"] for one in found[False]]
        shares = [(a - b) / run for a, b, run in zip(pages, none, runs, strict=True)]
        print(
            f"{name:>7}: {statistics.median(pages):.2f} s of CPU time with a page, "
            f"{statistics.median(none):.2f} without; of a run {statistics.median(shares):+.1%} "
            f"({min(shares):+.1%} to {max(shares):+.1%})"
        )
    pages, none = ([one["passed"] for one in found[open]] for open in (True, False))
    shares = [a / b - 1 for a, b in zip(pages, none, strict=True)]
    print(
        f" passed: {statistics.median(pages):.2f} s with a page, {statistics.median(none):.2f} "
        f"without; {statistics.median(shares):+.1%} ({min(shares):+.1%} to {max(shares):+.1%})"
    )


def draw(server: Server, chromium: "Chrome", name: str, steps: int) -> dict[str, float]:
    """Draw a picture, and return the CPU time of worker, server and browser, and the time."""
    before, shown = times(server), cpu_of(chromium)
    began = time.perf_counter()
    given = {"prompt": "a red heart", "seed": 1, "steps": steps}
    server.ask("PUT", f"/predictions/{name}", {"input": given})
    while Queue(server.folder).read(name).state == OPEN:
        time.sleep(0.02)
    passed = time.perf_counter() - began
    time.sleep(1)  # for what comes after it
    used = {key: after - before[key] for key, after in times(server).items()}
    used["both"] = used["worker"] + used["server"]
    used["browser"] = sum(now - shown.get(one, 0.0) for one, now in cpu_of(chromium).items())
    used["all"] = used["both"] + used["browser"]
    used["passed"] = passed
    return used


def times(server: Server) -> dict[str, float]:
    """Return the CPU time of worker and server."""
    return {"worker": sum(map(seconds_of, server.workers())), "server": server.seconds}


def cpu_of(chromium: "Chrome") -> dict[int, float]:
    """Return the CPU time of each process of a browser."""
    return {one: seconds_of(one) for one in family(chromium.service.process.pid)}


def family(process: int) -> Iterator[int]:
    """Yield a process and all that were started by it and by these."""
    yield process
    for child in children(process):
        yield from family(child)


def seconds_of(process: int) -> float:
    with suppress(OSError):
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    match arguments:
        case ["wall", *rest]:
            many, rounds, *_ = [*rest, *("5000", "5")[len(rest) :]]
            wall(int(many), int(rounds))
        case ["cost", *rest]:
            pairs, steps, *_ = [*rest, *("5", "60")[len(rest) :]]
            cost(int(pairs), int(steps))
        case _:
            print(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
