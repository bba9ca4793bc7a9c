"""`guided mcp`: tools for assistants over the studio's queue, by the Model Context Protocol on
standard input and output.

Where a studio's server is open for the folder, its workers draw; otherwise this process starts
them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from guided.errors import BadInput, shown
from guided.studio import models
from guided.studio.entries import Conflict, Entry, Full
from guided.studio.studio import Studio
from guided.version import __version__

LONGEST = 3600.0  # seconds that a tool waits
MOST_SHOWN = 8  # pictures in one answer
FACTS = (
    *("id", "status", "count", "done", "size", "steps", "model", "input", "progress", "step"),
    *("seconds_left", "error", "logs"),
)
ABOUT = (
    "Draws pictures from text by CLIP-guided diffusion on this machine. `draw` queues a "
    "prediction and waits for it, `status` tells how far it is, `show` returns its pictures, "
    "`models` lists what it can be drawn with."
)


def run(studio: Studio) -> None:
    """Serve the tools of a studio until standard input ends. Its workers are this process's,
    unless another process has them."""
    with suppress(BadInput):
        studio.dispatcher.hold()
    asyncio.run(serve(studio))


async def serve(studio: Studio) -> None:
    """Serve the tools of a studio on standard input and output."""
    await studio.begin()
    try:
        await tools(studio).run_stdio_async()
    finally:
        await studio.end()


def tools(studio: Studio) -> Any:
    """Return the server with its four tools."""
    from mcp.server.mcpserver import Image, MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from pydantic import ValidationError

    class Tools(MCPServer):
        """A server that refuses in one line what its tools do not take; MCPServer passes over
        unknown arguments."""

        async def call_tool(self, name: str, arguments: Any, context: Any = None) -> Any:
            for tool in await self.list_tools():
                if tool.name == name:
                    check_arguments(tool.name, arguments, tool.input_schema)
            try:
                return await super().call_tool(name, arguments, context)
            except ToolError as error:
                if not isinstance(error.__cause__, ValidationError):
                    raise
                wrong = error.__cause__.errors()[0]
                where = ".".join(map(str, wrong["loc"]))
                raise ToolError(f"{name}: {where}: {wrong['msg']}") from error

    def check_arguments(name: str, given: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
        known = list(schema.get("properties", {}))
        for other in given:
            if other not in known:
                takes = f"takes {', '.join(known)}" if known else "takes none"
                place = f': a setting is in settings={{"{other}": ...}}' if name == "draw" else ""
                raise ToolError(f"{shown(other)} is no argument of {name}, which {takes}{place}")
        if lacking := [other for other in schema.get("required", ()) if other not in given]:
            raise ToolError(f"{name} needs {lacking[0]}")

    server = Tools("guided", instructions=ABOUT, version=__version__, log_level="WARNING")

    @server.tool(structured_output=False)
    async def draw(
        prompt: str, settings: dict[str, Any] | None = None, wait: float = 60.0
    ) -> list[Any]:
        """Draw pictures of a text. `settings` are others by name, as {"steps": 50, "count": 4,
        "size": [128, 128], "seed": 7, "negative": "people", "artist": ["hokusai"], "look":
        ["draft"], "model": "embedded", "guide.clip.scale": 2000}. Waits for `wait` seconds at most
        and returns the prediction, with its pictures if they are done; else ask `status`."""
        try:
            entry = await studio.add({**(settings or {}), "prompt": prompt})
        except (BadInput, Conflict, Full) as error:
            raise ToolError(str(error)) from error
        entry = await studio.ended(entry.id, min(wait, LONGEST))
        return [facts(studio, entry), *pictures_of(entry.id)]

    @server.tool(structured_output=False)
    async def status(id: str = "", wait: float = 0.0) -> str:
        """Tell how far a prediction is, after `wait` seconds at most if it has not ended; without
        an id, what is in the queue."""
        if not id:
            listed = [json.loads(facts(studio, entry)) for entry in studio.queue.open()]
            return json.dumps(listed, ensure_ascii=False)
        try:
            entry = await studio.ended(id, min(wait, LONGEST))
        except KeyError as error:
            raise ToolError(f"there is no prediction {shown(id)}") from error
        return facts(studio, entry)

    @server.tool(structured_output=False)
    async def show(id: str) -> list[Any]:
        """Return the finished pictures of a prediction, or one picture by its id, and the paths of
        their files."""
        if not (found := pictures_of(id)):
            raise ToolError(f"{shown(id)} has no finished picture")
        return found

    @server.tool(name="models", structured_output=False)
    async def models_tool() -> str:
        """List the diffusion models and CLIPs, and which of them are on this machine."""
        every = await studio.compose(models.listed)
        here = [one for one in every if one["here"]]
        others = [f"{one['group']}={one['name']}" for one in every if not one["here"]]
        return json.dumps({"here": here, "to_download": others}, ensure_ascii=False)

    def pictures_of(name: str) -> list[Any]:
        """Return the pictures of a prediction or of one id, each with the path of its file."""
        found: list[Any] = []
        for picture in named(studio, name)[:MOST_SHOWN]:
            with suppress(KeyError, OSError):
                item = studio.library.find(picture)
                path, small = studio.library.path(item), studio.library.thumb(item)
                found += [f"{picture}: {path}", Image(data=small.read_bytes(), format="webp")]
        return found

    return server


def facts(studio: Studio, entry: Entry) -> str:
    """Return what an assistant needs to know of a prediction, as JSON."""
    about = studio.prediction(entry)
    return json.dumps({name: about[name] for name in FACTS}, ensure_ascii=False)


def named(studio: Studio, name: str) -> list[str]:
    """Return the ids of the pictures of a prediction, or the id itself."""
    try:
        return list(studio.prediction(studio.queue.read(name))["pictures"])
    except KeyError:
        return [name]
