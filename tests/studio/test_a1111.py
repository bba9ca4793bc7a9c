"""The part of AUTOMATIC1111's API that is here."""

import base64
import json
import threading
from io import BytesIO

import pytest
from PIL import Image

from guided.studio import a1111
from guided.studio.entries import SUCCEEDED, Entry
from guided.studio.places import preview_name, previews_folder
from tests.studio.conftest import HEART, make_run


def test_what_has_an_equivalent_is_translated_and_the_rest_is_listed():
    body = {
        "prompt": "a heart",
        "negative_prompt": "people",
        "seed": -1,
        "steps": 30,
        "width": 64,
        "height": 48,
        "batch_size": 2,
        "n_iter": 3,
        "cfg_scale": 7,
        "sampler_name": "Euler a",
        "restore_faces": None,
        "styles": [],
        "override_settings": {"sd_model_checkpoint": "embedded", "CLIP_stop_at_last_layers": 2},
    }
    given, ignored = a1111.translated(body)
    assert given == {
        "prompt": "a heart",
        "negative": "people",
        "steps": 30,
        "count": 6,
        "size": [64, 48],
        "model": "embedded",
    }
    assert ignored == ["cfg_scale", "sampler_name", "override_settings.CLIP_stop_at_last_layers"]


def test_a_request_waits_for_its_pictures(client, studio, tmp_path):
    """A worker is played by a thread that ends the prediction with a run of one picture."""

    def draw() -> None:
        while not (found := studio.queue.open()):
            pass
        run = make_run(tmp_path, "2026-11-29/130000-x").relative_to(tmp_path).as_posix()

        def end(entry):
            entry.folder = run
            entry.end(SUCCEEDED)

        studio.queue.change(found[0].id, end)

    worker = threading.Thread(target=draw)
    worker.start()
    body = {"prompt": "a heart", "seed": 7, "cfg_scale": 7, "steps": 30}
    answer = client.post("/sdapi/v1/txt2img", json=body)
    worker.join()
    found = answer.json()
    assert base64.b64decode(found["images"][0]) == HEART.read_bytes()
    info = json.loads(found["info"])
    assert info["seed"] == 7 and info["ignored"] == ["cfg_scale"]


def test_wrong_settings_are_refused_by_name(client):
    answer = client.post("/sdapi/v1/txt2img", json={"prompt": "a heart", "steps": 0})
    assert answer.status_code == 422 and answer.json()["setting"] == "steps"
    assert client.post("/sdapi/v1/txt2img", json={}).status_code == 400


def test_what_clients_ask_for_at_their_start(client):
    listed = client.get("/sdapi/v1/sd-models").json()
    assert {"title", "model_name"} <= listed[0].keys()
    every = client.get("/models").json()["models"]
    here = [one["name"] for one in every if one["group"] == "model" and one["here"]]
    assert [one["title"] for one in listed] == here and "embedded" in here
    assert any(one["name"] == "ddim" for one in client.get("/sdapi/v1/samplers").json())
    assert client.get("/sdapi/v1/options").json()["sd_model_checkpoint"]
    assert client.get("/sdapi/v1/progress").json()["progress"] == 0.0
    assert client.post("/sdapi/v1/interrupt", json={}).json() == {}


@pytest.fixture
def drawn(client, studio, tmp_path):
    """A prediction of which the third step of the second picture has a preview."""
    studio.queue.add(Entry("a", {"prompt": "x"}, count=2, steps=9, started="now"))
    folder = previews_folder(tmp_path, "a")
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 4), "red").save(folder / preview_name(1, 3), lossless=True)
    step = {"prediction": "a", "picture": 1, "step": 3}
    studio.take({"event": "progress", **step, "progress": 0.4, "seconds_left": 2.0})
    studio.take({"event": "preview", **step})
    return folder


def test_the_newest_preview_is_the_current_image(client, drawn):
    found = client.get("/sdapi/v1/progress").json()
    assert (found["progress"], found["eta_relative"]) == (0.4, 2.0)
    with Image.open(BytesIO(base64.b64decode(found["current_image"]))) as image:
        assert (image.format, image.size) == ("PNG", (8, 4))
        assert image.convert("RGB").getpixel((3, 2)) == (255, 0, 0)
    for word in ("true", "True", "1"):
        skipped = client.get(f"/sdapi/v1/progress?skip_current_image={word}").json()
        assert skipped["current_image"] is None and skipped["progress"] == 0.4


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_without_a_preview_there_is_no_current_image(client, drawn, content):
    path = drawn / preview_name(1, 3)
    path.write_bytes(content) if content is not None else path.unlink()
    found = client.get("/sdapi/v1/progress").json()
    assert found["current_image"] is None and found["state"]["sampling_step"] == 3
