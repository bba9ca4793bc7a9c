"""The stream of events: the newest are kept, so that a client that comes back misses none.

All clients read the same list, so that a slow one costs no memory.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

KEPT = 20_000  # events
HEARTBEAT = 15.0  # seconds
MOST_CLIENTS = 256
TOGETHER = 500  # events in one piece


@dataclass
class Event:
    """An event: its number, the prediction that it is about, and its text as it is sent."""

    number: int
    prediction: str | None
    text: bytes


@dataclass
class Events:
    """The events of one start of the server. To be used in its event loop."""

    epoch: str = field(default_factory=lambda: secrets.token_hex(6))
    kept: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    number: int = 0  # of the newest
    clients: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self.news = asyncio.Event()

    def add(self, kind: str, data: dict[str, Any]) -> None:
        """Add an event, and wake the clients."""
        self.number += 1
        about = data.get("id") if kind == "state" else data.get("prediction")
        text = message(kind, data, f"{self.epoch}-{self.number}")
        self.kept.append(Event(self.number, about, text))
        self.wake()

    def wake(self) -> None:
        news, self.news = self.news, asyncio.Event()
        news.set()

    def close(self) -> None:
        """End every stream."""
        self.closed = True
        self.wake()

    async def stream(
        self, last: str | None, prediction: str | None = None
    ) -> AsyncIterator[bytes]:
        """Yield the events after the one of the id `last`, all that come where it is None; only
        those of a prediction if one is given."""
        at, known = self.place_of(last)
        self.clients += 1
        try:
            yield message("hello", {"epoch": self.epoch}, f"{self.epoch}-{at}")
            if not known:
                yield message("reset", {}, f"{self.epoch}-{at}")
            while not self.closed:
                news = self.news
                if self.missed(at):
                    at = self.number
                    yield message("reset", {}, f"{self.epoch}-{at}")
                found = self.after(at)
                if not found:
                    yield await heartbeat(news)
                    continue
                at = found[-1].number
                wanted = [e.text for e in found if prediction in (None, e.prediction)]
                if wanted:
                    yield b"".join(wanted)
        finally:
            self.clients -= 1

    def place_of(self, last: str | None) -> tuple[int, bool]:
        """Return the number of the event of an id, and whether all after it are known; for another
        id the newest."""
        if last is None:
            return self.number, True
        epoch, _, number = last.rpartition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdigit()):
            return self.number, False
        at = int(number[:18])
        return (at, True) if at <= self.number and not self.missed(at) else (self.number, False)

    def missed(self, at: int) -> bool:
        """Return whether events after this one are no longer kept."""
        return bool(self.kept) and at + 1 < self.kept[0].number

    def after(self, at: int) -> list[Event]:
        """Return the events after this one, TOGETHER at most."""
        start = len(self.kept) - (self.number - at)
        end = min(start + TOGETHER, len(self.kept))
        return [self.kept[k] for k in range(max(start, 0), end)]


async def heartbeat(news: asyncio.Event) -> bytes:
    """Wait for news, and return what is sent: nothing, or a comment after HEARTBEAT."""
    try:
        await asyncio.wait_for(news.wait(), HEARTBEAT)
    except TimeoutError:
        return b": still here\n\n"
    return b""


def message(kind: str, data: dict[str, Any], name: str) -> bytes:
    """Return an event as it is sent."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"id: {name}\nevent: {kind}\ndata: {text}\n\n".encode("utf-8", "replace")
