"""The fuzzer: small runs of it, and that it finds what it is for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import strategies as st
from omegaconf import OmegaConf

from guided.config import schema
from guided.paths import conf_folder
from tests.fuzz import lines, oracle
from tests.fuzz.kinds import kinds
from tests.fuzz.trial import Case, Result, cuts, kinds_of, quoted, smallest, written

ROOT = Path(__file__).parent.parent


def fuzzed(*arguments: str) -> str:
    """Run the fuzzer in a process of its own and return what it prints; nothing may fall short."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--untimed", *arguments],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stdout[-8000:] + child.stderr[-2000:]
    return child.stdout


def test_command_lines_with_odd_values_are_drawn_or_refused_in_one_line():
    assert "lines: 0 of 50 fall short" in fuzzed("50", "--only", "lines", "--processes", "1")


def test_odd_files_of_every_kind_are_read_or_refused_in_one_line():
    said = fuzzed("4", "--processes", "0", *(f"--only={kind}" for kind in kinds()))
    assert said.count("0 of 2 fall short") == len(kinds())


def test_all_settings_are_tried():
    names = {known.name for known in lines.settings()}
    assert set(schema.settings()) <= names
    assert {"guide.clip.scale", "output.video.fps", "model.unet.num_channels"} <= names
    parts = [path for path in conf_folder().glob("*/*.yaml") if path.parent.name != "local"]
    for path in parts:
        if path.parent.name in ("generator", "sampler", "cutouts", "guide", "output"):
            node = yaml.safe_load(path.read_text(encoding="utf-8"))
            inside = node.get(path.parent.name, node.get(path.stem, node))
            keys = set(inside) - {"_target_"}
            assert keys <= {name.rpartition(".")[2] for name in names}, path


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (Result(1, err="error: KeyError: 'a'\n", raised=KeyError("a")), "exit code 1: KeyError"),
        (Result(2, err="error: steps=a\nmore\n"), "a second line of message"),
        (Result(2), "no line of message"),
        (Result(2, err="error: steps=\x1b[31m\n"), "a message that is not printable"),
        (Result(2, err="error: steps=" + "a" * 3000 + "\n"), "a message that is too long"),
        (Result(2, err="error: steps: 'int' object has no attribute\n"), "Python's words"),
        (Result(2, err="error: cannot be read\n"), "a message that names nothing"),
        (Result(2, err="error: steps=a\n", left=["cwd/a"]), "leaves files"),
        (Result(None, cpu=2.5), "slow"),
        (Result(None, grown=900_000), "memory"),
        (Result(None, ran=["os.system 'x'"]), "executes os.system"),
    ],
)
def test_each_kind_of_fault_is_found(result, kind):
    assert any(found.startswith(kind) for found in kinds_of(Case(("steps=a",)), result))


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("sampler.eta=7 must be a number from 0 to 1", True),
        ("/a/own/sampler/mine.yaml: sampler.eta=7 must be a number from 0 to 1", False),
        ("sampler=mine is not one of ddim, plms", False),
        ("the sampler of mine is not right", True),
    ],
)
def test_a_refusal_of_a_file_names_it(line, fault):
    case = Case(("--config-dir", "own", "sampler=mine"), (("own/sampler/mine.yaml", b"eta: 7"),))
    found = kinds_of(case, Result(2, err=f"error: {line}\n"))
    assert list(found) == ["a message that does not name the file"] * fault


def test_a_good_refusal_has_no_fault():
    refused = Result(2, err="WARNING: seed\nerror: steps=a must be a whole number\n")
    assert kinds_of(Case(("steps=a",)), refused) == {}


def test_ranges_and_choices_of_the_documentation_are_read():
    allowed = oracle.allowed()
    assert oracle.range_in(allowed[""]["count"]) == (1, 10_000, True)
    assert oracle.range_in(allowed["sampler=ddim"]["sampler.eta"]) == (0, 1, False)
    assert oracle.choices_in(allowed["guide=clip"]["guide.clip.combine"]) == ["mean", "sum"]
    assert list(oracle.unlike_range("count", 0, allowed[""]["count"]))
    assert list(oracle.unlike_range("count", 10_001, allowed[""]["count"]))
    assert not list(oracle.unlike_range("count", 10_000, allowed[""]["count"]))
    assert list(oracle.unlike_range("combine", "men", "mean, sum"))


@pytest.mark.parametrize(
    ("word", "value", "same"),
    [
        ("steps=20", 20, True),
        ("steps=20.7", 20, False),
        ("deterministic=true", True, True),
        ("seed=true", 1, False),
        ("seed=-1", None, True),
        ("seed=-1", 3, False),
        ("keep=null", None, True),
        ("checkpoint=5", 5.0, True),
        ("steps=20", "(nothing)", False),
    ],
)
def test_a_value_that_is_not_the_typed_one_is_found(word, value, same):
    cfg = OmegaConf.create({word.partition("=")[0]: value})
    assert (list(oracle.unlike([word], cfg)) == []) is same


def test_the_smallest_case_keeps_what_fails():
    case = Case(("prompt=a", "seed=xxxxxbadxxxxxxx", "-m"), (("a.txt", b"1234567"),))
    least = smallest(case, lambda one: any("bad" in word for word in one.words))
    assert least == Case(("seed=bad",), ())


def test_the_parts_that_are_left_out_are_all_parts():
    assert set(cuts("abcd")) >= {"ab", "cd", "abc", "bcd"}


@pytest.mark.parametrize("text", ["a b", "it's", "a\x1b[31m", "a\nb", "一\u202e'\\", "\t"])
def test_printed_lines_of_bash_give_the_same_word(text, tmp_path):
    script = f"printf %s {quoted(text)}"
    said = subprocess.run(["bash", "-c", script], capture_output=True, check=True).stdout
    assert said.decode() == text


@pytest.mark.parametrize("content", [b"a\n'b'", b"\xff\0\x01", "一".encode()])
def test_printed_lines_of_bash_write_the_same_file(content, tmp_path):
    subprocess.run(["bash", "-c", written("in/a.txt", content)], cwd=tmp_path, check=True)
    assert (tmp_path / "in" / "a.txt").read_bytes() == content


def test_kinds_are_strategies():
    assert all(isinstance(kind, st.SearchStrategy) for kind in kinds().values())
