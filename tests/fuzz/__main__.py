"""Odd command lines and files, thousands of them: each is drawn, or refused in one line.

    python -m tests.fuzz 2000                     2,000 command lines, 1,000 files of each kind
    python -m tests.fuzz 2000 --only lines        command lines alone; or a kind of file
    python -m tests.fuzz 2000 --seed 7            other ones

Faults are: an exception, exit code 1, a second line of message, a message that names nothing of
the input, or not the file that is wrong, or has Python's own words, more than 2 s of CPU (and
0.1 s a row), 500 MB more memory, files left behind, something executed or fetched, a plan with a
value that docs/settings.md does not allow or that was not typed, and a run that from= draws
otherwise. The smallest input of each kind of fault is printed as lines of bash.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz import lines
from tests.fuzz.kinds import kinds
from tests.fuzz.trial import Case, Sandbox, in_a_process, kinds_of, smallest

PROCESSES = 20  # refused cases that are run as processes too, in a full run


@dataclass
class Tally:
    """What was found among the cases of one kind."""

    count: int = 0
    short: int = 0  # cases with a fault
    drawn: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[str, tuple[Case, str]] = field(default_factory=dict)  # by kind of fault
    refused: list[Case] = field(default_factory=list)
    slowest: float = 0.0

    def add(self, case: Case, found: dict[str, str]) -> None:
        self.short += bool(found)
        self.kinds.update(found.keys())
        for kind, about in found.items():
            self.first.setdefault(kind, (case, about))


def tried(
    cases: st.SearchStrategy[Case], count: int, number: int, sandbox: Sandbox, timed: bool
) -> Tally:
    """Run `count` cases, which the seed `number` decides."""
    tally = Tally()

    @seed(number)
    @settings(
        max_examples=count, phases=[Phase.generate], database=None, deadline=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(cases)
    def trial(case: Case) -> None:
        result = sandbox.run(case)
        tally.count += 1
        tally.drawn += result.code is None
        tally.slowest = max(tally.slowest, result.cpu)
        if result.code == 2:
            tally.refused.append(case)
        tally.add(case, kinds_of(case, result, timed))

    trial()
    return tally


def compared(tally: Tally, count: int, sandbox: Sandbox) -> None:
    """Run some of the refused cases as processes, and note those that end otherwise."""
    able = [case for case in tally.refused if case.words[0][:1] != "@" and typeable(case)]
    for case in able[:: max(len(able) // count, 1)][:count] if count else []:
        expected = sandbox.run(case)
        result = in_a_process(case, sandbox.cwd)
        sandbox.restore()
        if (result.code, last(result.err)) != (expected.code, last(expected.err)):
            about = f"{result.code} {last(result.err)!r}, not {last(expected.err)!r}"
            tally.add(case, {"a process ends otherwise": about})


def typeable(case: Case) -> bool:
    """Return whether the words can be arguments of a process."""
    try:
        return all(word.encode(errors="surrogateescape") is not None for word in case.words)
    except UnicodeEncodeError:
        return False


def last(text: str) -> str:
    return (text.splitlines() or [""])[-1]


def tell(name: str, tally: Tally, sandbox: Sandbox, timed: bool) -> None:
    """Print the figures of one kind of case, and the smallest case of each fault."""
    print(
        f"{name}: {tally.short} of {tally.count} fall short; {tally.drawn} would be drawn, "
        f"{len(tally.refused)} are refused; slowest {tally.slowest:.2f} s",
        flush=True,
    )
    for kind, times in tally.kinds.most_common():
        case, about = tally.first[kind]
        fails = failing(kind, sandbox, timed)
        case = smallest(case, fails) if kind not in ("hangs", "a process ends otherwise") else case
        print(f"\n  {times:4} x {kind}: {about!r}\n{case.script()[:3000]}", flush=True)
    if tally.kinds:
        print()


def failing(kind: str, sandbox: Sandbox, timed: bool) -> Callable[[Case], bool]:
    """Return a test of whether a case has a kind of fault."""
    return lambda case: kind in kinds_of(case, sandbox.run(case), timed)


def main() -> int:
    """Run the fuzzer and return 1 if anything falls short."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("count", type=int, help="command lines; half as many files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", help="lines, or a kind of file; repeatable")
    parser.add_argument("--untimed", action="store_true", help="take any time")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    given = parser.parse_args()
    every = {"lines": lines.lines(), **kinds()}
    if unknown := set(given.only or ()) - set(every):
        parser.error(f"--only {unknown.pop()}: there are {', '.join(every)}")
    start, short = time.time(), 0
    with tempfile.TemporaryDirectory() as folder:
        sandbox = Sandbox(Path(folder))
        sandbox.run(Case(("prompt=a red heart",)))  # imports what every case needs
        gc.freeze()
        for name in given.only or every:
            count = given.count if name == "lines" else max(given.count // 2, 1)
            tally = tried(every[name], count, given.seed, sandbox, not given.untimed)
            compared(tally, given.processes if name == "lines" else given.processes // 10, sandbox)
            tell(name, tally, sandbox, not given.untimed)
            short += tally.short
        sandbox.close()
    print(f"{short} fall short in all, {time.time() - start:.0f} s")
    return 1 if short else 0


if __name__ == "__main__":
    sys.exit(main())
