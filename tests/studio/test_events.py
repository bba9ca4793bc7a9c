"""The stream of events: nothing is lost, repeated or out of order."""

import asyncio
import json

import pytest

from guided.studio import events
from guided.studio.events import Events


def parsed(data: bytes) -> list[tuple[str, str, dict]]:
    """(id, event, data) of each message, as the specification of server-sent events reads them."""
    found = []
    for block in data.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":")
        if fields:
            found.append((fields["id"], fields["event"], json.loads(fields["data"])))
    return found


async def first(stream, count: int) -> list[tuple[str, str, dict]]:
    found = []
    async for part in stream:
        found += parsed(part)
        if len(found) >= count:
            break
    await stream.aclose()
    return found


def test_a_client_gets_what_comes_after_it(monkeypatch):
    async def run():
        stream = Events()
        stream.add("log", {"text": "before"})
        reading = asyncio.create_task(first(stream.stream(None), 3))
        await asyncio.sleep(0)
        stream.add("log", {"text": "a\nb\u2028"})
        stream.add("log", {"text": "c"})
        return stream.epoch, await reading

    epoch, found = asyncio.run(run())
    assert [entry[2] for entry in found] == [
        {"epoch": epoch},
        {"text": "a\nb\u2028"},
        {"text": "c"},
    ]


@pytest.mark.parametrize("at", range(6))
def test_a_client_that_comes_back_gets_exactly_what_it_missed(at):
    async def run():
        stream = Events()
        for k in range(5):
            stream.add("log", {"k": k})
        return await first(stream.stream(f"{stream.epoch}-{at}"), 6 - at)

    assert [data.get("k") for _, _, data in asyncio.run(run())[1:]] == list(range(at, 5))


@pytest.mark.parametrize("last", ["other-3", "x", "", "-1", "{epoch}-99", "{epoch}-0"])
def test_a_client_whose_events_are_gone_is_told_to_look_anew(last, monkeypatch):
    monkeypatch.setattr(events, "KEPT", 3)

    async def run():
        stream = Events()
        stream.kept = type(stream.kept)(maxlen=3)
        for k in range(5):
            stream.add("log", {"k": k})
        return await first(stream.stream(last.format(epoch=stream.epoch)), 2)

    assert [kind for _, kind, _ in asyncio.run(run())][:2] == ["hello", "reset"]


def test_many_clients_lose_nothing_and_share_one_list():
    async def run():
        stream = Events()
        clients = [asyncio.create_task(first(stream.stream(None), 1001)) for _ in range(50)]
        await asyncio.sleep(0)
        for k in range(1000):
            stream.add("log", {"k": k})
            if k % 7 == 0:
                await asyncio.sleep(0)
        return stream, await asyncio.gather(*clients)

    stream, answers = asyncio.run(run())
    for found in answers:
        assert [data["k"] for _, _, data in found[1:]] == list(range(1000))
    assert stream.clients == 0


def test_a_stream_of_one_prediction_has_nothing_of_others():
    async def run():
        stream = Events()
        stream.add("state", {"id": "a"})
        stream.add("state", {"id": "b"})
        stream.add("progress", {"prediction": "b", "step": 1})
        stream.add("progress", {"prediction": "a", "step": 2})
        return await first(stream.stream(f"{stream.epoch}-0", "a"), 3)

    assert [data for _, _, data in asyncio.run(run())[1:]] == [
        {"id": "a"},
        {"prediction": "a", "step": 2},
    ]


def test_a_silent_stream_is_kept_open_and_ends_with_the_server(monkeypatch):
    monkeypatch.setattr(events, "HEARTBEAT", 0.01)

    async def run():
        stream = Events()
        parts = []
        async for part in stream.stream(None):
            parts.append(part)
            if len(parts) == 3:
                stream.close()
        return parts

    parts = asyncio.run(run())
    assert parts[1].startswith(b":") and parts[1].endswith(b"\n\n")
