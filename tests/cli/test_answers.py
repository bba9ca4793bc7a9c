"""--help and --version: their texts, without what takes long to import."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from guided.cli import answers
from guided.version import __version__

ROOT = Path(__file__).parents[2]
HEAVY = ("hydra", "torch", "PIL", "open_clip", "numpy")


def test_the_version_names_the_libraries_that_decide_pictures():
    line = answers.version([])
    assert line.startswith(f"guided {__version__}, torch {version('torch')}, open_clip ")
    assert version("open_clip_torch") in line and "\n" not in line


@pytest.mark.parametrize("flag", ["--version", "--help", "-h"])
def test_a_text_is_printed_without_what_takes_long_to_import(flag):
    program = f"""
import runpy, sys
sys.argv = [{str(ROOT / "run.py")!r}, {flag!r}, "prompt=x"]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as left:
    assert not left.code, left.code
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "[]"
    assert re.match(r"guided \d|Draw pictures", done.stdout)


@pytest.mark.parametrize("arguments", [["prompt=--help"], ["--cfg", "job"], ["-sc", "--help"], []])
def test_other_arguments_are_none_of_them(arguments, capsys):
    assert answers.answered(arguments) is None
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_is_one_line(capsys):
    assert answers.answered(["--help", "--config-dir", "~nosuchuser/x"]) == 2
    line = capsys.readouterr().err
    assert line.startswith("error: ") and "~nosuchuser" in line and line.count("\n") == 1
