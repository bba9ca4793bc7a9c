"""Flags: ours pass, Hydra's others are refused with what to use instead."""

import argparse

import pytest
from hydra._internal.utils import get_args_parser

from guided.config import flags
from guided.errors import BadInput

HYDRAS = [action for action in get_args_parser()._actions if action.option_strings]
# Those of Hydra that the program passes on to it; --help is the program's own.
PASSED_ON = {"--cfg", "-c", "--multirun", "-m", "--config-dir", "-cd", "--help", "-h"}
PASSED_ON |= {"--version", "--shell-completion", "-sc"}


def takes_value(action: argparse.Action) -> bool:
    return action.nargs != 0


def test_the_flags_that_take_the_next_word_are_those_of_hydras_own_parser() -> None:
    theirs = {name for one in HYDRAS if takes_value(one) for name in one.option_strings}
    assert theirs == flags.WITH_VALUE


@pytest.mark.parametrize("name", [name for one in HYDRAS for name in one.option_strings])
def test_every_flag_of_hydra_is_ours_too_or_refused_by_name(name: str) -> None:
    typed = [name, "job"] if name in flags.WITH_VALUE else [name]
    if name in PASSED_ON:
        flags.check(typed)
    else:
        with pytest.raises(BadInput, match=f"{name} is not a flag of this program; ."):
            flags.check(typed)


@pytest.mark.parametrize("flag", [*flags.CFG, *flags.FOLDERS])
def test_a_value_that_looks_like_a_flag_is_a_value_and_one_that_lacks_is_told(flag: str) -> None:
    if flag in flags.FOLDERS:
        flags.check([flag, "-x", "-m"])
    with pytest.raises(BadInput, match=f"{flag} needs a value"):
        flags.check(["-m", flag])


@pytest.mark.parametrize("value", ["hydra", "all", "", "Job"])
def test_only_the_job_is_printed(value: str) -> None:
    flags.check(["--cfg", "job", "-c", "job"])
    with pytest.raises(BadInput, match="only --cfg job"):
        flags.check(["--cfg", value])


@pytest.mark.parametrize(
    ("slip", "meant"), [("--mutlirun", "--multirun"), ("--confg-dir", "--config-dir")]
)
def test_a_slip_is_told_the_nearest_flag(slip: str, meant: str) -> None:
    with pytest.raises(BadInput, match=f"did you mean '{meant}'"):
        flags.check([slip])


def test_the_text_about_flags_names_every_flag_once() -> None:
    for names in (flags.HELP, flags.VERSION, flags.CFG, flags.MANY, flags.FOLDERS):
        assert sum(word in names for word in flags.SUMMARY.replace(",", "").split()) == 1


@pytest.mark.parametrize("typed", [["--multirun", "3"], ["-m", "x"]])
def test_a_value_of_a_flag_that_takes_none_is_told(typed: list[str]) -> None:
    with pytest.raises(BadInput, match=f"{typed[0]} takes no value, and has {typed[1]}"):
        flags.check(typed)


@pytest.mark.parametrize("flag", flags.COMPLETION)
@pytest.mark.parametrize("action", ["install=bash", "uninstall=zsh", "install=fish"])
def test_the_shells_completion_stands_alone_with_its_shell(flag: str, action: str) -> None:
    assert flags.completes([flag, action]) and flags.completes([action, flag])
    assert not flags.completes([action, "prompt=a"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["-sc"], ["prompt=a", "-sc"], ["-sc", "install=nosuch"], ["-sc=install=bash"],
        ["-sc", "install=bash", "prompt=a"], ["--shell-completion=e"], ["-sc", "query=bash"],
    ],
)  # fmt: skip
def test_other_words_beside_completion_are_refused_with_what_there_is(arguments, monkeypatch):
    monkeypatch.delenv("COMP_LINE", raising=False)
    with pytest.raises(BadInput, match="install=bash, install=zsh, install=fish"):
        flags.completes(arguments)


def test_the_shell_itself_may_ask_for_completions(monkeypatch) -> None:
    monkeypatch.setenv("COMP_LINE", "python run.py pro")
    assert flags.completes(["-sc", "query=bash"])
