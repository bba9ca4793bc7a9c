"""The tools for assistants, with the official package's own client."""

import asyncio
import json

import pytest

pytest.importorskip("mcp")

from mcp import Client

from guided.studio import mcp_server
from guided.studio.entries import SUCCEEDED
from tests.studio.conftest import make_run


def with_client(studio, work):
    """What a function does with a client of the tools."""

    async def run():
        async with Client(mcp_server.tools(studio)) as client:
            return await work(client)

    return asyncio.run(run())


def texts(result) -> list[str]:
    return [one.text for one in result.content if one.type == "text"]


def test_there_are_four_tools(studio):
    async def work(client):
        return {tool.name: tool for tool in (await client.list_tools()).tools}

    tools = with_client(studio, work)
    assert set(tools) == {"draw", "status", "show", "models"}
    assert all(tool.description for tool in tools.values())
    assert tools["draw"].input_schema["required"] == ["prompt"]


def test_drawing_waiting_and_showing(studio, tmp_path):
    async def work(client):
        settings = {"steps": 30, "seed": 7}
        made = await client.call_tool(
            "draw", {"prompt": "a heart", "settings": settings, "wait": 0}
        )
        name = json.loads(texts(made)[0])["id"]
        before = await client.call_tool("show", {"id": name})
        run = make_run(tmp_path).relative_to(tmp_path).as_posix()

        def end(entry):
            entry.folder = run
            entry.end(SUCCEEDED)

        studio.queue.change(name, end)  # a worker's part
        status = await client.call_tool("status", {"id": name})
        return before, status, await client.call_tool("show", {"id": name})

    before, status, shown = with_client(studio, work)
    assert before.is_error and "has no finished picture" in texts(before)[0]
    found = json.loads(texts(status)[0])
    assert found["status"] == "succeeded" and found["input"]["steps"] == 30
    assert [one.type for one in shown.content] == ["text", "image"]
    assert shown.content[1].mime_type == "image/webp"
    assert str(tmp_path) in texts(shown)[0]


@pytest.mark.parametrize(
    "settings", [{"steps": 0}, {"folder": "/tmp"}, {"init": "/etc/passwd"}, {"_target_": "x"}]
)
def test_an_assistant_is_told_in_one_line_what_is_wrong(studio, settings):
    async def work(client):
        given = {"prompt": "a heart", "settings": settings}
        return await client.call_tool("draw", given)

    answer = with_client(studio, work)
    (line,) = texts(answer)
    assert answer.is_error and "\n" not in line and studio.queue.all() == []
    assert next(iter(settings)) in line


def test_models_and_an_empty_queue(studio):
    async def work(client):
        return await client.call_tool("models", {}), await client.call_tool("status", {})

    listed, status = with_client(studio, work)
    here = {one["name"] for one in json.loads(texts(listed)[0])["here"]}
    assert "embedded" in here and json.loads(texts(status)[0]) == []


@pytest.mark.parametrize(
    ("tool", "given", "line"),
    [
        ("draw", {"prompt": "a heart", "seed": 3}, "seed is no argument of draw, which takes"),
        ("draw", {"prompt": "a heart", "seed": 3}, 'a setting is in settings={"seed": ...}'),
        ("draw", {"settings": {}}, "draw needs prompt"),
        ("draw", {"prompt": "a heart", "wait": "long"}, "draw: wait: "),
        ("models", {"all": True}, "all is no argument of models, which takes none"),
        ("show", {}, "show needs id"),
    ],
)
def test_arguments_that_a_tool_does_not_take_are_told(studio, tool, given, line):
    async def work(client):
        return await client.call_tool(tool, given)

    answer = with_client(studio, work)
    (told,) = texts(answer)
    assert answer.is_error and line in told and "\n" not in told
    assert studio.queue.all() == []
