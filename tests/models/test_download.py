"""Fetching, against a server on this machine that is gone, slow, drops, cuts, alters and lies."""

import hashlib
import multiprocessing
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from guided.errors import BadInput
from guided.models import transfer, weights_file
from guided.models.cards import ModelCard, keep_in, locate
from guided.models.download import fetch

WEIGHTS = b"\x80\x02" + bytes(range(256)) * 5000
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
THIRD = len(WEIGHTS) // 3


class Mirror(BaseHTTPRequestHandler):
    """What it does with a request is in the path; `/page/m.pt` is a page that says sorry."""

    def do_GET(self) -> None:
        how = self.path.strip("/").split("/")[0]
        asked, wants = self.server.asked, self.headers.get("Range")
        asked.append((self.path, wants))
        before = sum(path == self.path for path, _ in asked) - 1
        if how == "gone":
            return self.send_error(404)
        if how == "broken" or (how == "busy" and before < 2):
            return self.send_error(503)
        if how == "slow" and before == 0:
            time.sleep(0.6)
        body = {"altered": WEIGHTS[:-1] + b"!", "page": b"<html>sorry</html>"}.get(how, WEIGHTS)
        tag = f'"{how}{before if how == "changing" else ""}"'
        start = self.begin(how, wants, tag, len(body))
        if start is None:
            return None
        end = len(body)
        if how in ("dropping", "deaf", "changing", "untagged") and before < 3:
            end = min(start + THIRD, end)
        self.wfile.write(body[start : len(body) // 2 if how == "cut" else end])
        return None

    def begin(self, how: str, wants: str | None, tag: str, length: int) -> int | None:
        """The status and headers; where the body starts."""
        start = int(re.fullmatch(r"bytes=(\d+)-", wants)[1]) if wants else 0
        if_range = self.headers.get("If-Range")
        if how in ("deaf", "cut") or (if_range and if_range != tag):
            start = 0
        if start >= length:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{length}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        self.send_response(206 if start else 200)
        if start:
            first = start - 7 if how == "lying" else start
            self.send_header("Content-Range", f"bytes {first}-{length - 1}/{length}")
        self.send_header("Content-Length", str(length - start))
        if how != "untagged":
            self.send_header("ETag", tag)
        self.end_headers()
        return start

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    server.asked = []
    server.handle_error = lambda *_: None  # clients that hang up are part of it
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    for name in ("HF_HUB_OFFLINE", "HF_ENDPOINT", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(transfer, "PAUSE", 0.01)
    return tmp_path / "cache"


def address(server) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def card(server, *paths: str, sha256: str = SHA256) -> ModelCard:
    urls = [f"{address(server)}{path}" for path in paths]
    return ModelCard(name="m", file="m.pt", urls=urls, sha256=sha256)


def leftovers(folder: Path) -> set[str]:
    """What is there beside the weights, their note and the lock."""
    return {p.name for p in folder.iterdir()} - {"m.pt", ".m.pt.verified", ".m.pt.lock"}


def test_a_whole_file_is_fetched_once_and_found_again(server, own_cache):
    path = fetch(card(server, "/whole"))
    assert path.read_bytes() == WEIGHTS
    assert fetch(card(server, "/whole")) == path == locate("m.pt")
    assert server.asked == [("/whole", None)]
    assert leftovers(own_cache) == set()


@pytest.mark.parametrize("bad", ["/gone", "/broken", "/cut", "/altered", "/page"])
def test_the_next_mirror_is_asked_when_one_fails(server, own_cache, bad):
    assert fetch(card(server, bad, "/whole")).read_bytes() == WEIGHTS
    assert server.asked[0][0] == bad
    assert leftovers(own_cache) == set()


@pytest.mark.parametrize("bad", ["/gone", "/broken", "/cut", "/altered", "/page"])
def test_a_bad_file_is_never_put_in_place(server, own_cache, bad):
    with pytest.raises(BadInput, match="no mirror") as caught:
        fetch(card(server, bad))
    assert bad in str(caught.value)
    assert not (own_cache / "m.pt").exists()


def test_a_page_that_says_sorry_is_no_model_even_without_a_checksum(server, own_cache):
    with pytest.raises(BadInput, match="does not begin as a file of weights"):
        fetch(card(server, "/page", sha256=""))
    assert not (own_cache / "m.pt").exists()


def test_what_is_gone_is_not_asked_again_and_what_is_busy_is(server):
    assert fetch(card(server, "/gone", "/busy")).read_bytes() == WEIGHTS
    assert [path for path, _ in server.asked] == ["/gone", "/busy", "/busy", "/busy"]


@pytest.mark.parametrize("sha256", [SHA256, ""])
def test_a_transfer_that_drops_goes_on_where_it_was(server, sha256):
    assert fetch(card(server, "/dropping", sha256=sha256)).read_bytes() == WEIGHTS
    assert (
        server.asked
        == [
            ("/dropping", None),
            ("/dropping", f"bytes={THIRD}-"),
            ("/dropping", f"bytes={2 * THIRD}-"),
            ("/dropping", f"bytes={3 * THIRD}-"),
        ][: len(server.asked)]
    )
    assert len(server.asked) >= 3


@pytest.mark.parametrize("how", ["/deaf", "/lying"])
def test_a_server_that_cannot_resume_starts_over(server, own_cache, how):
    half_done(own_cache, WEIGHTS[:1000])
    assert fetch(card(server, how)).read_bytes() == WEIGHTS
    assert server.asked[0] == (how, "bytes=1000-")


def test_a_file_that_changed_meanwhile_is_not_patched_together(server):
    """Without a checksum only the server's own tag tells."""
    assert fetch(card(server, "/changing", sha256="")).read_bytes() == WEIGHTS
    assert len(server.asked) == 4  # three that drop, each begun anew because of its tag


def test_without_a_checksum_and_a_tag_nothing_is_resumed(server):
    assert fetch(card(server, "/untagged", sha256="")).read_bytes() == WEIGHTS
    assert {wants for _, wants in server.asked} == {None}


def half_done(folder: Path, content: bytes) -> None:
    folder.mkdir(exist_ok=True)
    (folder / ".m.pt.part").write_bytes(content)


def test_an_interrupted_run_goes_on_also_from_another_mirror(server, own_cache):
    half_done(own_cache, WEIGHTS[:5000])
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS
    assert server.asked == [("/whole", "bytes=5000-")]


def test_a_part_that_was_all_there_is_only_checked(server, own_cache):
    half_done(own_cache, WEIGHTS)
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS
    assert server.asked == [("/whole", f"bytes={len(WEIGHTS)}-")]


@pytest.mark.parametrize("part", [b"x" * 5000, WEIGHTS + b"too long"])
def test_a_part_of_something_else_is_thrown_away(server, own_cache, part):
    half_done(own_cache, part)
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS
    assert server.asked[-1] == ("/whole", None)


def test_a_slow_server_is_waited_for_and_asked_again(server, monkeypatch):
    monkeypatch.setattr(transfer, "TIMEOUT", 0.2)
    assert fetch(card(server, "/slow")).read_bytes() == WEIGHTS
    assert len(server.asked) == 2


# ---- what is there already -----------------------------------------------------------------


def test_an_altered_file_is_fetched_again(server, own_cache):
    path = fetch(card(server, "/whole"))
    path.write_bytes(WEIGHTS[:-1] + b"?")
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS


def test_a_half_written_file_is_refused_by_a_run_and_fetched_again(server, own_cache):
    """A run looks at size and structure only; that costs no time."""
    path = fetch(card(server, "/whole"))
    assert card(server).missing() is None
    path.write_bytes(WEIGHTS[:-100])
    assert "is damaged" in card(server).missing()
    assert fetch(card(server, "/whole")).read_bytes() == WEIGHTS
    assert card(server).missing() is None


def test_a_file_of_unknown_checksum_must_stay_as_it_was_fetched(server):
    path = fetch(card(server, "/whole", sha256=""))
    path.write_bytes(WEIGHTS[:-1] + b"?")
    assert fetch(card(server, "/whole", sha256="")).read_bytes() == WEIGHTS


def test_what_was_hashed_is_not_hashed_again(server, monkeypatch):
    hashed = []
    monkeypatch.setattr(weights_file, "file_hash", lambda path: hashed.append(path) or SHA256)
    path = fetch(card(server, "/whole"))
    fetch(card(server, "/whole"))
    assert hashed == []
    path.touch()
    fetch(card(server, "/whole"))
    fetch(card(server, "/whole"))
    assert hashed == [path]


def test_a_damaged_file_of_ones_own_is_told_and_left_alone(server, tmp_path):
    own = tmp_path / "own.pt"
    own.write_bytes(b"PK but no archive")
    with pytest.raises(BadInput, match="is damaged"):
        fetch(ModelCard(name="m", file=str(own), urls=[f"{address(server)}/whole"]))
    assert own.read_bytes() == b"PK but no archive"
    assert server.asked == []


# ---- where from and where to ---------------------------------------------------------------


def test_nobody_is_asked_when_offline(server, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match="HF_HUB_OFFLINE"):
        fetch(card(server, "/whole"))
    assert server.asked == []


def test_a_mirror_of_the_hub_is_asked_in_its_place(server, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"{address(server)}/")
    urls = ["https://huggingface.co/someone/model/resolve/main/m.pt"]
    fetch(ModelCard(name="m", file="m.pt", urls=urls, sha256=SHA256))
    assert server.asked == [("/someone/model/resolve/main/m.pt", None)]


def test_a_proxy_of_the_environment_is_used(server, monkeypatch):
    monkeypatch.setenv("http_proxy", address(server))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror.example")  # http, because the user says so
    urls = ["https://huggingface.co/whole"]
    fetch(ModelCard(name="m", file="m.pt", urls=urls, sha256=SHA256))
    assert server.asked == [("http://mirror.example/whole", None)]


def test_a_full_disk_is_told_before_anything_is_written(server, own_cache, monkeypatch):
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: type("D", (), {"free": 1000}))
    with pytest.raises(BadInput, match=r"needs 1 MB .* has 0 MB left"):
        fetch(card(server, "/whole", "/whole2"))
    assert len(server.asked) == 1
    assert not (own_cache / ".m.pt.part").exists()


def test_the_setting_cache_wins_over_the_environment(server, tmp_path):
    keep_in(str(tmp_path / "elsewhere"))
    try:
        assert fetch(card(server, "/whole")) == tmp_path / "elsewhere" / "m.pt"
    finally:
        keep_in(None)
    assert locate("m.pt") is None


def test_processes_that_want_the_same_file_fetch_it_once(server):
    context = multiprocessing.get_context("fork")
    wanting = [context.Process(target=fetch, args=(card(server, "/slow"),)) for _ in range(3)]
    for process in wanting:
        process.start()
    for process in wanting:
        process.join()
    assert [process.exitcode for process in wanting] == [0, 0, 0]
    assert len(server.asked) == 1
    assert locate("m.pt").read_bytes() == WEIGHTS
