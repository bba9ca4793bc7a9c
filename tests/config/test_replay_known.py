"""Recorded settings of other versions: known ones stay, others are told of or refused."""

import copy
import logging

import pytest

from guided.config import replay_known
from guided.config.replay import Record
from guided.errors import BadInput
from tests.config.records import kept, lasting, settings_of


def test_settings_of_this_version_stay_as_they_are(usual, caplog):
    settings = {name: value for name, value in usual.items() if name not in ("version", "words")}
    before = copy.deepcopy(settings)
    replay_known.clean(settings, "from=x")
    assert settings == before
    assert not caplog.records


@pytest.mark.parametrize("group", ["guide", "clip", "output"])
@pytest.mark.parametrize("nodes", [None, [], "clip", 3])
def test_a_group_that_is_no_mapping_is_refused_by_name(usual, group, nodes):
    settings = copy.deepcopy(usual) | {group: nodes}
    with pytest.raises(BadInput, match=f"from=x: {group}=.*is no choice"):
        replay_known.clean(settings, "from=x")


@pytest.mark.parametrize("secondary", [None, {}])
def test_a_record_may_have_no_secondary_model_but_must_have_the_others(usual, secondary):
    replay_known.clean(copy.deepcopy(usual) | {"secondary": secondary}, "from=x")
    for group in ("model", "sampler", "cutouts", "generator"):
        with pytest.raises(BadInput, match=f"from=x: {group} is "):
            replay_known.clean(copy.deepcopy(usual) | {group: None}, "from=x")


def test_a_part_of_another_group_is_refused(usual):
    """Each group has its own kinds: a sampler is no guide."""
    settings = copy.deepcopy(usual)
    settings["guide"]["odd"] = settings["sampler"]
    with pytest.raises(BadInput, match=r"guide\.odd is sampler/ddim"):
        replay_known.clean(settings, "from=x")


def test_a_choice_that_was_taken_out_is_no_choice_of_another_kind(usual, caplog):
    """guide.range=null leaves the guide out."""
    settings = copy.deepcopy(usual)
    settings["guide"]["range"] = None
    replay_known.clean(settings, "from=x")
    assert settings["guide"]["range"] is None
    assert "guide.range" not in caplog.text


@pytest.mark.parametrize(
    ("device", "here"),
    [
        ("auto", True),
        ("cpu", True),
        (["cpu", "cpu"], True),
        ([], False),
        (None, False),
        ({}, False),
        ("gpu", False),
        ("cuda:99", False),
        (["cpu", "cuda:99"], False),
        ([["cpu"]], False),
    ],
)
def test_a_recorded_device_is_here_or_that_is_told(device, here, caplog):
    caplog.set_level(logging.WARNING)
    assert replay_known.is_here(device, "from=x") is here
    assert len(caplog.records) == (0 if here else 1)


def test_what_this_version_does_not_know_is_told_and_left_out(tmp_path, usual, caplog):
    newer = usual | {
        "version": "9.9",
        "tide": 4,
        "sampler": usual["sampler"] | {"wobble": 2},
        "model": usual["model"] | {"unet": usual["model"]["unet"] | {"gates": 8}},
        "output": usual["output"] | {"hologram": {"_target_": "guided.outputs.holo.Holo"}},
    }
    found = lasting(Record.read(kept(tmp_path, newer)).config())
    assert found == {k: v for k, v in usual.items() if k not in ("version", "words")}
    for part in ("9.9", "tide", "sampler.wobble", "model.unet.gates", "output.hologram"):
        assert part in caplog.text


@pytest.mark.parametrize(
    "target",
    [
        "guided.diffusion.samplers.Heun",
        "os.system",
        "guided.training.common.settings.Settings",
        None,
        5,
    ],
)
def test_only_parts_that_conf_has_are_made(tmp_path, usual, target):
    strange = Record.read(kept(tmp_path, usual | {"sampler": {"_target_": target}}))
    with pytest.raises(BadInput, match="sampler is"):
        strange.config()
    assert strange.config(["sampler=ddim"]).sampler._target_ == "sampler/ddim"


def test_artists_and_looks_are_checked_as_other_groups_are(tmp_path, caplog):
    said = settings_of("prompt=x", "artist=[hokusai]", "look=[ink_wash]")
    hand = said["artist"]["hokusai"]
    newer = said | {"artist": {"hokusai": hand | {"pen": 1, "words": hand["words"] | {"fr": "x"}}}}
    found = lasting(Record.read(kept(tmp_path, newer)).config())
    assert found["artist"] == said["artist"]
    assert "artist.hokusai.pen" in caplog.text
    assert "artist.hokusai.words.fr" in caplog.text
    for group in ("artist", "look"):
        sly = said | {group: {"x": {"_target_": "guided.training.common.settings.Settings"}}}
        with pytest.raises(BadInput, match=rf"{group}\.x is guided\.training"):
            Record.read(kept(tmp_path, sly)).config()
    older = {k: v for k, v in said.items() if k not in ("artist", "look")}
    assert Record.read(kept(tmp_path, older)).config().look == {}


def test_a_device_that_is_not_here_is_told(tmp_path, usual, caplog):
    elsewhere = usual | {"device": "cuda:99", "precision": "bfloat16"}
    cfg = Record.read(kept(tmp_path, elsewhere)).config()
    assert (cfg.device, cfg.precision) == ("auto", "auto")
    assert "cuda:99" in caplog.text
    assert "differ" in caplog.text


def test_each_of_several_devices_is_looked_for(tmp_path, usual, caplog):
    here = usual | {"device": ["cpu", "cpu"]}
    assert Record.read(kept(tmp_path, here)).config().device == ["cpu", "cpu"]
    assert "not here" not in caplog.text
    elsewhere = usual | {"device": ["cpu", "cuda:99"]}
    assert Record.read(kept(tmp_path, elsewhere)).config().device == "auto"
    assert "cuda:99" in caplog.text
