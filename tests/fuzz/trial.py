"""One trial of the fuzzer: a command line, with files, up to the finished plan, and its faults.

The program runs in this process. Everything before weights are loaded happens, the run's folder
included; then `Planned` ends it. Files may be written in the trial's folder only, and nothing may
be executed or fetched.
"""

from __future__ import annotations

import base64
import importlib
import io
import json
import logging
import os
import pickle
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from guided.__main__ import hydra_job
from guided.batch import run as batch_run
from guided.cli import answers, main
from guided.config import composition, schema
from guided.config.plan import Plan
from guided.disco import table
from guided.errors import BadInput
from guided.runs.manifest import Manifest
from guided.untrusted import interpolation
from tests.fuzz import oracle

ROOT = Path(__file__).parent.parent.parent
FIXTURES = ROOT / "tests" / "fixtures" / "v0.1"
SLOW, ROW, HUNG = 2.0, 0.1, 60  # seconds of CPU, for a row beside it, and until a trial is ended
LONGEST = 2100  # characters of a message
GREEDY = 500_000  # kB by which a trial may raise the peak of memory
WRITES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
RUNS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"}
# Python's own words, and those of the libraries, which help nobody.
FOREIGN = re.compile(
    r"object has no|object is not|unsupported operand|not supported between|unhashable|NoneType"
    r"|argument must be|positional argument|invalid literal|codec can't|<class|Traceback"
    r"|list index|not iterable|must be real number|mismatched input|extraneous input|no viable"
    r"|token recognition|object_type|full_key|reference_type|OmegaConf|ConfigAttribute|usage:"
    r"|is not a valid|not Optional|Incompatible value"
    r"|could not be converted|ListConfig|DictConfig|Value '"
    r"|debug=true shows where|not subscriptable|maximum recursion"
)


DRAWING = re.compile("^drawing in (.*)$", re.MULTILINE)


class Planned(BaseException):
    """The plan is finished, and the folder made: drawing would begin."""


class Hung(BaseException):
    """A trial took too long."""


@dataclass(frozen=True)
class Case:
    """A command line, and the files that it needs besides the samples. A first word `@module:name`
    calls that function with the path that is the second, instead of the program."""

    words: tuple[str, ...]
    files: tuple[tuple[str, bytes], ...] = ()

    def script(self) -> str:
        """Return lines of bash that repeat the case in an empty folder."""
        lines = [written(name, content) for name, content in self.files]
        program = ["python", "run.py"]
        if self.words[:1] and self.words[0].startswith("@"):
            module, name = self.words[0][1:].split(":")
            call = f"from {module} import {name}; import pathlib; {name}(pathlib.Path({{!r}}))"
            return "\n".join([*lines, shlex.join(["python", "-c", call.format(self.words[1])])])
        return "\n".join([*lines, " ".join(map(quoted, [*program, *self.words]))])


def written(name: str, content: bytes) -> str:
    """Return the line of bash that writes a file."""
    folder = f"mkdir -p {shlex.quote(str(Path(name).parent))}; " if "/" in name else ""
    text = base64.b64encode(content).decode()
    with suppress(UnicodeDecodeError):
        if len(content) < 2000:
            return f"{folder}printf %s {quoted(content.decode())} > {shlex.quote(name)}"
    return f"{folder}base64 -d <<< {text} > {shlex.quote(name)}"


def quoted(word: str) -> str:
    """Return a word for bash; one with control characters in $'...'."""
    if word.isprintable():
        return shlex.quote(word)
    letters = (
        f"\\{letter}" if letter in "\\'"
        else letter if letter.isprintable()
        else "".join(f"\\x{byte:02x}" for byte in letter.encode(errors="surrogatepass"))
        for letter in word
    )  # fmt: skip
    return "$'" + "".join(letters) + "'"


@dataclass
class Result:
    """What a trial did."""

    code: int | None  # None: it would draw
    out: str = ""
    err: str = ""
    cpu: float = 0.0
    raised: BaseException | None = None  # behind exit code 1
    plans: list[tuple[Any, Plan]] = field(default_factory=list)  # with their configurations
    again: Result | None = None  # of drawing it again with from=FOLDER
    pictures: tuple[Sequence[Any], Sequence[Any]] = (
        (),
        (),
    )  # those of the run, and of from=FOLDER
    left: list[str] = field(default_factory=list)  # files that it made or changed
    ran: list[str] = field(default_factory=list)  # what it executed or asked of the network
    grown: int = 0  # kB of memory


@dataclass
class Sandbox:
    """A folder with samples, in which trials run one after the other."""

    root: Path
    active: bool = False
    ran: list[str] = field(default_factory=list)
    plans: list[tuple[Any, Plan]] = field(default_factory=list)
    raised: list[BaseException] = field(default_factory=list)
    files: tuple[tuple[str, bytes], ...] = ()  # of the trial at hand
    pristine: dict[Path, tuple[int, int]] = field(default_factory=dict)  # the samples

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        self.cwd, home = self.root / "cwd", self.root / "home"
        self.restore()
        os.environ |= {"HOME": str(home), "TMPDIR": str(self.root / "tmp"), "COLUMNS": "80"}
        os.environ |= {
            "HYDRA_FULL_ERROR": "1",
            "HF_HUB_OFFLINE": "1",
            "GUIDED_CACHE": str(home / "cache"),
        }
        tempfile.tempdir = str(self.root / "tmp")
        sys.dont_write_bytecode = True
        schema.register()
        interpolation.forget_environment()
        self.divert()
        sys.addaudithook(self.audit)

    def divert(self) -> None:
        """End the program where drawing would begin, and keep its plans and exceptions."""
        read, report = Plan.read.__func__, main.report  # type: ignore[attr-defined]

        def reading(
            cls: type[Plan],
            cfg: Any,
            *more: Any,
            weights: bool = True,
            recorded: bool = False,
            seed: int | None = None,
        ) -> Plan:
            plan = read(cls, cfg, *more, weights=weights, recorded=recorded, seed=seed)
            if weights:  # and not one that import= tries
                self.plans.append((cfg, plan))
            return plan

        def reporting(error: Exception, debug: bool) -> int:
            self.raised.append(error)
            return report(error, debug)

        def planned(*_: Any) -> None:
            raise Planned

        self.once_each()
        Plan.read = classmethod(reading)  # type: ignore[assignment, method-assign]
        main.report = reporting
        batch_run.finish = batch_run.by_launcher = planned  # type: ignore[assignment]
        for number in (signal.SIGALRM, signal.SIGPROF):
            signal.signal(number, hang)

    def once_each(self) -> None:
        """Compose the same words only once, and build the same parts of the first plan only once:
        most of a trial is as in every other. Presets of a trial's own are composed in it alone."""
        compose, build = composition.hydra_compose, schema.build
        composed: dict[tuple[Any, ...], bytes] = {}
        built: dict[tuple[str, str], bytes] = {}

        def composing(name: str, overrides: list[str]) -> Any:
            own = self.files if any("searchpath" in word for word in overrides) else ()
            key = (own, *overrides)
            if key not in composed:
                composed[key] = pickle.dumps(compose(name, overrides=overrides))
            return pickle.loads(composed[key])

        def building(node: Any, where: str) -> Any:
            key = (where, repr(schema.resolved(node, where)) if OmegaConf.is_dict(node) else "")
            if key in built:
                return pickle.loads(built[key])
            part = build(node, where)
            if len(composed) == 1 and OmegaConf.is_dict(node):
                built[key] = pickle.dumps(part)
            return part

        composition.hydra_compose = composing
        schema.build = building  # type: ignore[assignment]

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Refuse writing outside the folder, and note what is executed."""
        if not self.active:
            return
        if event in RUNS and "ldconfig" not in str(arguments[0]):  # which ctypes asks for paths
            self.ran.append(f"{event} {arguments[0]!r}")
            raise PermissionError(13, "Permission denied")
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (
            os.O_WRONLY | os.O_RDWR | os.O_CREAT
        )  # fmt: skip
        if not (writes or event in WRITES) or not isinstance(arguments[0], str | bytes | Path):
            return
        place = os.path.abspath(os.fsdecode(arguments[0]))
        if not place.startswith((f"{self.root}/", "/dev/")):
            raise PermissionError(13, "Permission denied", place)

    def run(self, case: Case) -> Result:
        """Run a case, and tidy up behind it."""
        self.files = case.files
        for name, content in case.files:
            path = self.cwd / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        before = listing(self.root)
        self.ran, self.plans, self.raised = [], [], []
        result = self.timed(case)
        result.plans = self.plans
        if result.code is None and (folder := DRAWING.search(result.out)):
            self.plans = []
            result.again = self.timed(Case((f"from={folder[1]}",)))
            result.again.plans = self.plans
            if other := DRAWING.search(result.again.out):
                result.pictures = pictures(folder[1]), pictures(other[1])
        after = listing(self.root)
        changed = {path for path in before | after if before.get(path) != after.get(path)}
        result.left = sorted(str(path.relative_to(self.root)) for path in changed)
        result.ran = self.ran
        result.raised = self.raised[-1] if self.raised else result.raised
        self.tidy(after)
        return result

    def close(self) -> None:
        """Leave the folder, which is removed."""
        os.chdir(ROOT)

    def tidy(self, now: dict[Path, tuple[int, int]]) -> None:
        """Remove what a trial left of files, the listing `now`; make the samples anew if it
        changed one."""
        if any(now.get(path) != about for path, about in self.pristine.items()):
            self.restore()
        for path in sorted(set(now) - set(self.pristine), reverse=True):
            with suppress(FileNotFoundError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()

    def restore(self) -> None:
        """Make the samples anew, and remove all else."""
        os.chdir(self.root)
        for folder in (self.cwd, self.root / "home", self.root / "tmp"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        samples(self.cwd)
        os.chdir(self.cwd)
        self.pristine = listing(self.root)

    def timed(self, case: Case) -> Result:
        """Run a case; measure its time and memory."""
        out, err = io.StringIO(), io.StringIO()
        start, peak = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        raised: BaseException | None = None
        code: int | None = None
        signal.setitimer(signal.ITIMER_PROF, HUNG)  # of CPU; below, of waiting
        signal.alarm(10 * HUNG)
        self.active = True
        try:
            with redirect_stdout(out), redirect_stderr(err):
                code = called(case.words)
        except Planned:
            pass
        except BaseException as error:
            raised, code = error, 1
        finally:
            self.active = False
            signal.alarm(0)
            signal.setitimer(signal.ITIMER_PROF, 0)
        os.chdir(self.cwd)
        cpu = time.process_time() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
        return Result(code, out.getvalue(), err.getvalue(), cpu, raised, grown=grown)


def hang(*_: Any) -> None:
    raise Hung


def called(words: tuple[str, ...]) -> int:
    """Run the program, or the function that the first word names, and return the exit code."""
    if words[:1] and words[0].startswith("@"):
        module, name = words[0][1:].split(":")
        try:
            getattr(importlib.import_module(module), name)(Path(words[1]))
        except BadInput as error:
            print(f"error: {main.printable(str(error))}", file=sys.stderr)
            return main.BAD_INPUT
        return main.DONE
    logging.root.handlers.clear()  # the handler of the case before writes to its own stream
    sys.argv = ["run.py", *words]
    if (code := answers.answered(words)) is not None:
        return code
    return main.guard(hydra_job(), sys.argv)


def pictures(folder: str) -> list[Any]:
    """Return the seeds, texts and groups of a run's pictures."""
    found = [one for one in Manifest.read(Path(folder)).pictures if one.state != "failed"]
    return [(picture.seed, picture.prompt, picture.group) for picture in found]


def foreign() -> str:
    """Return a settings file of Disco Diffusion."""
    return json.dumps(table.defaults("disco") | {"text_prompts": {"0": ["a sun", "fog:-0.5"]}})


def samples(folder: Path) -> None:
    """Put the files that command lines name into a folder."""
    for name in ("heart.png", "solver.webp", "styles.jpg", "film.gif", "init.png"):
        shutil.copy(FIXTURES / name, folder)
    for name in ("run", "half", "mine"):
        shutil.copytree(FIXTURES / name, folder / name, dirs_exist_ok=True)
    (folder / "prompts.txt").write_text("a red heart\n# no prompt\na {sun|moon}\n")
    (folder / "rows.csv").write_text("prompt,seed,guide.clip.scale\na,1,500\n")
    (folder / "rows.yaml").write_text("- a sun\n- {prompt: a moon, seed: 3}\n")
    (folder / "settings.txt").write_text(foreign())
    (folder / "lists").mkdir(exist_ok=True)
    (folder / "lists" / "animal.txt").write_text("cat\ndog\n")


def listing(root: Path) -> dict[Path, tuple[int, int]]:
    """Return the size and the time of change of every file and folder."""
    found = {}
    for place, folders, names in os.walk(root):
        for name in [*folders, *names]:
            about = os.lstat(os.path.join(place, name))
            size = 0 if name in folders else about.st_size
            changed = 0 if name in folders else about.st_mtime_ns
            found[Path(place, name)] = (size, changed)
    return found


# ---- faults --------------------------------------------------------------------------------


def faults(case: Case, result: Result, cpu: bool = True) -> Iterator[tuple[str, str]]:
    """Yield the kind of each fault of a trial, and its particulars."""
    if isinstance(result.raised, Hung):
        yield "hangs", f"more than {HUNG} s"
    elif result.code == main.FAILED or (result.code is not None and result.code not in (0, 2)):
        kind = type(result.raised).__name__
        yield f"exit code {result.code}: {kind}{place_of(result.raised)}", str(result.raised)[:300]
    yield from message_faults(case, result)
    if cpu and result.cpu > SLOW + ROW * len(result.plans):
        yield "slow", f"{result.cpu:.1f} s"
    if result.grown > GREEDY:
        yield "memory", f"{result.grown // 1000} MB"
    if result.ran:
        yield f"executes {result.ran[0].split()[0]}", "; ".join(result.ran)
    if result.code == main.BAD_INPUT and (left := [n for n in result.left if kept(n)]):
        yield "leaves files", ", ".join(left[:5])
    for _, plan in result.plans:
        yield from (("draws a value that is not allowed", why) for why in oracle.wrong(plan))
    if result.code is None and len(result.plans) == 1:
        why = oracle.unlike(case.words, result.plans[0][0])
        yield from (("draws another value than typed", one) for one in why)
    yield from again_faults(result)


def again_faults(result: Result) -> Iterator[tuple[str, str]]:
    """Yield in what the plans of from=FOLDER differ from those that made the folder."""
    again = result.again
    if again is None:
        return
    if again.code is not None and "trust=" not in again.err:  # for a model of one's own
        yield "from= cannot draw again", f"{again.code} {again.err[-300:]}"
    if result.pictures[0] != result.pictures[1]:
        yield "from= draws other pictures", f"{result.pictures!r:.300}"
    for (_, plan), (_, other) in zip(result.plans, again.plans, strict=False):
        yield from (("from= draws something else", why) for why in oracle.differences(plan, other))


def kept(name: str) -> bool:
    """Return whether a file that a refused command changed counts: a lock does not."""
    return not name.endswith(".lock")


def place_of(error: BaseException | None) -> str:
    """Return the last function of the program in an exception's traceback."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    own = [one for one in frames if f"{ROOT}/guided/" in one.filename]
    return f" in {Path(own[-1].filename).name}:{own[-1].name}" if own else ""


def message_faults(case: Case, result: Result) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the lines that were printed."""
    lines = result.err.splitlines()
    errors = [line for line in lines if not line.startswith("WARNING: ")]
    if result.code == main.BAD_INPUT and len(errors) != 1:
        yield f"{'no' if not errors else 'a second'} line of message", result.err[:500]
    if result.code in (0, None) and errors:
        yield "prints to standard error", result.err[:500]
    for line in lines:
        if any(is_control(letter) for letter in line):
            yield "a message that is not printable", ascii(line)[:300]
        if len(line) > LONGEST:
            yield "a message that is too long", f"{len(line)} characters: {line[:100]}"
    for line in errors if result.code == main.BAD_INPUT else ():
        if not line.startswith("error: "):
            yield "a message that does not begin with error:", line[:300]
        found = FOREIGN.search(line.replace("\\", ""))
        if found and not any(found[0] in word for word in case.words):
            yield f"Python's words in a message: {found[0]}", line[:300]
        if not names_input(case, line):
            yield "a message that names nothing of the input", line[:300]
        elif case.files and not names_file(case, line):
            yield "a message that does not name the file", line[:300]


def is_control(letter: str) -> bool:
    """Return whether a terminal would obey a character, or turn the direction of others."""
    turns = letter in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    return turns or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


def names_input(case: Case, line: str) -> bool:
    """Return whether a message names a setting, a flag or a file of the case."""
    names = {name for name, _ in case.files}
    names |= {"--config-dir"} if any(word.startswith("-cd") for word in case.words) else set()
    for word in case.words:
        name = word.lstrip("+~-").partition("=")[0]
        names |= {name, name.partition("@")[0], *re.split(r"[./@:]", name), word[:20]}
    parts = {part for name in names for part in (name, Path(name).name) if part}
    return any(oracle.visible(part) in line for part in parts) or "prompt" in line


def names_file(case: Case, line: str) -> bool:
    """Return whether a message names a file of the case, or a folder that it is in; or, because
    it is about that, a word as it is typed."""
    paths = [Path(name) for name, _ in case.files]
    folders = {path.parts[0] for path in paths if len(path.parts) > 1} - {"in", "own"}
    names = {path.name for path in paths} | folders
    typed = [word for word in case.words if "=" in word and word != "prompt=a"]
    named = any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line) for name in names)
    return named or any(oracle.visible(word) in line for word in typed)


def kinds_of(case: Case, result: Result, cpu: bool = True) -> dict[str, str]:
    """Return the faults of a trial by their kind."""
    return dict(faults(case, result, cpu))


# ---- the smallest case ---------------------------------------------------------------------


def smallest(case: Case, fails: Callable[[Case], bool], budget: int = 80) -> Case:
    """Return a case that still fails, with words, parts of words and parts of files left out
    (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002)."""
    left = [budget]

    def still(candidate: Case) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    shorter = True
    while shorter and left[0] > 0:
        shorter = False
        for candidate in reductions(case):
            if left[0] <= 0:
                break
            if still(candidate):
                case, shorter = candidate, True
                break
    return case


def reductions(case: Case) -> Iterator[Case]:
    """Yield cases that are a little smaller."""
    for k in range(len(case.words)):
        if not case.words[k].startswith("@"):
            yield Case(case.words[:k] + case.words[k + 1 :], case.files)
    for k in range(len(case.files)):
        yield Case(case.words, case.files[:k] + case.files[k + 1 :])
    for k, (name, content) in enumerate(case.files):
        for less in cuts(content):
            yield Case(case.words, (*case.files[:k], (name, less), *case.files[k + 1 :]))
    for k, word in enumerate(case.words):
        key, equals, text = word.partition("=")
        for less in cuts(text) if equals else ():
            yield Case((*case.words[:k], f"{key}={less}", *case.words[k + 1 :]), case.files)


def cuts(content: Any) -> Iterator[Any]:
    """Yield a text or bytes without a part of it: halves, quarters, ... single items."""
    size = len(content) // 2
    while size:
        yield from (content[:at] + content[at + size :] for at in range(0, len(content), size))
        size //= 2 if len(content) < 64 or size > len(content) // 16 else size


# ---- real processes ------------------------------------------------------------------------


@contextmanager
def placed(folder: Path, files: Mapping[str, bytes]) -> Iterator[None]:
    """Keep files in a folder while the block lasts."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    yield
    for name in files:
        (folder / name).unlink(missing_ok=True)


def in_a_process(case: Case, folder: Path) -> Result:
    """Run a case, which must be refused, as a process of its own."""
    command = [sys.executable, str(ROOT / "run.py"), *case.words]
    with placed(folder, dict(case.files)):
        child = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=120, check=False,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    texts = [part.decode(errors="replace") for part in (child.stdout, child.stderr)]
    return Result(child.returncode, *texts)
