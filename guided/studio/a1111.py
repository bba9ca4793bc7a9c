"""The part of AUTOMATIC1111's API that its many clients need, over the same queue.

Settings that mean something else here are not translated: the answer lists them as ignored.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response

from guided.config import choices
from guided.studio import bodies, models
from guided.studio.entries import OPEN, Conflict, Entry, Queue
from guided.studio.guard import Json, Refused
from guided.studio.openapi import OBJECT, Api, Query, Schema

FIELDS: dict[str, type] = {
    **dict.fromkeys(("prompt", "negative_prompt"), str),
    **dict.fromkeys(("seed", "steps", "width", "height", "batch_size", "n_iter"), int),
    "styles": list,
    "override_settings": dict,
}
SCHEMAS: dict[type, Schema] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    list: {"type": "array", "items": {"type": "string"}},
    dict: OBJECT,
}
BODY: Schema = {
    "type": "object",
    "properties": {name: SCHEMAS[kind] for name, kind in FIELDS.items()},
    "required": ["prompt"],
}
ANSWER: Schema = {
    "type": "object",
    "properties": {"images": {"type": "array", "items": {"type": "string"}}},
    "required": ["images", "parameters", "info"],
}
LIST: Schema = {"type": "array"}
BODILESS = frozenset({"/sdapi/v1/interrupt"})  # what clients post with neither body nor type


class Drawing(Protocol):
    """The methods of a studio that this needs."""

    queue: Queue
    live: dict[str, dict[str, Any]]

    async def add(self, given: Mapping[str, Any]) -> Entry: ...

    async def ended(
        self,
        name: str,
        seconds: float = math.inf,
        gone: Callable[[], Awaitable[bool]] | None = None,
    ) -> Entry: ...

    async def read(self, function: Callable[..., Any], *about: Any) -> Any: ...

    async def compose(self, function: Callable[..., Any], *about: Any) -> Any: ...

    def prediction(self, entry: Entry) -> dict[str, Any]: ...

    def preview(self, name: str) -> bytes: ...

    def file(self, name: str) -> bytes: ...

    def tell_changes(self) -> None: ...

    @property
    def closing(self) -> bool: ...


def routes(studio: Drawing) -> list[Api]:
    """Return the routes."""
    api = Routes(studio)
    return [
        Api("POST", "/sdapi/v1/txt2img", api.draw, "Draw, and wait for the pictures",
            {200: ANSWER}, BODY, (), [409, 422, 429, 503]),
        Api("GET", "/sdapi/v1/progress", api.progress, "The progress of the prediction at hand",
            {200: OBJECT}, None, [Query("skip_current_image", {"type": "boolean"})]),
        Api("POST", "/sdapi/v1/interrupt", api.interrupt, "Stop the prediction at hand",
            {200: OBJECT}),
        Api("GET", "/sdapi/v1/sd-models", api.models, "The diffusion models that are here",
            {200: LIST}),
        Api("GET", "/sdapi/v1/samplers", api.samplers, "The samplers", {200: LIST}),
        Api("GET", "/sdapi/v1/options", api.options, "The model that is drawn with",
            {200: OBJECT}),
    ]  # fmt: skip


def translated(body: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the input of a prediction, and the names of what has no equivalent here."""
    count = (body.get("batch_size") or 1) * (body.get("n_iter") or 1)
    seed = body.get("seed")
    width, height = body.get("width"), body.get("height")
    chosen = body.get("override_settings") or {}
    model = chosen.get("sd_model_checkpoint")
    found = {
        "prompt": body["prompt"],
        "negative": body.get("negative_prompt") or None,
        "seed": None if seed is None or seed < 0 else seed,
        "steps": body.get("steps"),
        "count": count,
        "size": [width, height] if width and height else None,
        "look": body.get("styles") or None,
        "model": model if isinstance(model, str) else None,
    }
    ignored = [
        name for name in body if name not in FIELDS and body[name] not in (None, "", [], {})
    ]
    ignored += [f"override_settings.{name}" for name in chosen if name != "sd_model_checkpoint"]
    return {name: value for name, value in found.items() if value is not None}, ignored


@dataclass
class Routes:
    """The handlers over a studio."""

    studio: Drawing

    async def draw(self, request: Request) -> Response:
        body = await bodies.fields(request, FIELDS, ("prompt",), open=True)
        given, ignored = translated(body)
        request.state.given.update(given)
        entry = await self.studio.add(given)
        ended = await self.studio.ended(entry.id, gone=request.is_disconnected)
        if ended.state == OPEN and not self.studio.closing:
            await self.cancel(ended)  # the client has gone
        if ended.state == OPEN:
            raise Refused(503, "the server is closing; the prediction stays in the queue")
        shown = self.studio.prediction(ended)
        if not shown["pictures"]:
            raise Conflict(ended.error or f"the prediction was {ended.state}")
        images = [await self.studio.read(self.encoded, name) for name in shown["pictures"]]
        seed = int(ended.input["seed"])
        info = {
            "prompt": body["prompt"],
            "seed": seed,
            "all_seeds": [seed + k for k in range(len(images))],
            "ignored": ignored,
            "prediction": ended.id,
        }
        answer = {"images": images, "parameters": dict(body), "info": json.dumps(info)}
        return Json(answer)

    async def cancel(self, entry: Entry) -> None:
        """Cancel a prediction, and tell of it."""
        await self.studio.read(self.studio.queue.cancel, entry.id)
        self.studio.tell_changes()

    def encoded(self, name: str) -> str:
        """Return a picture's file in base64."""
        return base64.b64encode(self.studio.file(name)).decode()

    def current_image(self, name: str) -> str | None:
        """Return the newest preview of a prediction as a PNG in base64; None if there is none."""
        with suppress(KeyError, OSError):
            buffer = BytesIO()
            with Image.open(BytesIO(self.studio.preview(name)), formats=("WEBP",)) as preview:
                preview.save(buffer, "PNG")
            return base64.b64encode(buffer.getvalue()).decode()
        return None

    def at_hand(self) -> Entry | None:
        """Return the prediction that is being drawn."""
        return next((e for e in self.studio.queue.open() if e.id in self.studio.live), None)

    async def progress(self, request: Request) -> Response:
        entry = self.at_hand()
        live = self.studio.live.get(entry.id, {}) if entry else {}
        skip = request.query_params.get("skip_current_image", "").lower() in ("true", "1")
        image = None
        if entry is not None and not skip:
            image = await self.studio.read(self.current_image, entry.id)
        state = {
            "skipped": False,
            "interrupted": False,
            "job": entry.id if entry else "",
            "job_count": len(self.studio.queue.open()),
            "job_no": live.get("picture", 0),
            "sampling_step": live.get("step", 0),
            "sampling_steps": entry.steps if entry else 0,
        }
        return Json(
            {
                "progress": live.get("progress", 0.0),
                "eta_relative": live.get("seconds_left") or 0.0,
                "state": state,
                "current_image": image,
                "textinfo": None,
            }
        )

    async def interrupt(self, request: Request) -> Response:
        await bodies.fields(request, {}, open=True)
        if (entry := self.at_hand()) is not None:
            await self.cancel(entry)
        return Json({})

    async def models(self, request: Request) -> Response:
        every = await self.studio.compose(models.listed)
        names = [one["name"] for one in every if one["group"] == "model" and one["here"]]
        keys = ("title", "model_name", "filename")
        return Json([dict.fromkeys(keys, name) for name in names])

    async def samplers(self, request: Request) -> Response:
        names = choices.names("sampler")
        return Json([{"name": name, "aliases": [], "options": {}} for name in names])

    async def options(self, request: Request) -> Response:
        return Json({"sd_model_checkpoint": "embedded", "samples_format": "png"})
