"""Output that is closed, full or left by its reader; a program that is stopped as it begins."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from guided.console import Printable, warnings_collected

ROOT = Path(__file__).parent.parent
RUN = f"'{sys.executable}' '{ROOT / 'run.py'}'"


def shell(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (f"{RUN} --help | head -1", 0),
        (f"{RUN} artist=list | head -1", 0),
        (f"{RUN} models=list | head -1", 0),
        (f"{RUN} --cfg job | head -1", 0),
        (f"{RUN} --help >&-", 0),
        (f"{RUN} --help 2>&-", 0),
        (f"{RUN} prompt=x steps=0 2>&-", 2),
        (f"{RUN} prompt=x steps=0 <&- >&- 2>&-", 2),
    ],
)
def test_no_traceback_where_nobody_reads(line, code):
    done = shell(line)
    assert done.returncode == code
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("word", ["--help", "--version", "artist=list"])
def test_a_full_disk_is_one_line(word):
    done = shell(f"{RUN} {word} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3])
def test_a_program_that_is_stopped_as_it_begins_says_nothing(after):
    program = subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), "prompt=x", "steps=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(after)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate()
    # The interpreter itself may say so before it comes to the program.
    assert "guided" not in said and "run.py" not in said
    assert program.returncode in (-signal.SIGINT, 130, 2)


def test_a_warning_is_one_printable_line():
    record = logging.LogRecord("x", logging.WARNING, "", 0, "%s is odd", ("\x1b[2J\nx",), None)
    form = Printable("%(levelname)s: %(message)s")
    assert form.format(record) == r"WARNING: \x1b[2J\nx is odd"


def test_ctrl_c_is_handled_before_run_py_imports_anything_slow(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("""
import signal, sys

class Watch:
    def find_spec(name, path=None, target=None):
        if name.split(".")[0] in ("guided", "logging", "pathlib"):
            sys.meta_path.remove(Watch)
            print(signal.getsignal(signal.SIGINT) is signal.SIG_DFL, flush=True)

sys.meta_path.insert(0, Watch)
""")
    done = subprocess.run(
        [sys.executable, str(ROOT / "run.py"), "--version"],
        env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[0] == "True", done.stderr


def test_warnings_are_collected_once_each_and_those_of_other_threads_are_not(caplog):
    log = logging.getLogger("guided.somewhere")
    with warnings_collected() as lines:
        for text in ("odd", "strange", "odd"):
            log.warning(text)
        log.info("usual")
        other = threading.Thread(target=log.warning, args=["of another request"])
        other.start()
        other.join()
    assert lines == ["odd", "strange"] and not caplog.records
    log.warning("later")
    assert lines == ["odd", "strange"] and [one.message for one in caplog.records] == ["later"]
