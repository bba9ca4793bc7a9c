"""Addresses and answers are untrusted: against a server on this machine that attacks."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from guided.errors import BadInput
from guided.models import download, transfer
from guided.models.cards import ModelCard
from guided.models.download import check, fetch
from guided.models.transfer import Redirects, Refused, may_ask

WEIGHTS = b"\x80\x02" + bytes(range(256)) * 500
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
TENTH = len(WEIGHTS) // 10


class Attacker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        how = self.path.strip("/").split("/")[0]
        self.server.asked.append(self.path)
        if how == "redirect":
            self.begin(302, Location=self.server.leads_to)
        elif how == "length":
            self.begin(200, **{"Content-Length": self.server.length})
            self.wfile.write(WEIGHTS)
        elif how == "endless":
            self.begin(200)
            while True:
                self.wfile.write(WEIGHTS)
        elif how == "elsewhere" and self.headers.get("Range"):
            self.begin(206, **{"Content-Range": f"bytes 5-9/{len(WEIGHTS)}"})
        elif how == "elsewhere":  # a little, and then nothing
            self.begin(200, ETag='"x"', **{"Content-Length": str(len(WEIGHTS))})
            self.wfile.write(WEIGHTS[:TENTH])
        elif how == "dribble":  # a byte for each request
            start = int((self.headers.get("Range") or "bytes=0-")[6:-1])
            said = {"Content-Range": f"bytes {start}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}"}
            length = {"Content-Length": str(len(WEIGHTS) - start)}
            self.begin(206 if start else 200, ETag='"x"', **(said if start else {}), **length)
            self.wfile.write(WEIGHTS[start : start + 1])
        else:
            self.begin(200, **{"Content-Length": str(len(WEIGHTS))})
            self.wfile.write(WEIGHTS)

    def begin(self, status: int, **headers: str) -> None:
        self.send_response(status, "\x1b[2Jfine")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Attacker)
    server.asked = []
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(transfer, "PAUSE", 0.001)
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def card(server, path: str, **settings) -> ModelCard:
    urls = [f"http://127.0.0.1:{server.server_address[1]}{path}"]
    return ModelCard(**{"name": "m", "file": "m.pt", "urls": urls, "sha256": SHA256, **settings})


def refusal(made: ModelCard) -> str:
    with pytest.raises(BadInput) as caught:
        fetch(made)
    text = str(caught.value)
    assert text.isprintable() and len(text) < 700
    return text


# ---- where from ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["https://models.example/m.pt", "http://127.0.0.1:8000/m.pt", "http://localhost/m.pt",
     "http://[::1]:8000/m.pt", "HTTPS://models.example/m.pt"],
)  # fmt: skip
def test_addresses_that_may_be_asked(url) -> None:
    assert may_ask(url)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "FILE:/etc/passwd", "ftp://models.example/m.pt", "data:,x", "m.pt",
     "http://models.example/m.pt", "http://127.0.0.1@models.example/m.pt", "https:///m.pt",
     "http://127.0.0.1.models.example/", "http://localhost.models.example/", "//models.example/m",
     "http://10.0.0.1/m.pt", "http://169.254.169.254/m", "https://[bad/m", "https://a:99999/m",
     "jar:file:///x", "http://0x7f.1/m"],
)  # fmt: skip
def test_other_addresses_are_never_asked(server, url, own_cache) -> None:
    assert not may_ask(url)
    made = card(server, "/whole")
    made.urls.insert(0, url)
    assert "model.urls=" in refusal(made)
    assert server.asked == []
    assert list(own_cache.iterdir()) == []


def test_http_of_a_mirror_that_the_user_names_is_asked(monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.lan:8080")
    assert may_ask("http://mirror.lan:8080/a/m.pt")
    assert not may_ask("http://mirror.lan/a/m.pt")
    assert not may_ask("http://other.lan:8080/a/m.pt")
    monkeypatch.setenv("HF_ENDPOINT", "http://[broken")
    assert may_ask("https://models.example/m.pt")
    assert not may_ask("http://mirror.lan:8080/a/m.pt")


def test_a_local_file_is_not_copied(server, own_cache, tmp_path) -> None:
    (tmp_path / "secret").write_bytes(WEIGHTS)
    made = card(server, "/", urls=[f"file://{tmp_path}/secret"])
    assert "addresses must be https://" in refusal(made)
    assert not (own_cache / "m.pt").exists()


@pytest.mark.parametrize(
    "target", ["file://{}", "ftp://127.0.0.1/x", "data:,x", "http://a.example/"]
)
def test_a_redirect_to_another_kind_of_address_is_refused(server, own_cache, tmp_path, target):
    (tmp_path / "secret").write_bytes(WEIGHTS)
    server.leads_to = target.format(tmp_path / "secret")
    refusal(card(server, "/redirect"))
    assert server.asked == ["/redirect"]
    assert not (own_cache / "m.pt").exists()


def test_a_redirect_on_this_machine_is_followed(server) -> None:
    server.leads_to = "/whole"
    assert fetch(card(server, "/redirect")).read_bytes() == WEIGHTS


def test_a_redirect_from_https_to_http_is_refused_even_to_this_machine() -> None:
    request = transfer.urllib.request.Request("https://models.example/m.pt")
    arguments = (request, None, 302, "Found", {})
    with pytest.raises(Refused, match="it leads to"):
        Redirects().redirect_request(*arguments, "http://127.0.0.1/m.pt")
    assert Redirects().redirect_request(*arguments, "https://cdn.example/m.pt") is not None


def test_a_chain_of_redirects_ends(server) -> None:
    server.leads_to = "/redirect/again"
    refusal(card(server, "/redirect"))
    assert len(server.asked) < 15


# ---- how much ------------------------------------------------------------------------------


@pytest.mark.parametrize("length", ["9" * 400, "9" * 5000, "-5", "x", "1_000", "+7", "1e9", "²"])
def test_a_length_that_is_none_is_one_line(server, own_cache, length) -> None:
    server.length = length.encode("utf-8").decode("latin-1")
    assert "Content-Length" in refusal(card(server, "/length"))
    assert len(server.asked) == 1
    assert not (own_cache / "m.pt").exists()


def test_what_is_larger_than_its_card_says_is_not_begun(server, own_cache) -> None:
    server.length = "999000000"
    assert "999 MB, more than the 141 allowed" in refusal(card(server, "/length", megabytes=100))
    assert not (own_cache / ".m.pt.part").exists()


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_a_body_without_end_is_cut_off(server, own_cache, monkeypatch, sha256) -> None:
    monkeypatch.setattr(download, "LARGEST", 5)
    assert "sends more than 5 MB" in refusal(card(server, "/endless", sha256=sha256))
    assert not list(own_cache.glob("*part*"))


def test_a_body_without_length_leaves_room_on_the_disk(server, own_cache, monkeypatch) -> None:
    free = iter([10**12, transfer.RESERVE + 10, transfer.RESERVE - 1])
    usage = type("Usage", (), {})
    monkeypatch.setattr(
        transfer.shutil, "disk_usage", lambda _: setattr(usage, "free", next(free)) or usage
    )
    assert "does not say how long it is" in refusal(card(server, "/endless"))
    assert not list(own_cache.glob("*part*"))


def test_a_disk_that_fills_meanwhile_is_told_with_its_remedy(server, monkeypatch) -> None:
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transfer, "receive", full)
    assert "cache=FOLDER keeps models elsewhere" in refusal(card(server, "/whole"))
    assert len(server.asked) == 1


@pytest.mark.parametrize("how", ["/elsewhere", "/dribble"])
def test_a_server_that_never_gets_anywhere_is_left(server, how) -> None:
    """Wrong parts, or a byte for each request, without end."""
    assert "no mirror had it" in refusal(card(server, how))
    assert len(server.asked) < 20


# ---- where to ------------------------------------------------------------------------------


def test_links_in_the_cache_are_not_written_through(server, own_cache, tmp_path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in (".m.pt.part", ".m.pt.part.json", ".m.pt.verified", ".m.pt.lock"):
        (own_cache / name).symlink_to(precious)
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS
    assert precious.read_text() == "mine"


def test_a_link_to_whole_weights_elsewhere_is_read(server, own_cache, tmp_path) -> None:
    (tmp_path / "large").write_bytes(WEIGHTS)
    (own_cache / "m.pt").symlink_to(tmp_path / "large")
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS
    assert server.asked == []


def test_a_note_beside_weights_of_ones_own_replaces_a_link(tmp_path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "own.pt").write_bytes(WEIGHTS)
    (tmp_path / ".own.pt.verified").symlink_to(tmp_path / "precious")
    fetch(ModelCard(name="m", file=str(tmp_path / "own.pt"), sha256=SHA256))
    assert (tmp_path / "precious").read_text() == "mine"


def test_another_cards_weights_are_not_replaced(server, own_cache) -> None:
    fetch(card(server, "/whole"))
    assert "is the file of another card" in refusal(card(server, "/whole", sha256="0" * 64))
    assert (own_cache / "m.pt").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    "about", ["[]", "1", '{"url": 1}', '{"version": {}}', "[" * 100_000, "\0"]
)
def test_a_broken_note_of_a_part_is_no_obstacle(server, own_cache, about) -> None:
    (own_cache / ".m.pt.part").write_bytes(WEIGHTS[:100])
    (own_cache / ".m.pt.part.json").write_text(about)
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS


def test_a_cache_that_cannot_be_is_told(server, monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "file" / "x"))
    assert "cannot be written to" in refusal(card(server, "/whole"))


# ---- trust ---------------------------------------------------------------------------------


def test_what_has_no_checksum_needs_trust(server) -> None:
    made = card(server, "/whole", sha256="")
    with pytest.raises(BadInput, match=r"no checksum .* trust=true .* sha256"):
        check(made, trust=False)
    assert server.asked == []
    check(made, trust=True)
    fetch(made)
    check(made, trust=False)  # it is here now


def test_a_checksum_needs_no_trust(server) -> None:
    check(card(server, "/whole"), trust=False)


def test_every_card_is_checked_before_the_first_byte(server) -> None:
    for settings in ({"urls": ["file:///x"]}, {"file": "a/m.pt"}):
        with pytest.raises(BadInput):
            check(card(server, "/whole", **settings), trust=True)
