"""A picture with what draws it again, and two side by side."""

import shlex

from guided.paths import PROGRAM
from guided.runs import record
from guided.studio import compare
from guided.studio.files_by_id import picture_id
from guided.studio.library import Library
from tests.studio.conftest import HEART, make_run

RUN = "2026-11-29/120000-a-red-heart"


def test_details_have_an_input_that_the_api_accepts(client, tmp_path):
    make_run(tmp_path)
    found = client.get(f"/pictures/{picture_id(RUN, 0)}").json()
    recorded = record.read(HEART)
    assert found["input"]["prompt"] and found["input"]["seed"] == recorded["seed"]
    assert found["settings"]["seed"] == recorded["seed"]
    again = client.post("/preflight", json={"input": found["input"]})
    assert again.status_code == 200, again.text


def test_words_outside_of_the_form_are_left_out():
    words = ["prompt=a heart", "device=cuda", "init=/etc/passwd", "steps=30", "x.y=1", "folder=/"]
    found = compare.input_of({"seed": 5}, words, [])
    assert found == {"prompt": "a heart", "steps": 30, "seed": 5}


def test_the_command_has_the_seed_of_the_picture_once():
    words = shlex.split(compare.command_of(["prompt=a heart", "seed=5", "steps=30"], 6))
    assert words[len(PROGRAM) :] == ["prompt=a heart", "steps=30", "seed=6"]
    assert compare.command_of([], 6) == ""


def test_two_pictures_are_aligned_by_the_steps_that_both_have(client, tmp_path):
    folder = make_run(tmp_path, count=2)
    (folder / "steps").mkdir()
    for name in ("0000_0010", "0000_0020", "0001_0020", "0001_0030"):
        (folder / "steps" / f"{name}.png").write_bytes(HEART.read_bytes())
    a, b = (picture_id(RUN, number) for number in (0, 1))
    found = client.get(f"/compare?a={a}&b={b}").json()
    assert found["steps"] == [20] and found["differences"] == []  # the same file
    assert client.get(f"/pictures/{a}/steps/20").content == HEART.read_bytes()
    assert client.get(f"/pictures/{a}/steps/30").status_code == 404
    assert client.get(f"/compare?a={a}&b=none").status_code == 404
    assert client.get(f"/compare?a={a}").status_code == 400


def test_settings_that_differ_are_named(tmp_path):
    folder = make_run(tmp_path, count=2)
    from PIL import Image

    settings = record.read(HEART)
    record.save(Image.open(HEART), folder / "image_0001.png", settings | {"seed": 99})
    library = Library(tmp_path)
    a, b = (library.find(picture_id(RUN, number)) for number in (0, 1))
    assert compare.compared(library, a, b)["differences"] == [
        {"name": "seed", "a": settings["seed"], "b": 99}
    ]


def test_curves_are_read_from_the_metrics(tmp_path):
    folder = make_run(tmp_path)
    lines = [
        '{"image": 0, "step": 1, "similarity": 0.1, "loss": {"clip": 2.0, "range": 1.0}}',
        '{"image": 0, "step": 2, "similarity": 0.2, "loss": {"clip": 1.0}}',
        '{"image": 1, "step": 1, "similarity": 0.9}',
    ]
    (folder / "metrics.jsonl").write_text("\n".join(lines))
    library = Library(tmp_path)
    assert compare.curves(library, library.find(picture_id(RUN, 0))) == {
        "step": [1, 2],
        "similarity": [0.1, 0.2],
        "loss": [3.0, 1.0],
    }
