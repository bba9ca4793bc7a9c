"""Every setting has its traits, and they agree with each other."""

import dataclasses

import pytest

from guided.config import schema
from guided.config.composition import compose
from guided.config.schema import COMMAND, MACHINE, PICTURE, RUN, Config, Setting
from guided.errors import BadInput
from guided.paths import conf_folder


@pytest.mark.parametrize("field", dataclasses.fields(Config), ids=lambda field: field.name)
def test_every_setting_has_traits_and_help(field):
    traits = field.metadata["setting"]
    assert isinstance(traits, Setting) and traits.help
    assert traits.scope in (PICTURE, RUN, MACHINE, COMMAND)
    assert traits.group == (conf_folder() / field.name).is_dir()
    assert traits.group or not (traits.several or traits.own_names or traits.paths)


def test_what_decides_a_picture_is_recorded_and_the_rest_is_not():
    """The settings that version 0.1 left out of records, by hand."""
    assert set(schema.unrecorded()) - set(schema.COMMANDS) == {
        *("debug", "folder", "models", "cache", "name", "prompts", "batch", "resume"),
        "gallery",
        *("checkpoint", "workers", "trust"),
    }


def test_settings_of_the_whole_batch_are_those_of_no_picture_and_the_device():
    whole = set(schema.having("per_row", False))
    assert whole == {*schema.unrecorded(), "device"} - {"checkpoint"}


def test_groups_of_several_choices_are_typed_as_mappings():
    types = {field.name: field.type for field in dataclasses.fields(Config)}
    several = {name for name, type in types.items() if str(type).startswith("dict")}
    assert set(schema.groups(several=True)) == several


def test_a_wrong_value_of_another_setting_names_that_setting():
    wrong = {
        "model.recommended.area": ("cutouts", "nowhere"),
        "model.recommended.clamp": ("generator", "-1"),
        "model.recommended.eta": ("sampler", "[7]"),
    }
    for name, (part, value) in wrong.items():
        with pytest.raises(BadInput) as caught:
            schema.build(compose(["prompt=x", f"{name}={value}"])[part], part)
        assert str(caught.value).endswith(f"; it is what {name} says")
    with pytest.raises(BadInput) as caught:
        schema.build(compose(["prompt=x", "cutouts.area=nowhere"]).cutouts, "cutouts")
    assert "says" not in str(caught.value)
