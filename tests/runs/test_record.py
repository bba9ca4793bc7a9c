"""The settings inside pictures and in run.yaml."""

import pytest
from PIL import Image

from guided.errors import BadInput
from guided.runs import record

SETTINGS = {
    "prompt": "a <b>cat</b>, 一只猫 ${x}",
    "negative": None,
    "steps": 3,
    "seed": 1,
    "size": [32, 32],
    "model": {"name": "embedded"},
    "clip": {"a": {}},
    "sampler": {"_target_": "guided.diffusion.samplers.DDIM"},
}


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_settings_come_back_from_a_picture(tmp_path, format):
    path = tmp_path / "picture"
    record.save(Image.new("RGB", (4, 4)), path, SETTINGS, format)
    assert record.read(path) == SETTINGS


def test_a_foreign_picture_has_no_settings(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    assert record.read(tmp_path / "photo.png") == {}


@pytest.mark.parametrize(("text", "kept"), [("\ud83d\ude00", "😀"), ("a\udce9", "a?")])
def test_halves_of_surrogate_pairs_are_joined_in_yaml_and_leave_a_file(tmp_path, text, kept):
    data = record.as_yaml({"prompt": text, text: [text]}).encode()
    assert record.from_yaml(data.decode(), "run.yaml") == {"prompt": kept, kept: [kept]}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("!!python/object/apply:os.system [ls]", "cannot be read"),
        ("a: [", "cannot be read"),
        ("[" * 5000, "cannot be read"),
        ("- just\n- a list", "no mapping"),
        ("a: &a [x, x]\nb: [*a, *a]", "refer to each other"),
        ("a: " + "b" * 1_000_001, "more than"),
        ("a: 2026-99-99", "cannot be read"),
    ],
)
def test_settings_that_anyone_wrote_are_plain_data_or_refused(text, part):
    with pytest.raises(BadInput, match=part) as caught:
        record.from_yaml(text, "x.png")
    assert str(caught.value).startswith("x.png")
    assert "\n" not in str(caught.value)


def test_web_uis_read_the_sampler_by_its_usual_name_and_no_sampler_of_pixels():
    solver = SETTINGS | {"sampler": {"_target_": "sampler/dpm_solver"}}
    assert "Sampler: DPM++ 2M, " in record.parameters(solver, (32, 32), (32, 32))
    pixels = SETTINGS | {"generator": {"_target_": "generator/pixels"}}
    line = record.parameters(pixels, (192, 128), (96, 64)).splitlines()[-1]
    assert "Sampler" not in line and "Model: pixels, " in line
    assert "Size: 192x128, Drawn at: 96x64, " in line


@pytest.mark.parametrize(
    "text", ["9" * 200, "1e" + "9" * 120, "-" + "1" * 150, "010", "12:30:45", "1.0"]
)
def test_texts_that_look_like_numbers_come_back_as_texts(text):
    settings = {"prompt": text, "words": [f"prompt={text}"]}
    assert record.from_yaml(record.as_yaml(settings), "a record") == settings
