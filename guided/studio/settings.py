"""The settings of `studio=`: where the server listens, and what it may call. Imports no server."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from guided.config.overrides import Override
from guided.errors import BadInput, nearest, not_one_of, shown
from guided.text import split, unquoted

PORT = 8188
TOKEN = "GUIDED_STUDIO_TOKEN"  # environment variable
SHORTEST = 16  # letters of a token that the user chooses
LOCAL = ("127.0.0.1", "localhost", "::1")
NAMES = ("studio", "studio.host", "studio.names", "studio.webhooks")
# Settings of this machine that may stand beside studio=; all others are of a prediction.
BESIDE = ("folder", "device", "cache", "memory", "threads", "precision", "checkpoint", "debug")
HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}", re.ASCII)


@dataclass(frozen=True)
class StudioSettings:
    """The address of a server, and the addresses that it may call."""

    port: int = PORT
    opens: bool = False  # a browser
    host: str = LOCAL[0]
    names: tuple[str, ...] = ()  # other names that lead here
    webhooks: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def hosts(self) -> frozenset[str]:
        """The names by which requests may come."""
        return frozenset({*LOCAL, self.host, *self.names})


def read(words: Sequence[Override]) -> tuple[StudioSettings, list[Override]]:
    """Return the settings of a command, and its words that hold for every prediction. BadInput
    for others."""
    values = {word.name: word.text or "" for word in words if word.root == "studio"}
    if unknown := [name for name in values if name not in NAMES]:
        raise BadInput(f"{unknown[0]} is not a setting{nearest(unknown[0], NAMES)}")
    base = [word for word in words if word.root != "studio"]
    if other := [word for word in base if word.name not in BESIDE]:
        raise BadInput(
            f"{shown(other[0].raw)} has no place beside studio=: each prediction has its own "
            f"settings; {', '.join(BESIDE)} hold for all of them"
        )
    mode = values.get("studio", "open").lower()
    port = port_of(mode) if mode not in ("open", "serve") else PORT
    host = unquoted(values.get("studio.host", LOCAL[0])).strip("[]")
    if not HOST.fullmatch(host):
        raise BadInput(f"studio.host={shown(host)} must be an address, as 0.0.0.0, or a name")
    names, webhooks = (listed(values.get(f"studio.{name}", "")) for name in ("names", "webhooks"))
    if wrong := [name for name in names if not HOST.fullmatch(name)]:
        raise BadInput(f"studio.names={shown(wrong[0])} must be the name of a host")
    return StudioSettings(port, mode == "open", host, names, webhooks), base


def port_of(text: str) -> int:
    """Return the port that a text spells."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise BadInput(f"{not_one_of('studio', text, ('open', 'serve'))}, nor a port, as 8188")
    if not 1 <= int(text) <= 65_535:
        nearest_port = min(max(int(text), 1), 65_535)
        raise BadInput(
            f"studio={text} must be a port from 1 to 65535; the nearest is {nearest_port}"
        )
    return int(text)


def listed(text: str) -> tuple[str, ...]:
    """Return the items of `[a,b]` or `a`."""
    inner = re.sub(r"^\[|\]$", "", text.strip())
    return tuple(unquoted(item) for item in split(inner)) if inner.strip() else ()


def token() -> str:
    """Return the token of this start: that of the environment, or a new one. BadInput if the
    former is too short."""
    given = os.environ.get(TOKEN, "")
    if given and (len(given) < SHORTEST or not given.isascii() or not given.isprintable()):
        raise BadInput(f"{TOKEN} must have {SHORTEST} or more ASCII letters and digits")
    return given or secrets.token_urlsafe(24)


def check_installed(names: Sequence[str], what: str) -> None:
    """Raise BadInput if a package that a command needs is not installed."""
    if lacking := [name for name in names if find_spec(name) is None]:
        raise BadInput(
            f"{what} needs {' and '.join(lacking)}, which is not here: "
            f"pip install {' '.join(lacking)}"
        )
