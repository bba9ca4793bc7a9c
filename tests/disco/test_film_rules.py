"""Films of Disco Diffusion and Deforum, read off their notebooks' own semantics."""

import pytest

from guided.animation.film import read_film
from guided.animation.keyframes import Timing, read
from guided.animation.settings import Animation
from guided.cli.import_settings import command
from guided.config.plan import Plan
from guided.disco.film_rules import deforum
from guided.disco.rules import translate
from guided.disco.translation import Translation, beyond
from tests.composing import composed

SIZE = (64, 64)
FILM = {
    "text_prompts": {"0": ["a castle:2", "fog"], "100": ["a forest"]},
    "animation_mode": "2D",
    "key_frames": True,
    "max_frames": 120,
    "interp_spline": "Linear",
    "angle": "0: (0), 60: (15)",
    "zoom": "0: (1), 10: (1.05)",
    "translation_x": "0: (0)",
    "translation_y": "0: (-2)",
    "frames_skip_steps": "60%",
    "fps": 12,
    "steps": 250,
}


def said(**settings):
    return translate("disco", settings)


def test_a_film_in_two_dimensions():
    found = said(**FILM)
    assert found.choices["animate"] == "2d"
    ours = {k.removeprefix("animate."): v for k, v in found.settings.items() if "animate." in k}
    assert ours.pop("prompts") == {"hold": {0: [{"text": "a castle", "weight": 2}, "fog"],
                                            100: ["a forest"]}}  # fmt: skip
    assert ours == {
        "angle": "0: (0), 60: (15)",
        "zoom": "0: (1), 10: (1.05)",
        "translation_x": "0: (0)",
        "translation_y": "0: (-2)",
        "border": "wrap",
        "interpolation": "linear",
        "strength": pytest.approx(0.4),
        "color_match": 0,
        "sharpen": 0,
    }
    assert (found.settings["frames"], found.settings["fps"]) == (120, 12)
    assert "prompt" not in found.settings


def test_a_film_in_three_dimensions_has_what_the_notebook_has_unless_it_says_otherwise():
    found = said(animation_mode="3D", translation_z="0: (10.0)", frames_skip_steps=100, steps=250)
    assert found.choices["animate"] == "3d"
    assert found.settings["animate.translation_z"] == "0: (10.0)"
    assert found.settings["animate.fov"] == 40
    assert (found.settings["animate.near"], found.settings["animate.far"]) == (200, 10_000)
    assert found.settings["animate.border"] == "border"
    assert found.settings["animate.strength"] == pytest.approx(0.6)


def test_turbo_is_a_cadence_after_the_first_frames():
    turbo = {"animation_mode": "3D", "turbo_mode": True, "turbo_steps": "4", "turbo_preroll": 6}
    found = said(**turbo)
    film = read_film(
        Animation(mode="3d", cadence=found.settings["animate.cadence"]), 16, 12, 0, SIZE
    )
    assert film.drawn == (0, 1, 2, 3, 4, 5, 6, 10, 14, 15)
    assert said(**turbo | {"turbo_preroll": 0}).settings["animate.cadence"] == 4
    for without in ({"turbo_mode": False}, {"animation_mode": "2D"}):
        assert "animate.cadence" not in said(**turbo | without).settings


def test_vr_is_a_stereo_film_with_the_same_eyes():
    vr = {"animation_mode": "3D", "vr_mode": True, "vr_ipd": 4, "vr_eye_angle": 0.25}
    found = said(**vr).settings
    assert (found["animate.stereo"], found["animate.depth"]) == ("side_by_side", "depth_anything")
    assert (found["animate.eye_distance"], found["animate.eye_angle"]) == (4, 0.25)
    assert "animate.stereo" not in said(**vr | {"vr_mode": False}).settings


def test_a_film_over_a_video():
    video = {"animation_mode": "Video Input", "video_init_path": "dance.mp4", "fps": 10}
    found = said(**video, max_frames=9999, video_init_flow_blend=0.9, extract_nth_frame=2)
    assert found.choices["animate"] == "video"
    assert found.settings["animate.video"] == "dance.mp4"
    assert found.settings["animate.flow_blend"] == 0.9
    assert found.settings["animate.strength"] == pytest.approx(0.3)
    assert found.settings["fps"] == 10
    assert "frames" not in found.settings
    assert not {"animate.angle", "animate.border"} & found.settings.keys()
    assert said(**video, video_init_flow_warp=False).settings["animate.flow_blend"] == 0


def test_a_film_of_deforum_over_a_video_begins_each_frame_with_the_videos_own():
    out = Translation(look="")
    values = {"animation_mode": "Video Input", "video_init_path": "a.mp4", "max_frames": 9,
              "strength_schedule": "0: (0.6)", "zoom": "0: (1.02)"}  # fmt: skip
    assert deforum(values, out) >= values.keys() - {"zoom"}
    assert "zoom" not in deforum(values, out)
    assert out.choices["animate"] == "video"
    assert out.settings["animate.video"] == "a.mp4"
    assert (out.settings["animate.flow_blend"], "frames" in out.settings) == (0, False)


def test_a_film_of_no_steps_is_left_to_the_check_of_steps():
    assert said(animation_mode="2D", frames_skip_steps=24, steps=0).settings["steps"] == 0


def test_settings_of_films_are_told_where_none_is_drawn():
    found = said(animation_mode="None", angle="0: (0)", max_frames=10_000)
    assert "animate" not in found.choices
    assert any({"angle", "max_frames"} <= set(names) for names in found.left.values())


@pytest.mark.parametrize(
    ("theirs", "steps_taken"),
    [
        (0.65, [0.35, 0.35]),
        ("0: (0.65)", [0.35, 0.35]),
        ("0: (0.65), 10: (0.4)", [0.35, 0.6]),
        ("0: (where(t<5, 0.5, max(0.2, 0.1))), 20: (0.4),", [0.5, 0.8]),
        ("0.65", [0.35, 0.35]),
    ],
)
def test_deforums_strength_is_the_share_of_steps_that_are_left_out(theirs, steps_taken):
    out = Translation(look="")
    taken = deforum({"animation_mode": "2D", "strength_schedule": theirs}, out)
    assert taken >= {"animation_mode", "strength_schedule"}
    track = read("strength", out.settings["animate.strength"]).track(Timing(21, 12))
    assert [track(0), track(10)] == pytest.approx(steps_taken)


def test_deforums_variable_of_the_seed_and_its_names():
    out = Translation(look="")
    values = {
        "animation_mode": "3D",
        "rotation_3d_y": "0: (2*sin(s*t/24))",
        "zoom": "0: (1.04)",
        "fov_schedule": "0: (70)",
        "max_frames": 48,
        "border": "replicate",
        "color_coherence": "LAB",
        "diffusion_cadence": 2,
        "optical_flow_cadence": "RAFT",
    }
    assert deforum(values, out) == values.keys() - {"zoom", "color_coherence"}
    assert out.settings == {
        "animate.rotation_3d_y": "0: (2*sin(seed*t/24))",
        "animate.fov": "0: (70)",
        "animate.border": "border",
        "animate.cadence": 2,
        "animate.between": "flow",
        "frames": 48,
    }
    assert deforum({"animation_mode": "None", "zoom": "0: (1)"}, out) == set()


def test_the_command_of_a_film_is_one_that_this_program_draws():
    small = FILM | {"steps": 20, "max_frames": 12}
    found = beyond(translate("disco", small), translate("disco", {}))
    settings = {k: v for k, v in found.settings.items() if k.startswith(("animate", "fr", "fps"))}
    found.settings, found.look, found.choices = settings, "", {"animate": "2d"}
    plan = Plan.read(composed(command(found)))
    assert plan.film.timing.frames == 12
    assert plan.film.move(6).angle == pytest.approx(1.5)
    assert [prompt.text for prompt in plan.film.prompts_at(11)] == ["a castle", "fog"]
