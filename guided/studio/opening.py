"""The studio of a command line, and the guard of its server."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from guided.config.composer import Composer
from guided.config.composition import lasting
from guided.config.overrides import Override, merged, parse, parse_all
from guided.config.plan import plain
from guided.devices import read_devices
from guided.models.cards import keep_in
from guided.runs import files
from guided.studio.checking import Checker
from guided.studio.settings import StudioSettings
from guided.studio.studio import Studio
from guided.studio.webhooks import Webhooks
from guided.untrusted.typed_paths import expand


def opened(base: Sequence[Override], flags: Sequence[str], webhooks: Sequence[str] = ()) -> Studio:
    """Return the studio of a command. BadInput if its folder cannot be made."""
    with Composer([*base, parse("prompt=x")], list(flags)).row() as composed:
        cfg = composed.cfg
        keep_in(cfg.cache)
        root = expand("folder", cfg.folder).absolute()
        devices = read_devices(plain(cfg.device))
    files.make_root(root)
    held = merged(base, parse_all([f"folder={root}"]))
    words = [word for word in held if word.name != "device" or len(devices) == 1]
    one: list[str | None] = [None]
    several: list[str | None] = list(devices)
    return Studio(
        root,
        words,
        lasting(flags),
        several if len(devices) > 1 else one,
        Webhooks(webhooks),
        lambda flags: Checker(words, flags),
    )


def guard_of(chosen: StudioSettings, port: int, token: str) -> dict[str, Any]:
    """Return the settings of a server's guard."""
    own = frozenset() if chosen.is_local else frozenset({socket.gethostname().lower()})
    return {
        "token": token,
        "hosts": chosen.hosts | own,
        "port": port,
        "local": chosen.is_local,
    }
