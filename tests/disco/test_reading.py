"""Whose a settings file is, and what is said of one that is nobody's."""

import json
from pathlib import Path

import pytest
import yaml

from guided.disco import reading
from guided.disco.reading import is_discos, read
from guided.errors import BadInput

DISCO = {"text_prompts": {"0": ["a lighthouse"]}, "ViTB32": True, "steps": 250, "max_frames": 1}
DISCOART = {"text_prompts": ["a lighthouse"], "clip_models": ["RN50::openai"], "steps": 250.0}


# Nine times nine times ... : 9**30 values in half a page, if the aliases were written out.
BOMB = b"steps:\n- &a0 [x]\n" + b"".join(
    b"- &a%d [%s]\n" % (k, b", ".join([b"*a%d" % (k - 1)] * 9)) for k in range(1, 31)
)


def saved(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_disco_settings_file(tmp_path):
    path = saved(tmp_path, "TimeToDisco(0)_settings.txt", json.dumps(DISCO, indent=4))
    assert read(path) == ("disco", DISCO)


def test_a_discoart_yaml(tmp_path):
    path = saved(tmp_path, "my.yml", yaml.safe_dump(DISCOART))
    assert read(path) == ("discoart", DISCOART)


@pytest.mark.parametrize(
    "wrapped",
    [
        [{"id": "1", "uri": "data:image/png;base64,AAAA", "tags": DISCOART}, {"tags": {}}],
        {"id": "1", "tags": DISCOART},
        {"docs": [{"tags": DISCOART}]},
    ],
    ids=["an array", "a document", "an array in protobuf's JSON"],
)
def test_the_tags_of_a_docarray(tmp_path, wrapped):
    assert read(saved(tmp_path, "da.json", json.dumps(wrapped))) == ("discoart", DISCOART)


@pytest.mark.parametrize(
    ("settings", "program"),
    [
        ({"text_prompts": {"0": ["a"]}}, "disco"),
        ({"text_prompts": ["a"]}, "discoart"),
        ({"text_prompts": '{"0": ["a"]}'}, "disco"),
        ({"text_prompts": "a"}, "discoart"),
        ({"text_prompts": {"version": "1", "prompts": []}}, "discoart"),
        ({"steps": 5, "width": 64, "height": 64}, "disco"),
        ({"steps": 5, "n_batches": 2, "cut_schedules_group": "han_fav"}, "discoart"),
    ],
)
def test_a_few_settings_are_enough_to_tell(tmp_path, settings, program):
    assert read(saved(tmp_path, "x.json", json.dumps(settings)))[0] == program


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["steps", "seed", "width"], True),
        (["steps", "seed", "model"], False),
        (["steps", "seed", "model", "cut_overview"], True),
        (["zoom", "fov", "angle", "prompts"], False),
        (["RN50", "x"], True),
        ([], False),
        (["x"], False),
    ],
)
def test_names_that_many_programs_have_are_not_discos_alone(names, expected):
    assert is_discos(names) is expected


def test_an_alias_that_repeats_a_list_is_no_harm(tmp_path):
    path = saved(tmp_path, "x.yml", "tv_scale: &a [1, 2]\nsat_scale: *a\nskip_event: null\n")
    assert read(path)[1]["sat_scale"] == [1, 2]


def test_what_has_no_end_is_read_no_further_than_a_settings_file_may_go(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST", 1000)
    with pytest.raises(BadInput, match="it is a device"):
        read(Path("/dev/zero"))
    with pytest.raises(BadInput, match="it is larger than"):
        read(saved(tmp_path, "x.txt", "{" + " " * 1000))


def test_windows_marks_and_other_scripts(tmp_path):
    path = saved(tmp_path, "x.txt", "\ufeff" + json.dumps({"text_prompts": {"0": ["一只猫"]}}))
    assert read(path)[1]["text_prompts"] == {"0": ["一只猫"]}


@pytest.mark.parametrize(
    "text",
    [
        '{ /* mine */ "text_prompts": {"0": ["a clay teapot"]}, "steps": 250 }',
        '{\n\t"text_prompts": {"0": ["a clay teapot"]},\n\t"steps": 250,\n}',
        '// my settings\n{"text_prompts": {"0": ["a clay teapot"] // look\n}, "steps": 250,}',
        "{'text_prompts': {0: ['a clay teapot']}, 'steps': 250}",
    ],
)
def test_json_with_comments_and_spare_commas_and_pythons_own_form(tmp_path, text):
    program, settings = read(saved(tmp_path, "settings.json", text))
    assert (program, settings["steps"]) == ("disco", 250)
    assert list(settings["text_prompts"].values()) == [["a clay teapot"]]


@pytest.mark.parametrize("text", ['{"steps": 250\n "seed": 1}', '{\n\t"steps": 1,,\n}'])
def test_broken_json_is_told_as_json(tmp_path, text):
    with pytest.raises(BadInput, match=r"line [23], column \d+: expecting") as caught:
        read(saved(tmp_path, "settings.json", text))
    assert "mapping" not in str(caught.value)
    assert "tab" not in str(caught.value)


def test_a_file_that_is_not_there_names_the_one_of_the_nearest_name(tmp_path):
    saved(tmp_path, "note.json", "{}")
    with pytest.raises(BadInput, match=r"nope\.json cannot be read: .*did you mean 'note\.json'"):
        read(tmp_path / "nope.json")
    saved(tmp_path, "x(0)_settings.txt", "{}")
    with pytest.raises(
        BadInput, match=r"is a folder; name a file in it, as .*x\(0\)_settings.txt"
    ):
        read(tmp_path)


def test_a_file_of_windows_in_utf_16(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text(json.dumps(DISCO), encoding="utf-16")
    assert read(path) == ("disco", DISCO)


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("none.txt", None, "cannot be read"),
        ("broken.txt", b'{"steps": 250,, "x": [', "neither JSON nor YAML"),
        ("prose.txt", b"a nice picture", "holds no settings"),
        ("numbers.json", b"[1, 2]", "holds no settings"),
        ("other.json", b'{"prompt": "x", "sampler": "k_lms"}', "no setting of Disco"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\xff\x00", "is no text"),
        ("da.protobuf.lz4", b"\x04\x22\x4d\x18\x00", "save_config"),
        ("empty.txt", b"", "holds no settings"),
        ("object.yml", b"!!python/object/apply:os.system ['true']", "neither JSON nor YAML"),
        ("deep.json", b"[" * 100_000, "neither JSON nor YAML"),
        ("nested.json", b'{"steps": ' + b"[" * 200 + b"]" * 200 + b"}", "inside one another"),
        ("twice.json", b'{"steps": 1, "steps": 2}', "'steps' stands there twice; which is meant?"),
        ("digits.json", b'{"steps": ' + b"9" * 5000 + b"}", "neither JSON nor YAML"),
        ("bomb.yml", BOMB, "too large"),
        ("itself.yml", b"steps: &a [*a]", "inside one another"),
        ("long.yml", b"steps: 1\n# " + b"x" * 2**20, "too large"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(tmp_path, name, content, part):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=part) as caught:
        read(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
