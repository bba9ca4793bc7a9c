"""The form's settings: all that a prediction may have, as the program itself checks them."""

import json

import pytest

from guided.animation.settings import FACTS
from guided.config.kinds import path_of
from guided.config.schema import COMMAND, MACHINE, settings
from guided.studio import form
from guided.studio.app import PAGE
from guided.untrusted.allowed_files import PLACES


@pytest.fixture(scope="module")
def items():
    return form.by_name()


def test_no_setting_of_the_machine_is_in_the_form(items):
    machine = {name for name, one in settings().items() if one.scope in (MACHINE, COMMAND)}
    assert not machine & items.keys()
    assert not {"device", "cache", "folder", "wildcards", "drawn", "threads"} & items.keys()


def test_a_path_is_in_the_form_as_an_upload_alone_and_no_fact_of_a_frames_record(items):
    assert {*PLACES} & items.keys() == {*form.FILES} & {*PLACES}
    assert not {f"animate.{name}" for name in FACTS} & items.keys()


def test_no_part_of_a_card_but_its_weight_is_in_the_form(items):
    inside = [name for name in items if name.split(".")[0] in ("model", "secondary", "clip")]
    assert {name.split(".")[-1] for name in inside if "." in name} == {"weight"}
    assert not [name for name in items if "_target_" in name]


def test_every_picture_setting_is_in_the_form_or_left_out_by_name(items):
    of_pictures = {n for n, s in settings().items() if s.scope not in (MACHINE, COMMAND)}
    assert of_pictures - items.keys() - {*form.LEFT_OUT} == set()


def test_examples_have_no_quotes_of_a_shell(items):
    help = items["prompt"][0].help
    example = help[help.index("[") : help.rindex("]") + 1]
    assert json.loads(example) == ["a castle:2", "fog"]  # as it is typed into the form
    help = items["regions"][0].help
    example = help[help.index("[") : help.rindex("]") + 1]
    assert json.loads(example) == [{"box": [0, 0, 0.5, 1], "prompt": "a tree"}]
    helps = [item.help for listed in items.values() for item in listed]
    assert not [help for help in helps if "'[" in help or "'{" in help]


def test_every_setting_has_a_meaning(items):
    assert [name for name, (one, *_) in items.items() if not one.help] == []


def numbered(items):
    return [
        one
        for listed in items.values()
        for one in listed
        if one.needs and (one.minimum is not None or one.maximum is not None)
    ]


def test_limits_are_those_that_the_classes_check(items):
    """Independent of the messages: the limits themselves are taken, what is beyond is not."""
    from importlib import import_module

    checked = 0
    for one in numbered(items):
        group, choice = one.needs
        node = form.plain_choice(group, choice)
        if "_target_" not in node:
            continue
        module, _, name = path_of(node["_target_"]).rpartition(".")
        cls, field = getattr(import_module(module), name), one.name.split(".")[-1]
        for limit, beyond in ((one.minimum, -1), (one.maximum, 1)):
            if limit is not None and one.type != "list":
                beside = {"quality": {"format": "webp"}, "near": {"far": 1e6}}.get(field, {})
                cls(**{field: limit, **beside})
                with pytest.raises(ValueError):
                    cls(**{field: limit + beyond, **beside})
                checked += 1
    assert checked > 40


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("a whole number from 1 to 64", (1, 64)),
        ("a number from 0 to 1", (0, 1)),
        ("a number of 0 or more", (0, None)),
        ("a whole number from -3 to 1e+06", (-3, 1_000_000)),
        ("true or false", (None, None)),
        ("a number", (None, None)),
    ],
)
def test_limits_of_texts(said, found):
    assert form.limits(said) == found


def test_choices_have_names_in_both_languages(client):
    schema = client.get("/schema").json()
    hokusai = next(one for one in schema["choices"]["artist"] if one["name"] == "hokusai")
    assert hokusai["label"]["zh"] == "葛饰北斋" and "Hokusai" in hokusai["label"]["en"]
    by_name = {one["name"]: one for one in schema["settings"]}
    assert (
        by_name["model"]["default"] == "embedded" and "imagenet512" in by_name["model"]["choices"]
    )
    assert by_name["sampler.eta"]["needs"]["group"] == "sampler"
    assert "progress" not in by_name["output"]["choices"]


def test_defaults_are_what_is_drawn_without_being_typed(client):
    """A prediction with every default of the top typed is understood as one without any."""
    schema = client.get("/schema").json()["settings"]
    top = {s["name"]: s["default"] for s in schema if s["section"] == "picture"}
    typed = {name: value for name, value in top.items() if value is not None}
    bare, full = (
        client.post("/preflight", json={"input": {"prompt": "a heart", **given}}).json()
        for given in ({}, typed)
    )
    assert {**bare, "words": 0, "command": 0} == {**full, "words": 0, "command": 0}


def test_films_are_in_the_form_but_for_what_names_files(items):
    assert "video" not in items["animate"][0].choices and "orbit" in items["animate"][0].choices
    of_films = {name.split(".")[1] for name in items if name.startswith("animate.")}
    assert {"zoom", "strength", "prompts", "loop"} <= of_films
    assert not {"video", "depth", "before", "frame", "colors", "preview"} & of_films


def test_a_setting_is_there_for_each_choice_that_has_it(items):
    samplers = {one.needs for one in items["sampler.eta"]}
    assert {("sampler", "ddim"), ("sampler", "dpmpp_2m")} <= samplers


def test_artists_and_looks_have_a_picture_of_their_manner_or_their_colours():
    """As the tables of docs/styles.md say."""
    found = form.as_dict()["choices"]
    manners = {one["name"]: one["manner"] for one in [*found["artist"], *found["look"]]}
    assert manners["hokusai"] == "woodblock print" and manners["van_gogh"] == "oil painting"
    assert manners["calm"] == ""
    for manner in filter(None, manners.values()):
        assert (PAGE / f"manner-{manner.replace(' ', '-')}.webp").is_file()
    (bronze,) = (one for one in found["look"] if one["name"] == "bronze")
    assert bronze["manner"] == "" and bronze["colours"][0] == "#1f1a12"
