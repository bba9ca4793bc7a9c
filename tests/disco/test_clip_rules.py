"""CLIPs of Disco Diffusion and DiscoArt become CLIPs of the same weights."""

import pytest
import yaml

from guided.cli.import_settings import command
from guided.disco.rules import translate
from guided.disco.table import data
from guided.models import open_clip_registry
from guided.paths import conf_folder
from guided.schedule import schedule


def said(program="disco", **settings):
    return translate(program, settings)


def at(value, *progress):
    return [schedule("x", value)(p) for p in progress]


def test_schedules_of_clips_go_to_their_cards():
    found = said(
        "discoart",
        clip_models=["RN101::openai", "ViT-B/32"],
        clip_models_schedules={
            "RN101::openai": "[True]*400+[False]*600",
            "RN50::openai": "[1]*1000",
        },
    )
    assert found.choices["clip"] == ["rn101", "vit_b32"]
    assert at(found.settings["clip.rn101.weight"], 0.3, 0.5) == [1, 0]
    assert any("RN50" in name for names in found.left.values() for name in names)


@pytest.mark.parametrize("switch", data()["clips"])
def test_every_switch_of_disco_becomes_a_clip_of_the_same_weights(switch):
    off = dict.fromkeys(("ViTB32", "ViTB16", "RN50"), False)
    (name,) = said(**(off | {switch: True})).choices["clip"]
    if "::" in name:
        open_clip_registry.find_tag("clip", *name.split("::"))  # open_clip knows it
        assert name == data()["clips"][switch]
    else:
        card = yaml.safe_load((conf_folder() / "clip" / f"{name}.yaml").read_text())[name]
        assert f"{card['arch']}::{card['tag']}" == data()["clips"][switch]


def test_clips_without_a_card_stand_beside_those_with_one():
    theirs = ["ViT-B-32::laion2b_e16", "ViT-B/32", "RN50-quickgelu::cc12m"]
    schedules = {"ViT-B-32::laion2b_e16": 2}
    found = said("discoart", clip_models=theirs, clip_models_schedules=schedules)
    assert "clip=[ViT-B-32::laion2b_e16,vit_b32,RN50-quickgelu::cc12m]" in command(found)
    # What has no card has no setting either, and that is told.
    assert not any(name.startswith("clip.") for name in found.settings)
    assert any("laion2b_e16" in name for names in found.left.values() for name in names)


@pytest.mark.parametrize(
    ("program", "off"),
    [
        ("disco", dict(ViTB32=False, ViTB16=0, RN50="False")),
        ("discoart", {"clip_models": []}),
    ],
)
def test_clips_that_are_all_off_stay_off_and_it_is_told(program, off):
    found = said(program, **off)
    assert "clip=[]" in command(found)
    assert any("CLIP" in note for note in found.notes)


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        (dict(RN50=False), ["vit_b32", "vit_b16"]),
        (dict(ViTB16=0.0, ViTL14=1.0), ["vit_b32", "vit_l14", "rn50"]),
        (dict(ViTB32=False, ViTB16=False, RN50=False, ViTL14_336=True), ["vit_l14_336"]),
        (dict(ViTL14_336=True, ViTL14_336px=True, RN50=0), ["vit_b32", "vit_b16", "vit_l14_336"]),
        (dict(clip_models="['RN50::openai', 'ViT-B/32']"), ["rn50", "vit_b32"]),
    ],
    ids=str,
)  # fmt: skip
def test_a_switch_that_a_file_does_not_name_keeps_its_default(switches, expected):
    program = "discoart" if "clip_models" in switches else "disco"
    found = said(program, **switches)
    assert found.choices["clip"] == expected
    assert not any("every CLIP" in note for note in found.notes)


def test_a_clip_that_is_half_on_has_half_the_weight():
    found = said(ViTB32=0.5, ViTB16=1.0, RN50=0.0)
    assert found.choices["clip"] == ["vit_b32", "vit_b16"]
    assert found.settings["clip.vit_b32.weight"] == 0.5
    assert "clip.vit_b16.weight" not in found.settings
    with pytest.raises(ValueError, match="ViTB32=7"):
        said(ViTB32=7)
