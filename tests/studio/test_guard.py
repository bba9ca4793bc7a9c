"""Who may ask: no page of another site, no other host, nothing without the token."""

import base64

import pytest
from starlette.testclient import TestClient

from guided.studio.app import create
from guided.studio.entries import Entry
from tests.studio.conftest import LOCAL, TOKEN

JSON = {"content-type": "application/json"}
RIGHT = {**JSON, "x-studio-token": TOKEN}
CHANGES = [
    ("POST", "/predictions"),
    ("PUT", "/predictions/a"),
    ("POST", "/predictions/a/cancel"),
    ("POST", "/predictions/a/resume"),
    ("POST", "/queue"),
    ("POST", "/preflight"),
    ("POST", "/pictures/a/trash"),
    ("POST", "/pictures/a/favourite"),
    ("PUT", "/presets/a"),
    ("POST", "/sdapi/v1/txt2img"),
    ("POST", "/sdapi/v1/interrupt"),
    ("POST", "/uploads"),
]


@pytest.fixture
def bare(studio) -> TestClient:
    """A client that sends nothing by itself."""
    return TestClient(create(studio, LOCAL), base_url="http://127.0.0.1:8188")


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize(
    "headers",
    [
        {},
        JSON,
        {**JSON, "x-studio-token": "wrong"},
        {**JSON, "x-studio-token": ""},
        {**JSON, "authorization": f"Digest {TOKEN}"},
        {**JSON, "authorization": "Basic !!!"},
        {**JSON, "cookie": f"guided_studio={TOKEN}"},  # which a browser sends by itself
    ],
)
def test_nothing_is_changed_without_the_token(bare, method, path, headers):
    assert bare.request(method, path, headers=headers, content=b"{}").status_code == 401


@pytest.mark.parametrize(("method", "path"), CHANGES)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_content_types_that_a_form_can_send_are_refused(bare, method, path, kind):
    headers = {"x-studio-token": TOKEN} | ({"content-type": kind} if kind else {})
    assert bare.request(method, path, headers=headers, content=b"{}").status_code == 415


def test_clients_of_a1111_interrupt_without_a_body(bare):
    """As the package webuiapi does: Basic, and neither a body nor a content type."""
    basic = base64.b64encode(f"user:{TOKEN}".encode()).decode()
    headers = {"authorization": f"Basic {basic}"}
    path = "/sdapi/v1/interrupt"
    assert bare.post(path, headers=headers).status_code == 200
    assert bare.post(path).status_code == 401
    evil = {**headers, "origin": "https://evil.example"}
    assert bare.post(path, headers=evil).status_code == 403
    form = {**headers, "content-type": "application/x-www-form-urlencoded"}
    assert bare.post(path, headers=form).status_code == 415
    assert bare.post(path, headers=headers, content=iter([b"{}"])).status_code == 415
    assert bare.post("/queue", headers=headers).status_code == 415


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},  # another program on this machine
        {"origin": "http://127.0.0.1:8188.evil.example"},
        {"origin": "file://"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},  # localhost with another port
    ],
)
def test_another_site_can_neither_read_nor_draw(bare, studio, headers):
    studio.queue.add(Entry("a", {"prompt": "a heart"}))
    for method, path in [*CHANGES, ("GET", "/queue"), ("GET", "/session"), ("GET", "/pictures")]:
        answer = bare.request(method, path, headers={**RIGHT, **headers}, content=b"{}")
        assert answer.status_code == 403 and "a heart" not in answer.text
        assert "access-control-allow-origin" not in answer.headers
    assert [entry.state for entry in studio.queue.all()] == ["open"]


def test_a_link_from_elsewhere_leads_to_the_page_only(bare):
    followed = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    assert bare.get("/", headers=followed).status_code == 200
    assert bare.get("/queue", headers=followed).status_code == 403
    framed = {**followed, "sec-fetch-dest": "iframe"}
    assert bare.get("/", headers=framed).status_code == 403


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8188",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8188.evil.example",
        "127.0.0.1:8188@evil.example",
        "evil.example@127.0.0.1:8188",
        "127.0.0.2:8188",
        "",
        "[::1",
        "127.0.0.1:x",
    ],
)
def test_a_host_that_is_not_its_own_is_misdirected(bare, host):
    for path in ("/", "/health", "/session", "/queue"):
        assert bare.get(path, headers={"host": host}).status_code == 421


def test_every_answer_has_the_headers_that_protect_the_page(bare):
    for answer in (bare.get("/"), bare.get("/queue"), bare.get("/nowhere"), bare.post("/queue")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'self'") and "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "headers",
    [
        {"x-studio-token": TOKEN},
        {"authorization": f"Bearer {TOKEN}"},
        {"authorization": "Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode()},
    ],
)
def test_each_way_to_give_the_token_is_taken(bare, headers):
    body = {"paused": True}
    assert bare.post("/queue", headers=headers, json=body).json()["paused"] is True


@pytest.mark.parametrize("path", ["/queue", "/events", "/pictures", "/session", "/schema"])
def test_get_changes_nothing_and_other_methods_do_not_exist(client, studio, path):
    before = sorted(p.name for p in studio.root.rglob("*"))
    if path != "/events":
        assert client.get(path).status_code == 200
    assert client.delete(path).status_code == 405
    assert sorted(p.name for p in studio.root.rglob("*")) == before


# ---- beyond this machine


@pytest.fixture
def far(studio) -> TestClient:
    hosts = frozenset({"studio.example"})
    guard = {"token": TOKEN, "hosts": hosts, "port": 8188, "local": False}
    return TestClient(create(studio, guard), base_url="http://192.0.2.7:8188")


def test_beyond_this_machine_nothing_is_read_without_the_token(far):
    for path in ("/", "/queue", "/session", "/health", "/schema", "/docs", "/openapi.json"):
        assert far.get(path).status_code == 401
        assert far.get(path, headers={"x-studio-token": TOKEN}).status_code == 200


def test_the_printed_address_lets_a_browser_in_by_a_cookie(far):
    answer = far.get(f"/?token={TOKEN}", follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303 and answer.headers["location"] == "/"
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
    assert far.get("/queue").status_code == 200  # with the cookie
    assert far.post("/queue", json={}).status_code == 401  # which changes nothing


def test_a_wrong_token_lets_nobody_in(far):
    assert far.get("/?token=wrong").status_code == 401
    assert far.get("/queue?token=wrong").status_code == 401


def test_names_of_others_are_refused_and_addresses_taken(far):
    token = {"x-studio-token": TOKEN}
    assert far.get("/health", headers={**token, "host": "evil.example:8188"}).status_code == 421
    assert far.get("/health", headers={**token, "host": "studio.example"}).status_code == 200
    assert far.get("/health", headers={**token, "host": "[2001:db8::1]:8188"}).status_code == 200
