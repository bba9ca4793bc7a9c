"""Run several command lines of run.py one after the other in one process, on one thread.

Loading torch and the models takes seconds, so a test that needs many runs does them together.
Nothing but run.py is imported, so that the tests do not depend on where the package keeps what.
"""

from __future__ import annotations

import io
import json
import logging
import os
import runpy
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass
class Result:
    """What one command line left."""

    code: int
    out: str
    err: str


def run_all(
    commands: Sequence[Sequence[str]], cwd: Path, environment: Mapping[str, str] | None = None,
    root: Path = ROOT,
) -> list[Result]:  # fmt: skip
    """Run each command line in `cwd`, all in one child process with one thread. `root`: the folder
    of run.py, with this file in its tests/."""
    settings = {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(root), **(environment or {})}
    child = subprocess.run(
        [sys.executable, "-m", "tests.commands"],
        input=json.dumps([list(command) for command in commands]).encode(),
        capture_output=True,
        cwd=cwd,
        env=os.environ | settings,
        check=False,
    )
    assert child.returncode == 0, child.stderr.decode(errors="replace")
    return [Result(**entry) for entry in json.loads(child.stdout)]


def run_one(words: Sequence[str]) -> Result:
    """Run one command line in this process."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    logging.root.handlers.clear()  # the handler of the command before writes to its own stream
    sys.argv = [str(ROOT / "run.py"), *words]
    code: object = 0
    with redirect_stdout(out), redirect_stderr(err):
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as left:
            code = left.code
        for stream in (out, err):
            stream.flush()
    texts = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return Result(code if isinstance(code, int) else 0 if code is None else 1, *texts)


if __name__ == "__main__":
    results = [vars(run_one(words)) for words in json.load(sys.stdin)]
    json.dump(results, sys.stdout)
