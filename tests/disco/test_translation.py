"""Given settings over defaults, and the difference of two translations."""

import pytest

from guided.disco.table import data, defaults
from guided.disco.translation import Given, Translation, beyond, dialect, grouped


def test_a_files_settings_are_above_the_defaults_of_its_program() -> None:
    given = Given("disco", {"steps": 7, "oddity": 1})
    assert given.take("steps") == 7
    assert given.take("eta") == defaults("disco")["eta"]
    assert given.take("nothing") is None
    assert list(given.left()) == ["oddity"]


@pytest.mark.parametrize(("skip", "steps", "skipped"), [(10, 250, 10), ("20%", 250, 50)])
def test_skipped_steps_are_a_number_or_a_share(skip: object, steps: int, skipped: int) -> None:
    assert Translation("disco", settings={"skip": skip}).skipped(steps) == skipped
    assert Translation("disco").skipped(steps) == 0


def test_only_what_its_look_does_not_set_is_beyond_it() -> None:
    usual = Translation("disco", {"model": "a"}, {"steps": 250, "init": None})
    mine = Translation("disco", {"model": "a", "clip": ["b"]}, {"steps": 250, "seed": 3}, ["note"])
    difference = beyond(mine, usual)
    assert difference.choices == {"clip": ["b"]}
    assert difference.settings == {"seed": 3}
    assert difference.notes == ["note"]


def test_a_setting_of_none_that_the_look_lacks_is_beyond_it() -> None:
    assert beyond(Translation("x", settings={"a": None}), Translation("x")).settings == {"a": None}


def test_a_group_is_below_the_files_own_settings() -> None:
    name, group = next(iter(data()["groups"].items()))
    key = next(iter(group))
    merged = grouped({"cut_schedules_group": name, key: "own"})
    assert merged == {**group, key: "own"}
    assert grouped({"steps": 3}) == {"steps": 3}
    with pytest.raises(ValueError, match="cut_schedules_group=none is not one of"):
        grouped({"cut_schedules_group": "none"})


def test_a_dialect_is_told_by_its_own_names() -> None:
    assert dialect({"stop_early": 0, "steps": 5}) == "progrockdiffusion"
    assert dialect({"gen_seed": 0}) == "entmike's disco-diffusion-1"
    assert dialect(defaults("disco")) == dialect(defaults("discoart")) == ""


@pytest.mark.parametrize("nothing", ["none", "NONE", " None ", "null"])
def test_none_as_text_is_nothing_and_lists_as_text_are_lists(nothing: str) -> None:
    given = Given("disco", {"init_image": nothing, "image_prompts": "{}", "batch_name": "[1]"})
    assert given.take("init_image") is None
    assert (given.take("image_prompts"), given.take("batch_name")) == ({}, "[1]")
