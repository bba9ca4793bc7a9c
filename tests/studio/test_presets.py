"""Presets that are saved in the studio are looks, here and on the command line."""

import os

import pytest

from guided.config.composition import compose
from guided.errors import BadInput
from guided.studio import presets

GIVEN = {
    "prompt": "not kept",
    "seed": 7,
    "steps": 33,
    "model": "embedded",
    "guide": ["clip", "smooth"],
    "guide.clip.scale": 2000,
    "sampler": "ddpm",
    "clip": {"embedded": 2},
}


def test_what_is_saved_is_composed_by_the_program_itself(tmp_path):
    presets.save(tmp_path, "dusk", GIVEN)
    cfg = compose(["prompt=x", "look=dusk"], presets.flags(tmp_path))
    assert cfg.steps == 33 and list(cfg.guide) == ["clip", "smooth"] and cfg.seed is None
    assert cfg.guide.clip.scale == 2000 and cfg.prompt == "x"


def test_what_is_saved_is_listed_as_it_was_given(tmp_path):
    presets.save(tmp_path, "dusk", {"steps": 33, "guide.clip.scale": 2000, "model": "embedded"})
    (found,) = presets.listed(tmp_path)
    assert found == {
        "name": "dusk",
        "input": {"model": "embedded", "steps": 33, "guide.clip.scale": 2000},
    }


@pytest.mark.parametrize("name", ["disco", "list", "../x", "a/b", "", "a.yaml", "x" * 65])
def test_names_of_the_program_and_paths_are_refused(tmp_path, name):
    with pytest.raises(BadInput):
        presets.save(tmp_path, name, {"steps": 33})
    assert not list(tmp_path.rglob("*.yaml"))


def test_a_preset_that_keeps_nothing_is_refused(tmp_path):
    with pytest.raises(BadInput, match="keeps settings"):
        presets.save(tmp_path, "dusk", {"prompt": "x", "seed": 7})


def test_removing(tmp_path):
    presets.save(tmp_path, "dusk", {"steps": 33})
    presets.remove(tmp_path, "dusk")
    assert presets.flags(tmp_path) == [] and list(presets.listed(tmp_path)) == []
    with pytest.raises(KeyError):
        presets.remove(tmp_path, "dusk")


def test_the_api_saves_checks_and_uses_a_preset(client):
    wrong = client.put("/presets/dusk", json={"input": {"steps": 0}})
    assert wrong.status_code == 422 and wrong.json()["setting"] == "steps"
    assert client.put("/presets/dusk", json={"input": {"steps": 33}}).status_code == 200
    assert client.get("/presets").json()["presets"][0]["name"] == "dusk"
    found = client.post("/preflight", json={"input": {"prompt": "a heart", "look": ["dusk"]}})
    assert found.json()["steps"] == 33
    assert client.post("/presets/dusk/trash", json={}).status_code == 200
    assert client.get("/presets").json()["presets"] == []


@pytest.mark.parametrize(
    "text",
    ["steps: .nan\n", "steps: .inf\n", "steps: 2026-11-30\n", "? [a]\n: b\n", "[" * 9999, ""],
)
def test_files_that_are_no_presets_are_left_out_of_the_answer(client, tmp_path, text):
    presets.save(tmp_path, "dusk", {"steps": 33})
    (presets.folder(tmp_path) / "damaged.yaml").write_text(text)
    listed = client.get("/presets").json()["presets"]
    assert [one["name"] for one in listed if one["input"]] == ["dusk"]


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes")
def test_what_is_no_file_is_not_opened(tmp_path):
    presets.save(tmp_path, "dusk", {"steps": 33})
    os.mkfifo(presets.folder(tmp_path) / "pipe.yaml")
    (presets.folder(tmp_path) / "folder.yaml").mkdir()
    assert [one["name"] for one in presets.listed(tmp_path)] == ["dusk"]
