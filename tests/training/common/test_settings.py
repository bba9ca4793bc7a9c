"""The settings of a training and the words of a command line."""

import subprocess
import sys
from pathlib import Path

import pytest

from guided.errors import BadInput
from guided.training.common.settings import TrainingSettings, from_argv, main


def settings(place: Path, **more: object) -> TrainingSettings:
    made = TrainingSettings(**{"data": str(place), "device": "cpu", **more})
    made.check()
    return made


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"fade": 1.5}, "fade=1.5"),
        ({"batch": 0}, "batch=0"),
        ({"minutes": 0.0}, "minutes=0"),
        ({"device": "gpu"}, "device=gpu"),
        ({"precision": "float16"}, "precision=float16"),
        ({"data": "/nowhere"}, "data=/nowhere"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, more: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings(tmp_path, **more)


def test_settings_read_words_and_name_mistakes() -> None:
    told = from_argv(TrainingSettings, ["minutes=3", "fade=1e-1", "compile=true", "out=x"])
    assert (told.minutes, told.fade, told.compile, told.out) == (3.0, 0.1, True, "x")
    for words, said in (
        (["minute=3"], "did you mean 'minutes'"),
        (["batch=many"], "batch=many must be a whole number"),
        (["fade=much"], "fade=much must be a number"),
        (["minutes"], "'minutes' is not one of the settings"),
    ):
        with pytest.raises(BadInput, match=said):
            from_argv(TrainingSettings, words)


def test_bad_input_is_one_line_and_exit_code_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["x", "fade=2"])
    with pytest.raises(SystemExit) as left:
        main(TrainingSettings, TrainingSettings.check)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "text", ["a b", "${data}", "???", "[1, 2]", "null", "2024", "key=value", "{"]
)
def test_a_text_is_taken_as_it_is(text: str) -> None:
    assert from_argv(TrainingSettings, [f"out={text}"]).out == text


@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_lists_every_setting(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        from_argv(TrainingSettings, [word])
    assert left.value.code == 0
    assert "minutes=60.0" in capsys.readouterr().out


def test_the_last_of_equal_words_counts() -> None:
    assert from_argv(TrainingSettings, ["batch=1", "batch=2"]).batch == 2


def test_settings_load_no_torch() -> None:
    code = "import guided.training.common.settings, sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
