"""Measures the studio: python -m benchmarks.studio cost [5] [60] | clients [200] [60] | kills [20]

    cost     CPU time of drawing with previews and events beside drawing without, in turns:
             pairs of pictures, steps of each
    clients  event streams that are read at once for some seconds: events lost, memory
    kills    kill -9 of the server, of its worker, or of both at random moments, until all is
             drawn: pictures lost, and whether they are those of a run that nobody disturbed

The server is a process of its own, as a user starts it. Linux only (/proc).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guided.config.overrides import parse_all
from guided.interfaces import Frame, Run
from guided.studio.drawing import Drawer
from guided.studio.entries import OPEN, SUCCEEDED, Entry, Queue
from guided.studio.live import Live, LiveViewer
from guided.studio.places import previews_folder

ROOT = Path(__file__).parent.parent
SMALL = {"steps": 12, "cutouts.overview": 2, "cutouts.inner": 1, "sampler.recurrence": 1}
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    folder: Path
    address: str
    token: str

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Server]:
        """Start a server for a folder, and yield it when it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, str(ROOT / "run.py"), f"studio={port}", f"folder={folder}"]
        command += ["threads=1", "checkpoint=0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        note = json.loads((folder / ".studio" / "server.json").read_text())
        try:
            yield cls(process, folder, note["address"].rstrip("/"), note["token"])
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait()

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return what the server answers."""
        headers = {"X-Studio-Token": self.token, "Content-Type": "application/json"}
        headers["Prefer"] = "respond-async"
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def workers(self) -> list[int]:
        """Return the processes that the server has started."""
        return children(self.process.pid)

    @property
    def megabytes(self) -> float:
        """The memory of the server."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    @property
    def seconds(self) -> float:
        """The CPU time of the server."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def children(process: int) -> list[int]:
    """Return the processes that a process has started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text().rpartition(") ")[2].split()
            if int(fields[1]) == process:
                found.append(int(path.parent.name))
    return found


# ---- cost


class Unseen(LiveViewer):
    """A viewer that looks at nothing."""

    def see(self, frame: Frame) -> None:
        return


class Unheard(Live):
    """An output that tells of nothing and writes no previews."""

    @contextmanager
    def open(self, run: Run) -> Iterator[LiveViewer]:
        with ThreadPoolExecutor(1) as writer:
            yield Unseen(self, run, writer)


class Silent(Drawer):
    """A worker with that output."""

    def live(self, entry: Entry) -> Live:
        return Unheard(entry.id, previews_folder(self.root, entry.id), emit, lambda: True)


def cost(pairs: int, steps: int) -> None:
    """Draw in turns with and without previews and events, in one process, and print the ratio."""
    with tempfile.TemporaryDirectory() as folder:
        telling, silent = (kind(Path(folder), emit, words(folder)) for kind in (Drawer, Silent))
        silent.loaded = telling.loaded
        telling.queue.make()
        found: dict[bool, list[float]] = {True: [], False: []}
        for pair in range(pairs + 1):
            for live, drawer in ((True, telling), (False, silent)):
                given = {"prompt": "a red heart", "seed": 1, "steps": steps}
                drawer.queue.add(Entry(f"{live}{pair}", given))
                began = time.process_time()
                drawer.draw_next()
                if pair:  # the first loads the models
                    found[live].append(time.process_time() - began)
    ratios = [a / b for a, b in zip(found[True], found[False], strict=True)]
    print(
        f"with events and previews {statistics.median(found[True]):.2f} s of CPU time, without "
        f"{statistics.median(found[False]):.2f}: {(statistics.median(ratios) - 1) * 100:+.1f} % "
        f"(from {(min(ratios) - 1) * 100:+.1f} to {(max(ratios) - 1) * 100:+.1f})"
    )


def emit(event: str, **data: Any) -> None:
    """Spell an event as a worker does."""
    json.dumps({"event": event, **data})


def words(folder: str) -> list[Any]:
    return parse_all([f"folder={folder}", "threads=1"])


# ---- clients


async def listen(server: Server, seconds: float) -> tuple[int, int]:
    """Return the events that a client got within some seconds, and those that it missed."""
    host, _, port = server.address.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /events HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
    numbers: list[int] = []
    end = time.monotonic() + seconds
    with suppress(TimeoutError):
        while (left := end - time.monotonic()) > 0:
            line = await asyncio.wait_for(reader.readline(), left)
            if line.startswith(b"id: "):
                numbers.append(int(line.rpartition(b"-")[2]))
            if not line:
                break
    writer.close()
    numbers = numbers[1:]  # the first is of its own beginning
    missed = (numbers[-1] - numbers[0] + 1 - len(numbers)) if numbers else 0
    return len(numbers), missed


async def all_clients(server: Server, count: int, seconds: float) -> list[tuple[int, int]]:
    """Read that many streams at once while the queue changes."""
    tasks = [asyncio.create_task(listen(server, seconds)) for _ in range(count)]

    async def change() -> None:
        paused = False
        while True:
            paused = not paused
            await asyncio.to_thread(server.ask, "POST", "/queue", {"paused": paused})
            await asyncio.sleep(0.05)

    changing = asyncio.create_task(change())
    found = await asyncio.gather(*tasks)
    changing.cancel()
    return found


def clients(count: int, seconds: float) -> None:
    """Print how many events the clients got and missed, and the server's memory."""
    with tempfile.TemporaryDirectory() as folder, Server.started(Path(folder)) as server:
        for path in ("/schema", "/models"):  # which are composed once
            server.ask("GET", path)
        used = server.seconds
        found, before = asyncio.run(watched_clients(server, count, seconds))
        got = [number for number, _ in found]
        print(
            f"{count} clients for {seconds:.0f} s: {min(got)} to {max(got)} events each, "
            f"{sum(missed for _, missed in found)} missed; memory {before:.0f} MB after a sixth "
            f"of the time, {server.megabytes:.0f} at its end; "
            f"{server.seconds - used:.1f} s of CPU time"
        )


async def watched_clients(
    server: Server, count: int, seconds: float
) -> tuple[list[tuple[int, int]], float]:
    """Return what the clients got, and the server's memory after a sixth of the time."""
    reading = asyncio.create_task(all_clients(server, count, seconds))
    await asyncio.sleep(seconds / 6)
    before = server.megabytes
    return await reading, before


# ---- kills


def kills(count: int) -> None:
    """Kill the server and its worker at random moments, and print what was lost."""
    rng = random.Random(7)
    with tempfile.TemporaryDirectory() as place:
        folder, done, killed = Path(place) / "studio", dict[Path, str](), 0
        given = {"prompt": "a red heart", "seed": 5, "count": 4, **SMALL}
        while True:
            with Server.started(folder) as server:
                for k in range(3):
                    server.ask("PUT", f"/predictions/p{k}", {"input": {**given, "seed": k}})
                if killed < count:
                    time.sleep(rng.uniform(0, 12))
                    kill(server, rng.choice(("server", "worker", "both")))
                    killed += 1
                else:
                    wait_for_all(folder)
            check_pictures(folder, done)
            states = [entry.state for entry in Queue(folder).all()]
            assert len(states) == 3 and set(states) <= {OPEN, SUCCEEDED}, states
            if killed == count and set(states) == {SUCCEEDED}:
                break
        same = compare(folder, Path(place) / "alone", given)
        print(f"{killed} kills: {len(done)} pictures, none lost or changed; {same} as undisturbed")


def kill(server: Server, what: str) -> None:
    """Kill -9 the server, its workers, or both."""
    workers = server.workers()
    for pid in workers if what != "server" else []:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if what != "worker":
        server.process.kill()


def wait_for_all(folder: Path) -> None:
    """Wait until nothing is left to draw."""
    while any(entry.state == OPEN for entry in Queue(folder).all()):
        time.sleep(0.5)


def check_pictures(folder: Path, done: dict[Path, str]) -> None:
    """Add the finished pictures to `done`; AssertionError if one of them is gone or another."""
    for path, before in done.items():
        assert digest(path) == before, f"{path} is not what it was"
    done |= {path: digest(path) for path in folder.glob("20*/*/image_*.png")}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare(folder: Path, alone: Path, given: dict[str, Any]) -> str:
    """Return how many pictures have the pixels of a run that nobody disturbed."""
    from PIL import Image

    drawer = Drawer(alone, lambda kind, **data: None, words(str(alone)))
    drawer.queue.make()
    for k in range(3):
        drawer.queue.add(Entry(f"p{k}", {**given, "seed": k}))
    while drawer.draw_next():
        pass
    same = total = 0
    for k in range(3):
        runs = [root / str(Queue(root).read(f"p{k}").folder) for root in (folder, alone)]
        for path in runs[1].glob("image_*.png"):
            pixels = [Image.open(run / path.name).tobytes() for run in runs]
            same, total = same + (pixels[0] == pixels[1]), total + 1
    return f"{same} of {total}"


def main(arguments: list[str]) -> None:
    """Measure what is asked for."""
    match arguments:
        case ["cost", *rest]:
            pairs, steps, *_ = [*rest, *("5", "60")[len(rest) :]]
            cost(int(pairs), int(steps))
        case ["clients", *rest]:
            count, seconds, *_ = [*rest, *("200", "60")[len(rest) :]]
            clients(int(count), float(seconds))
        case ["kills", *rest]:
            kills(int(rest[0]) if rest else 20)
        case _:
            print(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
