"""What settings of theirs become here, read off their own semantics."""

import pytest

from guided.cli.import_settings import command
from guided.disco.rules import translate
from guided.disco.table import data, rows
from guided.schedule import schedule

HELD = ["clip", "range", "smooth", "saturation", "likeness"]


def said(program="disco", **settings):
    return translate(program, settings)


def at(value, *progress):
    return [schedule("x", value)(p) for p in progress]


@pytest.mark.parametrize(
    ("settings", "ours"),
    [
        (dict(clip_guidance_scale=7500), {"guide.clip.scale": 7500}),
        (dict(tv_scale="150"), {"guide.smooth.scale": 150}),
        (dict(sat_scale=20), {"guide.saturation.scale": 20}),
        (dict(cutn_batches=2), {"cutouts.batches": 2}),
        (dict(cut_ic_pow="[12]*1000"), {"cutouts.power": 12}),
        (dict(skip_augs=True), {"cutouts.augment": False}),
        (dict(skip_steps=25), {"skip": 25}),
        (dict(eta=0), {"sampler.eta": 0}),
        (dict(clamp_max=0.1), {"generator.clamp": 0.1}),
        (dict(clamp_grad=False), {"generator.clamp": None}),
        (dict(clip_denoised=True), {"model.clip_denoised": True}),
        (dict(width=1300, height=768), {"size": [1280, 768]}),
        (dict(seed=4294967296), {"seed": 4294967296}),
        (dict(steps=500), {"steps": 500}),
        (dict(perlin_init=True), {"init": "perlin"}),
        (dict(perlin_init=True, perlin_mode="gray"), {"init": "perlin:gray"}),
        (dict(init_image="a.png", init_scale=0), {"init": "a.png"}),
        (dict(use_vertical_symmetry=True), {"generator.symmetry": "vertical"}),
        (
            dict(use_vertical_symmetry=True, use_horizontal_symmetry=True),
            {"generator.symmetry": "both"},
        ),
        # 240 steps are taken, and the 22nd is mirrored: position 218 of 250, time 872.
        (dict(use_vertical_symmetry=True), {"generator.symmetry_at": [0.127]}),
        (dict(intermediate_saves=[5, 9]), {"output.steps.at": [6, 10]}),
        (dict(intermediate_saves=2, steps=250, skip_steps=10), {"output.steps.every": 79}),
        # 200 steps are taken, two of them saved on the way: at thirds.
        (dict(intermediate_saves=2, steps=250, skip_steps="20%"), {"output.steps.every": 66}),
        (dict(intermediate_saves="[5, 9]"), {"output.steps.at": [6, 10]}),
        # progrockdiffusion: shares of the steps.
        (dict(intermediate_saves=[0.5, 0.9], steps=100), {"output.steps.at": [51, 91]}),
        (dict(clip_guidance_scale="auto"), {"guide.clip.scale": "auto"}),
        (dict(eta="auto", clamp_max="AUTO"), {"sampler.eta": "auto", "generator.clamp": "auto"}),
        (dict(n_batches=True, batch_size=True), {"count": 1}),
        (dict(skip_steps=False, cut_ic_pow=True), {"skip": 0, "cutouts.power": 1}),
        (
            dict(sat_scale=False, tv_scale=True),
            {"guide.saturation.scale": 0, "guide.smooth.scale": 1},
        ),
        (dict(width_height="[1280, 768]"), {"size": [1280, 768]}),
        (dict(width_height="1280x768"), {"size": [1280, 768]}),
        (dict(width_height="(512, 448)"), {"size": [512, 448]}),
        (dict(width=512.0, height="448"), {"size": [512, 448]}),
        (
            dict(use_vertical_symmetry=1, transformation_percent="[0.09]"),
            {"generator.symmetry_at": [0.127]},
        ),
        (
            dict(use_vertical_symmetry="on", transformation_percent="0.09"),
            {"generator.symmetry_at": [0.127]},
        ),
        (
            dict(text_prompts='{"0": ["a star", "fog:0.5"]}'),
            {"prompt": ["a star", {"text": "fog", "weight": 0.5}]},
        ),
        (dict(text_prompts="[dramatic] castle"), {"prompt": "[dramatic] castle"}),
        (dict(batch_name="Dream"), {"name": "Dream"}),
        (dict(useCPU=True), {"device": "cpu"}),
        (dict(width_height_for_512x512_models=[1024, 640]), {"size": [1024, 640]}),
        (
            dict(
                width_height_for_512x512_models=[1024, 640],
                width_height_for_256x256_models=[256, 320],
                diffusion_model="pixel_art_diffusion_hard_256",
            ),
            {"size": [256, 320]},
        ),
    ],
    ids=str,
)
def test_one_setting(settings, ours):
    found = said(**settings).settings
    assert {name: found[name] for name in ours} == ours


@pytest.mark.parametrize(
    ("settings", "choices"),
    [
        ({}, dict(model="imagenet512", clip=["vit_b32", "vit_b16", "rn50"], sampler="ddim")),
        (dict(diffusion_sampling_mode="plms"), dict(sampler="plms")),
        (dict(ViTB32=True, RN50=False, ViTL14=True), dict(clip=["vit_b32", "vit_b16", "vit_l14"])),
        (dict(ViTL14_336px=True), dict(clip=["vit_b32", "vit_b16", "vit_l14_336", "rn50"])),
        (dict(sampling_mode="plms"), dict(sampler="plms")),
        (dict(sampling_mode="bicubic"), dict(sampler="ddim")),
        (dict(diffusion_model="watercolordiffusion"), dict(model="watercolor")),
        (dict(diffusion_model="portrait_generator_v002"), dict(model="portrait15")),
        (dict(diffusion_model="watercolordiffusion_2"), dict(model="watercolor2")),
        (dict(diffusion_model="portrait_generator_v001"), dict(model="portrait")),
        (dict(diffusion_model="models/mine.pt"), dict(model="models/mine.pt")),
        (dict(use_secondary_model=False), dict(secondary="none")),
        (dict(init_image="a.png"), dict(guide=HELD)),
    ],
    ids=str,
)  # fmt: skip
def test_one_choice(settings, choices):
    found = said(**settings).choices
    assert {name: found[name] for name in choices} == choices


@pytest.mark.parametrize("nothing", ["", "none", "None", "NONE", " none ", "null", None])
def test_none_is_no_picture_no_seed_and_no_name(nothing):
    found = said(init_image=nothing, init_scale=1000, set_seed=nothing, batch_name=nothing)
    assert not {"init", "seed", "name", "guide.likeness.scale"} & set(found.settings)
    assert "guide" not in found.choices


@pytest.mark.parametrize("seed", [-1, "-1", "random", "random_seed", "Random"])
def test_a_seed_that_stands_for_any_is_none(seed):
    assert "seed" not in said(seed=seed).settings
    assert "seed" not in said(set_seed=seed).settings


def test_the_beginning_of_several_names_is_no_name():
    found = said(diffusion_model="pixel_art_diffusion")
    assert "model" not in found.choices
    (why,) = (why for why, names in found.left.items() if "diffusion_model" in names[0])
    assert "pixelart_hard, pixelart_soft" in why


def test_a_moment_of_symmetry_outside_of_the_run_is_told():
    found = said(use_vertical_symmetry=True, transformation_percent=[0.09, 1.5])
    assert found.settings["generator.symmetry_at"] == [0.127]
    assert any("1.5" in name for names in found.left.values() for name in names)


def test_range_never_acted_in_disco_and_does_in_discoart():
    disco = said(range_scale=500)
    assert disco.settings["guide.range.scale"] == 0
    assert any("no effect" in note for note in disco.notes)
    assert said("discoart", range_scale=500).settings["guide.range.scale"] == 500


def test_a_clamp_that_is_off_for_a_while_limits_nothing_then():
    found = said("discoart", clamp_grad="[True]*500+[False]*500", clamp_max="[0.1]*250+[0.05]*750")
    assert at(found.settings["generator.clamp"], 0.1, 0.3, 0.7)[:2] == [0.1, 0.05]
    assert at(found.settings["generator.clamp"], 0.7)[0] >= 1e6


def test_the_secondary_model_may_go_after_a_while():
    found = said("discoart", use_secondary_model="[True]*400+[False]*600")
    assert found.choices["secondary"] == "imagenet2"
    assert at(found.settings["generator.secondary"], 0.3, 0.5) == [1, 0]


def test_a_gif_of_the_making_is_made_where_a_file_says_how_fast():
    with_it = said("discoart", gif_fps=25, visualize_cuts=True)
    assert with_it.choices["output"][-2:] == ["cuts", "video"]
    assert with_it.settings["output.video.format"] == "gif"
    assert with_it.settings["output.video.fps"] == 25
    for without in (said("discoart"), said("discoart", gif_fps=0)):
        assert "output" not in without.choices
        assert "output.video.fps" not in without.settings


def test_a_group_sets_what_the_file_does_not():
    found = said("discoart", cut_schedules_group="han_fav", tv_scale=5)
    assert found.settings["guide.smooth.scale"] == 5
    assert found.settings["guide.saturation.scale"] == 10000
    assert found.settings["generator.clamp"] == 0.1
    assert at(found.settings["cutouts.power"], 0.1, 0.3, 0.9) == [0, 10, 80]
    assert found.choices["clip"] == ["vit_b32", "vit_b16", "vit_l14", "rn101", "rn50"]


# ---- nothing is dropped in silence -------------------------------------------------------------


@pytest.mark.parametrize("program", ["disco", "discoart"])
def test_whatever_has_no_equivalent_is_named_with_its_reason(program):
    names = [name for row in rows() if row.why for name in row.names(program) if " " not in name]
    found = said(program, **dict.fromkeys(names, 1), _version="0.12", oddity=3)
    left = {name: why for why, group in found.left.items() for name in group}
    assert set(names) | {"oddity"} <= set(left)
    assert left["oddity"] == "not known"
    assert all(left.values())


@pytest.mark.parametrize("program", ["disco", "discoart"])
def test_no_name_of_the_table_is_unknown(program):
    for row in rows():
        value = row.default if program == "disco" else row.discoart_default
        for name in row.names(program):
            one = value[name] if isinstance(value, dict) and name in value else value
            one = True if name in data()["clips"] else one
            if " " not in name and "..." not in name:  # those are descriptions in words
                assert name not in translate(program, {name: one}).left.get("not known", [])


def test_pictures_are_always_written_and_it_is_told():
    left = said("discoart", image_output=False).left
    assert any("image_output" in name for names in left.values() for name in names)
    assert not said("discoart", image_output=True).left


ODD = [True, -1, 0, 0.5, 10**400, float("inf"), float("nan"), "x", "???", " ", [], [1], [[1]], {},
       {"a": [1]}, {1: {2: 3}}, None]  # fmt: skip


@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_whatever_stands_there_is_translated_or_refused_in_one_line(value):
    for program in ("disco", "discoart"):
        names = {name for row in rows() if row.ours for name in row.names(program)}
        for name in sorted(names | {*data()["clips"]}):
            try:
                words = command(translate(program, {name: value}))
            except ValueError as error:
                assert "\n" not in str(error)
                assert len(str(error)) < 400
            else:
                assert all(isinstance(word, str) for word in words)


@pytest.mark.parametrize(
    "settings",
    [
        dict(intermediate_saves=-1),
        dict(clip_models_schedules=True),
        dict(cut_schedules_group=[1]),
        dict(cut_overview=[12, "x"]),
        dict(tv_scale={"a": 1}),
        dict(clip_models=["a],look=[b"]),
        dict(steps="many", intermediate_saves=2),
        dict(cut_overview="9**9**9"),
        dict(eta="lots"),
        dict(diffusion_sampling_mode="k_lms"),
        dict(width_height=[1280]),
        dict(perlin_init=True, perlin_mode="blue"),
        dict(cut_schedules_group="mine"),
        dict(seed="lucky"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_named(settings):
    with pytest.raises(ValueError, match="|".join(settings)):
        said("discoart", **settings)
