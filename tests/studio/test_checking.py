"""What an input is understood to be, and the one line for what is wrong."""

import pytest

from guided.errors import BadInput
from guided.studio.checking import Checker, setting_of


def find(value):
    raise BadInput(f"{value} is no picture")


@pytest.fixture(scope="module")
def checker():
    return Checker()


def test_the_words_are_those_of_a_command_line(checker):
    found = checker.check(
        {"prompt": "a red heart", "seed": 7, "steps": 30, "size": [64, 64]}, find
    )
    assert found.plan.steps == 30 and found.plan.size == (64, 64) and found.plan.seed == 7
    assert found.words == ["prompt=a red heart", "seed=7", "steps=30", "size=[64,64]"]
    assert found.command.endswith("'prompt=a red heart' seed=7 steps=30 'size=[64,64]'")


def test_warnings_are_answered_and_not_printed(checker, caplog):
    found = checker.check({"prompt": "a red heart", "steps": 3}, find)
    assert any("too few" in line for line in found.warnings)
    assert not caplog.records


def test_missing_weights_are_told_with_the_command_that_fetches_them(checker, tmp_path):
    found = checker.check({"prompt": "x", "model": "imagenet512"}, find)
    assert "models=download" in found.missing


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"steps": 0}, "steps"),
        ({"seed": -2}, "seed"),
        ({"size": [1, 2, 3]}, "size"),
        ({"count": 10**9}, "count"),
        ({"guide.clip.scale": -5}, "guide.clip.scale"),
        ({"sampler.eta": 7}, "sampler.eta"),
        ({"sampler": "ddmi"}, "sampler"),
        ({"guide.smooth.scale": 5}, "guide.smooth.scale"),  # smooth is not chosen
        ({"skip": "200%"}, "skip"),
        ({"strength": 0.5}, None),
        ({"output.still.format": "exe"}, "output.still.format"),
        ({"stesp": 5}, "stesp"),
        ({"init": "upload:x"}, None),
    ],
)
def test_errors_are_one_line_and_name_the_setting(checker, given, setting):
    whole = {"prompt": "a heart", **given}
    try:
        checker.check(whole, find)
    except BadInput as error:
        line = str(error)
        assert "\n" not in line and "Traceback" not in line
        assert setting is None or setting_of(line, whole) == setting
    else:
        assert setting is None


def test_one_input_leaves_nothing_in_the_next(checker):
    first = checker.check({"prompt": "a heart"}, find)
    checker.check({"prompt": "a heart", "sampler": "ddpm", "steps": 77, "look": ["draft"]}, find)
    again = checker.check({"prompt": "a heart"}, find)
    assert again.plan.affecting("steps") == first.plan.affecting("steps")


def test_no_prompt_is_an_error(checker):
    with pytest.raises(BadInput, match="prompt"):
        checker.check({}, find)


@pytest.mark.parametrize(
    "given",
    [
        {"init": "upload:a"},
        {"mask": "upload:a"},
        {"regions": [{"mask": "upload:a"}]},
        {"regions": [{"box": [0, 0, 1, 1], "prompt": "a", "mask": "upload:a"}]},
        {"image_prompt": [{"image": "upload:a", "weight": "x"}]},
    ],
)
def test_errors_about_pictures_have_their_ids_and_no_paths(checker, tmp_path, given):
    place = tmp_path / "a-folder-of-a-name-so-long-that-messages-cut-it-off" / "a.png"
    place.parent.mkdir()
    place.write_text("no picture")
    with pytest.raises(BadInput) as caught:
        checker.check({"prompt": "a heart", **given}, lambda value: place)
    line = str(caught.value)
    assert "upload:a" in line and str(tmp_path)[:6] not in line


def test_errors_about_presets_name_their_file_and_no_path(tmp_path):
    (tmp_path / "look").mkdir()
    text = "# @package _global_\nsteps: 0\n"
    (tmp_path / "look" / "mine.yaml").write_text(text, encoding="utf-8")
    checker = Checker([], ["--config-dir", str(tmp_path)])
    given = {"prompt": "a red heart", "look": "mine"}
    with pytest.raises(BadInput, match=r"^presets/look/mine\.yaml: steps=0 must be"):
        checker.check(given, find)
