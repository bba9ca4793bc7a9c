"""The client in the documentation, with a server that listens on a socket."""

import json
import re
import threading
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
import uvicorn

from guided.studio import library
from guided.studio.app import create
from guided.studio.entries import SUCCEEDED
from guided.studio.server import listening, note_of
from guided.studio.settings import StudioSettings
from tests.studio.conftest import HEART, LOCAL, TOKEN, make_run
from tests.studio.conftest import studio as studio

PAGE = Path(__file__).parents[2] / "docs" / "studio-api.md"


@pytest.fixture
def served(studio, tmp_path):
    """A studio without workers, on a free port."""
    with listening(StudioSettings(port=0)) as sock:
        port = sock.getsockname()[1]
        app = create(studio, {**LOCAL, "port": port})
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        note_of(tmp_path, f"http://127.0.0.1:{port}/", TOKEN)
        yield studio
        server.should_exit = True
        thread.join()


def client(folder: Path):
    """The documentation's client."""
    names: dict = {"__name__": "client"}
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code[1], str(PAGE), "exec"), names)
    return names["Client"](folder)


def draw_like_a_worker(studio, root: Path) -> None:
    """End the first prediction with a run of two pictures, once it is there."""
    while not (found := studio.queue.open()):
        pass
    run = make_run(root, count=2).relative_to(root).as_posix()

    def end(entry):
        entry.folder = run
        entry.end(SUCCEEDED)

    studio.queue.change(found[0].id, end)
    studio.loop.call_soon_threadsafe(studio.tell_changes)


def test_the_documented_client_draws_and_follows_events(served, tmp_path, monkeypatch):
    monkeypatch.setattr(library, "FRESH", 0.0)
    user = client(tmp_path)
    worker = threading.Thread(target=draw_like_a_worker, args=[served, tmp_path])
    worker.start()
    assert user.draw(prompt="a red heart", seed=7) == [HEART.read_bytes()] * 2
    worker.join()
    body = {"input": {"prompt": "a sun", "seed": 1}}
    name = json.loads(user.ask("POST", "/predictions", body))["id"]
    events = user.events(name)
    assert next(events)[0] == "hello"
    user.ask("POST", f"/predictions/{name}/cancel")
    kind, data = next(events)
    assert (kind, data["id"], data["status"]) == ("state", name, "canceled")


def test_the_documented_client_raises_the_line_that_says_why(served, tmp_path):
    from urllib.error import HTTPError

    with pytest.raises(HTTPError) as error:
        client(tmp_path).draw(prompt="a red heart", steps=0)
    assert "steps=0" in json.load(error.value)["detail"]


def test_packages_are_installed_from_the_clone():
    pages = [*PAGE.parent.rglob("*.md"), *PAGE.parents[1].glob("*.md")]
    # On a registry, that name may be someone else's.
    assert len(pages) > 30
    assert not [
        page.name for page in pages if re.search(r"pip install \W?guided", page.read_text())
    ]
