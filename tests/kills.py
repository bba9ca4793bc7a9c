"""What ends a batch, at random moments, again and again, until it is done all the same.

    python -m tests.kills 60                          a batch of 12 small pictures, 60 moments
    python -m tests.kills 60 batch_size=3 keep=5      any settings
    python -m tests.kills 10 count=1 sampler=ddim animate=slow_zoom generator.symmetry=none
    KILLS_SEED=7 python -m tests.kills 60             the same moments again

Each life of the batch ends in one of KINDS: from outside at a random time, or inside while a file
is written. After each, what was finished is the very file that it was, and the manifest and the
gallery say what is so. At the end the folder is compared with that of a run that nobody disturbed,
byte for byte. Lives are forked from one process that has imported the program.
"""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).parent.parent
RUN = [sys.executable, str(ROOT / "run.py")]
WORDS = ["prompt=a {red|blue|green} __animal__", "seed=5", "count=12", "steps=6", "checkpoint=0"]
WORDS += ["sampler=dpmpp_sde", "generator.symmetry=horizontal", "look=draft"]
WORDS += ["output=[still,steps,sheet,metrics,cuts,video]", "output.video.format=webp"]
WORDS += ["output.steps.every=3", "output.cuts.every=4", "device=cpu"]
# Files, while which are written something happens.
FILES = ("*.safetensors", "manifest.json", "image_*", "[0-9]*_*.png", "sheet.png", "video_*")
TIMES = ("seconds", "peak_memory_mb")  # of a line of metrics; no two runs take the same
OF_WORK = ("worker", "seconds")  # of a picture in the manifest
LONGEST = 300  # seconds for a life: none hangs
GRACE = 300  # seconds, after which a page that nobody writes has the batch as stopped


# ---- inside a life -------------------------------------------------------------------------


@dataclass
class Fault:
    """What happens in a process at the nth time that it writes such a file."""

    what: str  # half, whole, after: kill -9; full, read-only: nothing more is written; clock
    pattern: str
    nth: int

    def install(self) -> None:
        from guided.runs import files

        write, left = files.write, self.nth

        def writing(path: Path, data: bytes, durable: bool = False) -> None:
            nonlocal left
            matches = fnmatch(path.name, self.pattern)
            left -= matches
            if matches and left == 0:
                self.happen(path, data, lambda: write(path, data, durable))
            write(path, data, durable)

        files.write = writing

    def happen(self, path: Path, data: bytes, write: Callable[[], None]) -> None:
        if self.what == "clock":
            now = time.time
            time.time = lambda: now() - 86_400
        elif self.what in ("full", "read-only"):
            refuse_writing(errno.ENOSPC if self.what == "full" else errno.EROFS)
        else:
            if self.what == "after":
                write()
            else:
                part = path.with_name(f".{path.name}.1-killed.part")
                part.write_bytes(data if self.what == "whole" else data[: len(data) // 2])
            os.kill(os.getpid(), signal.SIGKILL)


def refuse_writing(number: int) -> None:
    """From now on no file can be written; where all is read-only, none can be moved or removed
    either. Files that are open already can."""

    def refuse(path: Any) -> None:
        if not str(path).startswith("/dev/"):
            raise OSError(number, os.strerror(number), str(path))

    def guarded(function: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def call(path: Any, *about: Any, **more: Any) -> Any:
            if writes(*about, **more):
                refuse(path)
            return function(path, *about, **more)

        return call

    def opens(mode: str = "r", *rest: Any, **more: Any) -> bool:
        return bool(set("wax+") & set(mode))

    io.open = guarded(io.open, opens)
    if number == errno.EROFS:
        flags = os.O_WRONLY | os.O_RDWR | os.O_CREAT
        os.open = guarded(os.open, lambda asked, *rest, **more: bool(asked & flags))
        for name in ("replace", "mkdir", "unlink", "rmdir", "utime", "symlink"):
            setattr(os, name, guarded(getattr(os, name), lambda *about, **more: True))


def live(words: list[str], cwd: str, output: str, log: str, fault: dict[str, Any] | None) -> None:
    """Be run.py with these words, in a forked process. Does not return."""
    code = 70
    try:
        file = os.open(output, os.O_WRONLY | os.O_APPEND)
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(file, number)
            setattr(sys, name, open(number, "w", 1, encoding="utf-8", closefd=False))  # noqa: SIM115
        os.chdir(cwd)
        sys.argv = ["run.py", *words]
        from guided.__main__ import main

        if fault:
            Fault(**fault).install()
        code = main()
        sys.stdout.flush()
    except BaseException:
        with open(log, "a", encoding="utf-8") as file:
            traceback.print_exc(file=file)
    finally:
        os._exit(code)


def serve() -> None:
    """Begin lives and tell how they ended, as standard input asks for."""
    from guided.compat.open_clip import import_open_clip

    for name in ("batch.run", "batch.worker", "cli.main", "clip.model", "outputs.film"):
        importlib.import_module(f"guided.{name}")
    import_open_clip()
    ended: dict[int, int] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "words" in asked:
            answer = os.fork()
            if not answer:
                live(**asked)
        else:
            pid = asked["pid"]
            if pid not in ended:
                found, status = os.waitpid(pid, os.WNOHANG)
                ended |= {pid: os.waitstatus_to_exitcode(status)} if found else {}
            answer = ended.get(pid)
        print(json.dumps(answer), flush=True)


@dataclass
class Server:
    """The process from which lives are forked."""

    process: subprocess.Popen[str]

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Server]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-m", "tests.kills", "serve"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment
        ) as process:
            yield cls(process)
            process.stdin.close()

    def ask(self, **about: Any) -> Any:
        self.process.stdin.write(json.dumps(about) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@dataclass
class Life:
    """A process that draws."""

    server: Server
    pid: int

    def poll(self) -> int | None:
        return self.server.ask(pid=self.pid)

    def wait(self) -> int:
        end = time.monotonic() + LONGEST
        while (code := self.poll()) is None:
            assert time.monotonic() < end, "it hangs"
            time.sleep(0.01)
        return code

    def send(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


# ---- what happens --------------------------------------------------------------------------


@dataclass
class Trial:
    """A batch whose lives end again and again."""

    server: Server
    root: Path  # where it is run
    words: list[str]
    rng: random.Random
    happened: dict[str, int] = field(default_factory=dict)  # kind -> times
    lives: int = 0
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # pictures, once they are there

    @property
    def folder(self) -> Path:
        return latest(self.root)

    @property
    def log(self) -> Path:
        return self.root.parent / f"{self.root.name}.txt"

    def run(self, moments: int, kinds: list[str] | None = None) -> None:
        """Let `moments` of these kinds happen, in turn, as long as the batch is not done."""
        order = kinds or self.rng.sample(sorted(KINDS), len(KINDS))
        while sum(self.happened.values()) < moments and not self.done():
            kind = order[self.lives % len(order)]
            self.happen(kind, moments - sum(self.happened.values()))
        self.finish()

    def happen(self, kind: str, left: int = 1) -> None:
        """Let one life end so; it counts if the batch was not done before."""
        before = len(self.log.read_bytes()) if self.log.exists() else 0
        code = KINDS[kind](self, left)
        told = self.log.read_bytes()[before:].decode(errors="replace")
        assert "Traceback" not in told, told
        assert code in (0, *CODES[kind]), f"exit code {code} after {kind}: {told}"
        self.look()
        told_to_stop = kind in ("SIGTERM", "Ctrl-C") and "finishing this step" in told
        check_state(self.folder, code, ended=code == 0 or told_to_stop)
        if code == 0:
            return
        self.happened[kind] = self.happened.get(kind, 0) + 1
        if code == 1:
            check_message(told, kind, self.folder)
        print(f"{sum(self.happened.values()):3} {kind}: {self.finished()} pictures", flush=True)

    def finish(self) -> None:
        """Undisturbed; where all pictures are done, it clears up what is left over."""
        again = True
        while again:
            code = self.start().wait()
            assert code == 0, f"exit code {code} after {self.happened}"
            self.look()
            check_state(self.folder, code, ended=True)
            again = not self.done()

    def start(self, fault: Fault | None = None, output: Path | None = None) -> Life:
        """Begin a life: it goes on, or, if there is nothing yet, begins."""
        self.lives += 1
        self.log.touch()
        there = (self.folder / "manifest.json").exists()
        words = [f"resume={self.folder}"] if there else self.words
        about = {"words": words, "cwd": str(self.root), "log": str(self.log)}
        about["output"] = str(output or self.log)
        return Life(self.server, self.server.ask(**about, fault=fault and asdict(fault)))

    def wait_a_while(self, life: Life, left: int) -> None:
        """So long that all that is `left` to happen takes about as long as the batch: sometimes
        not until the first step, mostly after some."""
        if self.rng.random() < 0.15:
            time.sleep(self.rng.random() * 2)
            return
        steps = self.steps() + self.rng.random() * 2 * self.steps_left() / (left + 1)
        while life.poll() is None and self.steps() < steps:
            time.sleep(0.005)
        time.sleep(self.rng.random() * 0.2)

    def fault(self, what: str, left: int) -> Fault:
        pattern = self.rng.choice(FILES)
        writes = {"*.safetensors": self.steps_left() / left, "[0-9]*_*.png": 2}
        return Fault(what, pattern, 1 + int(self.rng.random() * writes.get(pattern, 1.5)))

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
        assert not again, f"written again, or gone: {again}, after {self.happened}"
        self.seen |= now
        for picture in self.pictures():
            if picture["state"] == "done":
                name = Path(picture["file"]).name
                assert name in now, f"{name} is marked done, and not there, after {self.happened}"

    def report(self) -> None:
        for kind, times in sorted(self.happened.items()):
            print(f"{times:4}  {kind}")
        print(
            f"{sum(self.happened.values())} moments in {self.lives} lives: {self.finished()} "
            "pictures, all files equal to the undisturbed run's, none written twice; "
            f"{self.steps()} steps for {len(metrics(self.folder))}",
            flush=True,
        )


def signalled(trial: Trial, left: int, *numbers: int) -> int:
    life = trial.start()
    trial.wait_a_while(life, left)
    for number in numbers:
        life.send(number)
        time.sleep(trial.rng.random() * 0.3)
    return life.wait()


def killed_while_writing(trial: Trial, left: int) -> int:
    return trial.start(trial.fault(trial.rng.choice(["half", "whole", "after"]), left)).wait()


def clock_set_back(trial: Trial, left: int) -> int:
    """A day, and drawing goes on; later it is stopped."""
    life = trial.start(trial.fault("clock", left))
    trial.wait_a_while(life, left)
    life.send(trial.rng.choice([signal.SIGTERM, signal.SIGKILL]))
    return life.wait()


def folder_removed(trial: Trial, left: int) -> int:
    """Moved, which is the same to the process, and then put back."""
    life = trial.start()
    trial.wait_a_while(life, left)
    folder, away = trial.folder, trial.root / "away"
    there = (folder / "manifest.json").exists() and life.poll() is None
    if there:
        folder.rename(away)
    code = life.wait()
    if there:
        assert not folder.exists(), f"made anew: {list(folder.rglob('*'))}"
        away.rename(folder)
    return code


def output_closed(trial: Trial, left: int) -> int:
    """Nobody reads its output any more; it draws on, and later it is stopped."""
    pipe = trial.root.parent / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    life = trial.start(output=pipe)
    trial.wait_a_while(life, 2 * left)
    os.close(reader)
    trial.wait_a_while(life, 2 * left)
    life.send(signal.SIGTERM)
    return life.wait()


KINDS: dict[str, Callable[[Trial, int], int]] = {
    "kill -9": lambda trial, left: signalled(trial, left, signal.SIGKILL),
    "kill -9 while writing": killed_while_writing,
    "SIGTERM": lambda trial, left: signalled(trial, left, signal.SIGTERM),
    "Ctrl-C": lambda trial, left: signalled(trial, left, signal.SIGINT),
    "Ctrl-C twice": lambda trial, left: signalled(trial, left, signal.SIGINT, signal.SIGINT),
    "full disk": lambda trial, left: trial.start(trial.fault("full", left)).wait(),
    "read-only folder": lambda trial, left: trial.start(trial.fault("read-only", left)).wait(),
    "folder removed": folder_removed,
    "closed output": output_closed,
    "clock backwards": clock_set_back,
}
STOPPED = (130, -signal.SIGINT, -signal.SIGTERM)  # negative: before it handles signals
CODES = {
    **dict.fromkeys(("kill -9", "kill -9 while writing"), (-signal.SIGKILL,)),
    **dict.fromkeys(("SIGTERM", "Ctrl-C", "Ctrl-C twice", "closed output"), STOPPED),
    **dict.fromkeys(("full disk", "read-only folder", "folder removed"), (1,)),
    "clock backwards": (*STOPPED, -signal.SIGKILL),
}


def check_message(told: str, kind: str, folder: Path) -> None:
    """One line says what happened, and how to go on."""
    usual = ("WARNING", "drawing in", "finishing")
    lines = [one for one in told.splitlines() if one and not one.startswith(usual)]
    [line] = [one for one in lines if " pictures" not in one]
    if kind == "folder removed":
        assert line.endswith("nothing more is drawn"), line
    elif "nothing was begun" not in line:
        assert re.search(f"resume=.*{folder.name}$", line), line


def check_state(folder: Path, code: int, ended: bool = False) -> None:
    """The manifest and the gallery say what is so after a life that ended with this code; `ended`:
    in order, so that it wrote the page once more."""
    from guided.gallery import reading, script
    from guided.runs.manifest import RUNNING, Manifest
    from guided.runs.worker_locks import any_alive

    if not (folder / "manifest.json").exists():
        return  # nothing was begun
    manifest = Manifest.read(folder)
    assert not any_alive(folder), "a worker seems to live"
    states = {picture.number: picture.state for picture in reading.read(folder).pictures}
    assert RUNNING not in states.values(), "the gallery would have it as being drawn"
    if code in (0, 130):
        assert not manifest.count(RUNNING), f"the manifest has it as being drawn: exit code {code}"
    data = script.load(folder / script.DATA)
    if data is None:
        return  # no step was taken
    [batch] = data["batches"]
    done = {one["number"] for one in batch["pictures"] if one["state"] == "done"}
    truth = {number for number, state in states.items() if state == "done"}
    assert done <= truth, f"the page has pictures as done that are not: {done - truth}"
    if ended:
        assert done == truth, f"the page lacks pictures that are done: {truth - done}"
        assert "alive" not in batch, "the page has it as being drawn"
    assert batch.get("grace", 0) <= GRACE


# ---- comparing -----------------------------------------------------------------------------


def stills(folder: Path) -> Iterator[Path]:
    yield from folder.glob("image_*")
    yield from folder.glob("others/image_*")


def identity(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_ino, about.st_mtime_ns


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
        if path.is_file() and not name.startswith(("index.html", "gallery", "thumbs/")):
            found[name] = path.read_bytes()
    found["manifest.json"], found["metrics.jsonl"] = manifest(folder), metrics(folder)
    if any(picture.get("frame") for picture in found["manifest.json"]["pictures"]):
        found |= {path.name: frame(path) for path in folder.glob("image_*")}
    return found


def frame(path: Path) -> tuple[bytes, dict[str, str]]:
    """Return the pixels of a film's frame and its record, which names the frame before by its
    path, without the name of the run's folder, which tells the time."""
    here = f"{path.parent.parent.name}/{path.parent.name}"
    with Image.open(path) as image:
        texts = {name: str(text).replace(here, "") for name, text in image.info.items()}
        return image.tobytes(), texts


def compare(killed: Path, whole: Path) -> None:
    """AssertionError names what differs."""
    mine, expected = contents(killed), contents(whole)
    assert mine.keys() == expected.keys(), sorted(mine.keys() ^ expected.keys())
    different = [name for name in mine if mine[name] != expected[name]]
    assert not different, f"differ from the run that was not disturbed: {different}"


def latest(root: Path) -> Path:
    return (root / "outputs" / "latest").resolve()


def undisturbed(server: Server, root: Path, words: list[str]) -> Path:
    trial = Trial(server, root, words, random.Random(0))
    trial.finish()
    return trial.folder


def with_words(more: list[str]) -> list[str]:
    """WORDS, some of them said otherwise."""
    return list({word.partition("=")[0]: word for word in [*WORDS, *more]}.values())


def many(
    moments: int, more: list[str], seed: int, roots: Path, kinds: list[str] | None = None
) -> dict[str, int]:
    """Let so much happen of these kinds, or of all, and return how often each kind did. A batch
    that is done before the last moment is followed by another."""
    happened: dict[str, int] = {}
    with Server.running() as server:
        (roots / "whole").mkdir()
        whole = undisturbed(server, roots / "whole", with_words(more))
        batch = 0
        while (left := moments - sum(happened.values())) > 0:
            batch += 1
            root = roots / f"batch{batch}"
            root.mkdir()
            trial = Trial(server, root, with_words(more), random.Random(seed + batch))
            try:
                trial.run(left, kinds)
                compare(trial.folder, whole)
            except AssertionError:
                print(trial.log.read_text(errors="replace")[-5000:])
                raise
            trial.report()
            for kind, times in trial.happened.items():
                happened[kind] = happened.get(kind, 0) + times
            shutil.rmtree(root)
    return happened


def main(argv: list[str]) -> int:
    if argv[:1] == ["serve"]:
        serve()
        return 0
    moments, *more = argv or ["60"]
    seed = int(os.environ.get("KILLS_SEED", random.randrange(10**6)))
    print(f"KILLS_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        happened = many(int(moments), more, seed, Path(folder))
    print(f"{sum(happened.values())} moments: {happened}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
