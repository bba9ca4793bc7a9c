"""Webhooks: a prediction is posted to an address that was allowed when the server was started."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from guided.errors import BadInput, shown

log = logging.getLogger(__name__)
TIMEOUT = 10.0  # seconds
TRIES = 3
KINDS = ("start", "output", "completed")


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A handler that follows no redirection, which may lead anywhere."""

    def redirect_request(self, *about: Any, **more: Any) -> None:
        return None


@dataclass
class Webhooks:
    """The addresses that predictions may be posted to."""

    allowed: Sequence[str] = ()  # what they begin with: https://example.org/done

    def __post_init__(self) -> None:
        for one in self.allowed:
            parts = urlsplit(one)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
                raise BadInput(
                    f"studio.webhooks={shown(one)} must be an address, https://HOST/..."
                )
        self.senders = ThreadPoolExecutor(2, "webhooks")
        self.opener = urllib.request.build_opener(NoRedirect(), urllib.request.ProxyHandler({}))

    def check(self, address: str | None) -> None:
        """Raise BadInput for an address that is not allowed."""
        if address is not None and not any(begins(address, one) for one in self.allowed):
            raise BadInput(
                f"webhook={shown(address)} is not allowed: studio.webhooks=[ADDRESS] at the start "
                "of the server allows addresses that begin so"
            )

    def call(
        self, address: str, wanted: Sequence[str] | None, kind: str, shown: Mapping[str, Any]
    ) -> None:
        """Post a prediction, in another thread, if this kind of event is wanted."""
        if kind in (wanted or KINDS) and any(begins(address, one) for one in self.allowed):
            self.senders.submit(self.post, address, json.dumps(shown).encode())

    def post(self, address: str, body: bytes) -> None:
        """Post a body, TRIES times at most."""
        headers = {"Content-Type": "application/json", "User-Agent": "guided-studio"}
        request = urllib.request.Request(address, body, headers, method="POST")
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                with self.opener.open(request, timeout=TIMEOUT):
                    return
            except OSError as error:
                if last:
                    log.warning("the webhook %s was not reached: %s", shown(address), error)


def begins(address: str, allowed: str) -> bool:
    """Return whether an address is at the host of an allowed one, and at or below its path."""
    try:
        one, other = urlsplit(address), urlsplit(allowed)
        same = (one.scheme, one.hostname, one.port) == (other.scheme, other.hostname, other.port)
    except ValueError:
        return False
    path = other.path.rstrip("/")
    inside = one.path == path or one.path.startswith(f"{path}/") or one.path == other.path
    plain = one.username is None and "\\" not in address and "/.." not in one.path
    return same and inside and plain
