"""Fetching, against a server on this machine that is gone, cuts off and alters."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from guided.errors import BadInput
from guided.models.cards import ModelCard, locate
from guided.models.download import fetch

WEIGHTS = bytes(range(256)) * 5000
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()


class Mirror(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path == "/gone":
            self.send_error(404)
            return
        body = WEIGHTS[:-1] + b"!" if self.path == "/altered" else WEIGHTS
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.path == "/cut" else body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "cache"


def card(server, *paths: str, sha256: str = SHA256) -> ModelCard:
    port = server.server_address[1]
    urls = [f"http://127.0.0.1:{port}{path}" for path in paths]
    return ModelCard(name="m", file="m.pt", urls=urls, sha256=sha256)


def test_a_whole_file_is_fetched_once_and_found_again(server):
    path = fetch(card(server, "/whole"))
    assert path.read_bytes() == WEIGHTS
    assert fetch(card(server, "/whole")) == path == locate("m.pt")
    assert server.asked == ["/whole"]


@pytest.mark.parametrize("bad", ["/gone", "/cut", "/altered"])
def test_the_next_mirror_is_asked_when_one_fails(server, bad):
    assert fetch(card(server, bad, "/whole")).read_bytes() == WEIGHTS
    assert server.asked == [bad, "/whole"]


@pytest.mark.parametrize("bad", ["/gone", "/cut", "/altered"])
def test_a_bad_file_is_never_left_in_place(server, own_cache, bad):
    with pytest.raises(BadInput, match="no mirror"):
        fetch(card(server, bad))
    assert not (own_cache / "m.pt").exists()


def test_nobody_is_asked_when_offline(server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match="HF_HUB_OFFLINE"):
        fetch(card(server, "/whole"))
    assert server.asked == []
