"""Who may ask: the checks that every request passes before it reaches a route.

A page of another site can reach a server on this machine in three ways: by a request of its own
(Origin, Sec-Fetch-Site, the content type and the token stop it), by a name of its own that leads
to 127.0.0.1 (the list of hosts stops it), and by showing an address in an <img> or <script>
(again Sec-Fetch-Site, and Cross-Origin-Resource-Policy).
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, RedirectResponse, Response

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
COOKIE = "guided_studio"
SAFE = ("GET", "HEAD")
JSON, BYTES = "application/json", "application/octet-stream"
HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' blob: data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Json(JSONResponse):
    """An answer in JSON. Halves of surrogate pairs, which texts in files may have, become question
    marks."""

    def render(self, content: Any) -> bytes:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


class Refused(Exception):
    """A request that is not answered: status and reason."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


@dataclass
class Guard:
    """The checks of a server, around its app."""

    app: App
    token: str
    hosts: frozenset[str]  # names without a port
    port: int
    local: bool  # it is bound to this machine alone
    uploads: frozenset[str] = field(default_factory=frozenset)  # paths that take bytes
    bodiless: frozenset[str] = field(default_factory=frozenset)  # that need no type without a body

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        try:
            answer = self.checked(scope, headers)
        except Refused as refused:
            answer = error(refused.status, refused.detail)
        app = self.app if answer is None else answer
        await app(scope, receive, with_headers(send))

    def checked(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """Return None for a request that may pass, or what is answered instead. Raise Refused."""
        method, path = scope["method"], scope["path"]
        self.check_host(headers)
        self.check_site(method, path, headers)
        if method in SAFE:
            return None if self.local else self.let_in(scope, headers)
        if not self.has_token(headers):
            raise Refused(401, "the token is missing or wrong: it is the header X-Studio-Token")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        needed = BYTES if path in self.uploads else JSON
        if not kind and path in self.bodiless and is_empty(headers):
            return None
        if kind != needed:
            raise Refused(415, f"the content type must be {needed}")
        return None

    def check_host(self, headers: Mapping[str, str]) -> None:
        """Raise Refused for a host that the server was not started for."""
        typed = headers.get("host", "")
        try:
            parts = urlsplit(f"//{typed}")
            name, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            name, port = "", None
        plain = not (parts.username or parts.path) if name else False
        known = name in self.hosts or (not self.local and is_address(name))
        right = (port or 80) == self.port if self.local else True
        if not (plain and known and right):
            raise Refused(421, "this host is not the studio's")

    def check_site(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Raise Refused for a request by a page of another site. A link to the page itself may be
        followed from anywhere."""
        site = headers.get("sec-fetch-site", "none")
        followed = (
            method in SAFE
            and path == "/"
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest", "document") == "document"
        )
        if site not in ("same-origin", "none") and not followed:
            raise Refused(403, "a page of another site asks for this")
        origin = headers.get("origin")
        if origin is not None and urlsplit_host(origin) != headers.get("host"):
            raise Refused(403, "a page of another site asks for this")

    def let_in(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        """Return None for a request with the token; a redirection that keeps it in a cookie
        where it stands behind the page's address. Raise Refused for others."""
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        if scope["path"] == "/" and self.is_token(query.get("token", [""])[0]):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict", path="/")
            return answer
        if not (self.has_token(headers) or self.is_token(cookie(headers))):
            raise Refused(401, "the token is missing or wrong: open the address that was printed")
        return None

    def has_token(self, headers: Mapping[str, str]) -> bool:
        """Return whether a header has the token."""
        if self.is_token(headers.get("x-studio-token", "")):
            return True
        scheme, _, value = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                value = base64.b64decode(value, validate=True).decode().partition(":")[2]
            except ValueError:
                return False
        return scheme.lower() in ("bearer", "basic") and self.is_token(value.strip())

    def is_token(self, value: str) -> bool:
        return hmac.compare_digest(value.encode("utf-8", "replace"), self.token.encode())


def is_empty(headers: Mapping[str, str]) -> bool:
    """Return whether a request has no body."""
    return headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers


def urlsplit_host(origin: str) -> str | None:
    """Return the host and port of an Origin header; None for a wrong one, as null."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc if parts.scheme in ("http", "https") else None


def is_address(name: str) -> bool:
    """Return whether a host is an IP address, which no other site's name can lead to."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def cookie(headers: Mapping[str, str]) -> str:
    """Return the token in the cookie; empty if there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return found[COOKIE].value if COOKIE in found else ""


def error(status: int, detail: str, setting: str | None = None) -> Json:
    """Return the answer that says in one line what is wrong."""
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    return Json({"detail": detail, "setting": setting}, status, headers)


def with_headers(send: Any) -> Any:
    """Return `send` with the headers of every answer added."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message.get("headers", [])}
            added = [
                (name.encode(), value.encode())
                for name, value in HEADERS.items()
                if name.encode() not in given
            ]
            message["headers"] = [*message.get("headers", []), *added]
        await send(message)

    return sending
