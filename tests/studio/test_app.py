"""The API: predictions, the queue, pictures, uploads, and errors in one line."""

import re
from io import BytesIO

import pytest
from PIL import Image

from guided.studio import entries
from guided.studio.entries import SUCCEEDED
from guided.studio.files_by_id import picture_id
from guided.studio.places import preview_name, previews_folder
from tests.studio.conftest import HEART, ROOT, make_run

RUN = "2026-11-29/120000-a-red-heart"
ASYNC = {"prefer": "respond-async"}
HEART_INPUT = {"prompt": "a red heart", "seed": 7}


def post(client, **given):
    return client.post("/predictions", json={"input": {**HEART_INPUT, **given}}, headers=ASYNC)


# ---- predictions


def test_a_prediction_is_queued_and_found(client):
    made = post(client, steps=30)
    found = client.get(made.json()["urls"]["get"]).json()
    assert made.status_code == 202 and found["status"] == "starting" and found["position"] == 0
    assert found["input"] == {**HEART_INPUT, "steps": 30} and found["output"] == []
    assert found["words"] == ["prompt=a red heart", "seed=7", "steps=30"]


def test_a_seed_is_drawn_and_visible(client):
    body = {"input": {"prompt": "a red heart"}}
    made = client.post("/predictions", json=body, headers=ASYNC).json()
    assert f"seed={made['input']['seed']}" in made["words"]


def test_putting_the_same_twice_is_one_prediction(client):
    body = {"input": {"prompt": "a red heart"}}
    made = [client.put("/predictions/mine", json=body, headers=ASYNC).json() for _ in range(2)]
    assert made[0] == made[1] and len(client.get("/queue").json()["items"]) == 1
    other = {"input": {"prompt": "a sun"}}
    assert client.put("/predictions/mine", json=other, headers=ASYNC).status_code == 409
    seeded = {"input": {"prompt": "a red heart", "seed": 1}}
    assert client.put("/predictions/mine", json=seeded, headers=ASYNC).status_code == 409


def test_waiting_ends_with_the_time_or_the_prediction(client, studio):
    body = {"input": HEART_INPUT}
    slow = client.put("/predictions/a", json=body, headers={"prefer": "wait=1"})
    assert slow.status_code == 202
    studio.queue.change("a", lambda entry: entry.end(SUCCEEDED))
    done = client.put("/predictions/a", json=body)
    assert done.status_code == 200 and done.json()["status"] == "succeeded"


def test_cancelling_and_resuming(client):
    name = post(client).json()["id"]
    assert client.post(f"/predictions/{name}/cancel", json={}).json()["status"] == "canceled"
    assert client.get("/queue").json()["items"] == []
    assert client.post(f"/predictions/{name}/resume", json={}).json()["status"] == "starting"
    assert client.post(f"/predictions/{name}/resume", json={}).status_code == 409
    assert client.post(f"/predictions/{name}/views", json={}).status_code == 409
    assert client.post("/predictions/none/cancel", json={}).status_code == 404


def test_the_queue_is_reordered_and_paused(client):
    names = [post(client, seed=k).json()["id"] for k in range(3)]
    order = [names[2], names[0]]
    found = client.post("/queue", json={"order": order, "paused": True}).json()
    assert [one["id"] for one in found["items"]] == [names[2], names[0], names[1]]
    assert [one["position"] for one in found["items"]] == [0, 1, 2] and found["paused"]
    assert client.get("/health").json()["paused"]
    assert client.post("/queue", json={"order": ["none"]}).status_code == 404


def test_a_full_queue_says_so(client, monkeypatch):
    monkeypatch.setattr(entries, "MOST_OPEN", 1)
    assert post(client).status_code == 202
    answer = post(client)
    assert answer.status_code == 429 and "queue" in answer.json()["detail"]


def test_what_is_wrong_is_told_as_the_command_line_tells_it(client):
    answer = post(client, steps=0)
    assert answer.status_code == 422
    assert re.match("steps=0 must be a whole number from 1 to", answer.json()["detail"])
    assert answer.json()["setting"] == "steps"
    assert post(client, model="imagenet512").status_code == 422  # its weights are not here
    assert client.get("/queue").json()["items"] == []
    webhook = {"input": HEART_INPUT, "webhook": "http://evil.example/"}
    assert client.post("/predictions", json=webhook, headers=ASYNC).status_code == 422


def test_a_preflight_queues_nothing(client):
    body = {"input": {**HEART_INPUT, "steps": 8, "count": 4}}
    found = client.post("/preflight", json=body).json()
    assert found["pictures"] == 4 and found["steps"] == 8 and found["model"] == "embedded"
    assert any("too few" in line for line in found["warnings"])
    assert found["estimate"]["basis"] == "unknown"
    assert client.get("/queue").json()["items"] == []


def test_the_size_of_the_finished_picture_is_told(client):
    asked = {"prompt": "a heart", "size": [32, 48]}
    found = client.post("/preflight", json={"input": asked}).json()
    assert found["size"] == [32, 48] and found["final_size"] == [512, 768]
    asked |= {"output.still.enlarge": 1}
    assert client.post("/preflight", json={"input": asked}).json()["final_size"] == [32, 48]


def test_a_film_is_shown_apart_from_the_page(client):
    film = {"prompt": "a rose", "animate": "orbit", "frames": 4}
    found = client.post("/preflight", json={"input": film}).json()
    assert found["pictures"] == 1 and found["film"] == {"frames": 4, "fps": 12}
    made = client.post("/films", json={"input": film})
    assert made.status_code == 201
    page = client.get(made.json()["url"])
    assert "4 frames" in page.text
    # It has no origin: its script reads neither the token nor anything else of the studio.
    assert "sandbox allow-scripts;" in page.headers["content-security-policy"]
    assert "allow-same-origin" not in page.headers["content-security-policy"]
    assert client.get("/films/another").status_code == 404
    still = client.post("/films", json={"input": {"prompt": "a rose"}})
    assert still.status_code == 422 and "animate" in still.json()["detail"]


def test_a_picture_is_drawn_again_by_its_id(client, tmp_path):
    make_run(tmp_path)
    name = picture_id(RUN, 0)
    body = {"input": {"from": name, "seed": 9, "steps": 40}}
    made = client.post("/predictions", json=body, headers=ASYNC)
    assert made.status_code == 202, made.text
    assert made.json()["words"][0].startswith("from=") and "seed=9" in made.json()["words"]
    gone = {"input": {"from": "none"}}
    assert client.post("/predictions", json=gone, headers=ASYNC).status_code == 422


# ---- pictures


def test_the_wall(client, tmp_path):
    make_run(tmp_path, count=3)
    found = client.get("/pictures?limit=2").json()
    assert found["total"] == 3 and len(found["pictures"]) == 2
    one = found["pictures"][0]
    assert (one["width"], one["height"]) == Image.open(HEART).size and one["artist"] == ["hokusai"]
    assert found["filters"]["artist"] == {"hokusai": 3}
    assert client.get(one["file"]).content == HEART.read_bytes()
    thumb = client.get(one["thumb"])
    assert thumb.headers["content-type"] == "image/webp"
    assert Image.open(BytesIO(thumb.content)).format == "WEBP"
    assert client.get("/pictures?search=nothing").json()["total"] == 0
    run = client.get(f"/pictures?run={one['run']}").json()
    assert run["total"] == 3 and client.get("/pictures?run=none").json()["total"] == 0


def test_a_download_has_a_name_and_the_settings_inside(client, tmp_path):
    make_run(tmp_path)
    answer = client.get(f"/pictures/{picture_id(RUN, 0)}/file?download=true")
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.content == HEART.read_bytes()


def test_favourites_trash_and_undo(client, tmp_path):
    make_run(tmp_path)
    address = f"/pictures/{picture_id(RUN, 0)}"
    client.post(f"{address}/favourite", json={"favourite": True})
    assert client.get("/pictures?favourite=true").json()["total"] == 1
    client.post(f"{address}/trash", json={})
    assert client.get("/pictures").json()["total"] == 0
    assert client.get("/pictures?trash=true").json()["pictures"][0]["trashed"]
    assert client.get(f"{address}/file").status_code == 200  # to show it in the trash
    client.post(f"{address}/restore", json={})
    assert client.get("/pictures?favourite=true").json()["total"] == 1


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/none",
        "/pictures/..%2F..%2Fetc/file",
        "/pictures/none/thumb",
        "/uploads/..%2F..%2Fserver",
        "/uploads/server.json",
        "/previews/..%2F..%2Fqueue/0/0",
        "/previews/a/0/0",
        "/previews/a/x/0",
        "/predictions/..%2Fx",
        "/page/..%2Fapp.py",
        "/page/app.py",
        "/shared/page.html",
        "/shared/..%2Fpage.py",
        "/.studio/server.json",
        "/nowhere",
    ],
)
def test_nothing_is_found_by_its_path(client, path):
    answer = client.get(path)
    assert answer.status_code == 404 and answer.json()["detail"]


def test_files_of_the_gallery_are_shared(client):
    answer = client.get("/shared/style.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.text == (ROOT / "guided/gallery/page/style.css").read_text(encoding="utf-8")


def test_a_preview_is_served_for_ever(client, studio):
    folder = previews_folder(studio.root, "a")
    folder.mkdir(parents=True)
    (folder / preview_name(0, 3)).write_bytes(b"RIFF")
    answer = client.get("/previews/a/0/3")
    assert answer.content == b"RIFF" and "immutable" in answer.headers["cache-control"]
    assert client.get("/previews/a/0/3/views").status_code == 404


# ---- uploads


def test_an_upload_becomes_an_init_picture(client):
    kind = {"content-type": "application/octet-stream"}
    made = client.post("/uploads", content=HEART.read_bytes(), headers=kind)
    assert made.status_code == 201
    shown = client.get(made.json()["url"])
    assert Image.open(BytesIO(shown.content)).size == Image.open(HEART).size
    assert b"guided" not in shown.content  # its settings are not kept
    checked = client.post(
        "/preflight", json={"input": {**HEART_INPUT, "init": made.json()["value"]}}
    )
    assert checked.status_code == 200, checked.text
    assert client.post("/uploads", content=b"no picture", headers=kind).status_code == 422
    assert client.post("/uploads", content=b" " * (33 << 20), headers=kind).status_code == 413


# ---- the rest


def test_the_session_gives_the_page_its_token(client):
    answer = client.get("/session")
    assert answer.json()["token"] and answer.headers["cache-control"] == "no-store"


def test_an_unexpected_error_shows_no_traceback(studio, monkeypatch):
    from starlette.testclient import TestClient

    from guided.studio.app import create
    from tests.studio.conftest import LOCAL

    monkeypatch.setattr(studio.queue, "open", lambda: 1 / 0)
    client = TestClient(
        create(studio, LOCAL), base_url="http://127.0.0.1:8188", raise_server_exceptions=False
    )
    answer = client.get("/health")
    assert answer.status_code == 500 and "Traceback" not in answer.text
    assert answer.json() == {"detail": "the studio has failed at this", "setting": None}


def test_streams_are_bounded(client, studio):
    studio.events.clients = 256
    assert client.get("/events").status_code == 503
    assert client.get("/events?prediction=none").status_code == 404


def test_all_words_of_a_prediction_are_text(client):
    given = {"prompt": '<script>alert("x")</script>', "seed": 1}
    made = client.post("/predictions", json={"input": given}, headers=ASYNC)
    assert made.headers["content-type"] == "application/json"
    assert made.json()["input"]["prompt"] == given["prompt"]


# ---- pictures in inputs


def test_pictures_of_runs_may_stand_wherever_uploads_may(client, tmp_path):
    make_run(tmp_path)
    name = picture_id(RUN, 0)
    regions = [
        {"box": [0, 0, 0.5, 1], "image": f"picture:{name}"},
        {"prompt": "a tree", "mask": f"picture:{name}"},
    ]
    for given in ({"regions": regions}, {"init": f"picture:{name}"}, {"from": name}):
        answer = client.post("/preflight", json={"input": {"prompt": "a heart", **given}})
        assert answer.status_code == 200, answer.json()
    wrong = {"prompt": "a heart", "regions": [{**regions[0], "image": f"picture:{'x' * 20}"}]}
    answer = client.post("/preflight", json={"input": wrong})
    assert answer.status_code == 422 and "no such picture" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["picture:gone", "/etc/passwd", "http://127.0.0.1/", "a b"])
@pytest.mark.parametrize("name", ["init", "mask", "image_prompt", "regions", "from"])
def test_a_picture_that_there_is_not_is_told_with_its_setting(client, name, value):
    given = [{"image": value}] if name in ("image_prompt", "regions") else value
    answer = client.post("/preflight", json={"input": {"prompt": "a heart", name: given}})
    assert answer.status_code == 422 and answer.json()["setting"] == name
    assert answer.json()["detail"].startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["init", "regions", "from", "unknown", "prompt"])
@pytest.mark.parametrize("depth", [10, 400, 900])
def test_what_is_nested_too_deep_is_refused(client, name, depth):
    deep = "[" * depth + "]" * depth
    body = f'{{"input": {{"prompt": "x", "{name}": {deep}}}}}'
    answer = client.post("/preflight", content=body)
    assert answer.status_code in (400, 422) and "\n" not in answer.json()["detail"]


def test_texts_of_a_run_that_are_no_unicode_are_answered(client, tmp_path):
    manifest = make_run(tmp_path) / "manifest.json"
    manifest.write_text(manifest.read_text().replace("a heart", "a \\ud800 heart"))
    (found,) = client.get("/pictures").json()["pictures"]
    assert "heart" in found["prompt"]
