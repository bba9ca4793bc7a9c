"""Webhooks go only where it was allowed."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from guided.errors import BadInput
from guided.studio import webhooks
from guided.studio.webhooks import Webhooks, begins


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("https://example.org/done", True),
        ("https://example.org/done/7?x=1", True),
        ("https://example.org/doner", False),
        ("https://example.org/", False),
        ("https://example.org/done/../admin", False),
        ("http://example.org/done", False),
        ("https://example.org:444/done", False),
        ("https://example.org@evil.example/done", False),
        ("https://user@example.org/done", False),
        ("https://example.org.evil.example/done", False),
        ("https://example.org\\@evil.example/done", False),
        ("file:///done", False),
        ("https://example.org:x/done", False),
    ],
)
def test_an_address_must_begin_with_an_allowed_one(address, right):
    assert begins(address, "https://example.org/done") is right
    if not right:
        with pytest.raises(BadInput, match="not allowed"):
            Webhooks(["https://example.org/done"]).check(address)


def test_none_is_allowed_unless_it_was_said():
    with pytest.raises(BadInput, match=r"studio\.webhooks"):
        Webhooks().check("https://example.org/")


@pytest.mark.parametrize("address", ["example.org", "ftp://a/", "https://", "https://a:b@c/"])
def test_what_is_allowed_must_be_an_address(address):
    with pytest.raises(BadInput, match=r"studio\.webhooks"):
        Webhooks([address])


@pytest.fixture
def receiver():
    """A server that keeps what is posted to it, and redirects /away."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            self.server.got.append((self.path, json.loads(body)))
            self.send_response(302 if self.path == "/away" else 200)
            self.send_header("location", "/landed")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *about):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.got = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_what_is_wanted_is_posted(receiver):
    server, address = receiver
    hooks = Webhooks([address])
    hooks.call(f"{address}/a", ["completed"], "start", {"id": "x"})
    hooks.call(f"{address}/a", ["completed"], "completed", {"id": "x"})
    hooks.senders.shutdown(wait=True)
    assert server.got == [("/a", {"id": "x"})]


def test_redirections_are_not_followed(receiver, monkeypatch):
    monkeypatch.setattr(webhooks, "TRIES", 1)
    server, address = receiver
    hooks = Webhooks([address])
    hooks.call(f"{address}/away", None, "start", {"id": "x"})
    hooks.senders.shutdown(wait=True)
    assert [path for path, _ in server.got] == ["/away"]
