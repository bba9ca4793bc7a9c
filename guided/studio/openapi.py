"""Routes with what they take and answer, and the OpenAPI document made of them."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from guided.runs.layout import FILMS
from guided.version import __version__

Handler = Callable[[Request], Awaitable[Response]]
Schema = Mapping[str, Any]
OBJECT: Schema = {"type": "object"}
ERROR: Schema = {
    "type": "object",
    "properties": {
        "detail": {"type": "string"},
        "setting": {"type": ["string", "null"]},
    },
    "required": ["detail", "setting"],
}
MEANINGS = {
    200: "Done",
    201: "Made",
    202: "Queued",
    400: "The request cannot be read",
    401: "The token is missing or wrong",
    403: "A page of another site asks",
    404: "There is no such thing",
    409: "Not in this state",
    411: "The body has no length",
    413: "The body is too large",
    415: "Another content type",
    421: "Another host",
    422: "A setting is wrong",
    429: "The queue is full",
    503: "Too many streams, or closing",
}


@dataclass(frozen=True)
class Query:
    """A part of an address behind the question mark, or inside of its path."""

    name: str
    schema: Schema
    place: str = "query"

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "in": self.place,
            "required": self.place == "path",
            "schema": dict(self.schema),
        }


@dataclass(frozen=True)
class Api:
    """A route."""

    method: str
    path: str
    handler: Handler
    about: str
    answers: Mapping[int, Schema | str] = field(default_factory=dict)  # JSON schema or media type
    body: Schema | str | None = None  # JSON schema, or media type
    query: Sequence[Query] = ()
    errors: Sequence[int] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the operation as OpenAPI has it."""
        changes = self.method not in ("GET", "HEAD")
        always = (400, 401, 403, 421, *((411, 413, 415) if changes else ()))
        answers: dict[str, Any] = {}
        for status, content in self.answers.items():
            answers[str(status)] = answer(status, content)
        for status in sorted({*always, *self.errors}):
            answers[str(status)] = answer(status, ERROR)
        found: dict[str, Any] = {
            "summary": self.about,
            "operationId": f"{self.method.lower()}{self.path.translate(NAMES)}",
            "parameters": [one.as_dict() for one in (*self.paths(), *self.query)],
            "responses": answers,
        }
        if self.body is not None:
            found["requestBody"] = {"required": True, "content": content_of(self.body)}
        if changes:
            found["security"] = [{"token": []}]
        return found

    def paths(self) -> list[Query]:
        """Return the parts of the path that vary."""
        parts = [part for part in self.path.split("/") if part.startswith("{")]
        return [Query(part.strip("{}"), PATH_PARTS[part.strip("{}")], "path") for part in parts]


NAMES = str.maketrans({"/": "_", "{": None, "}": None, "-": "_", ".": "_"})
WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 999_999_999}
NAME: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"}
PATH_PARTS: dict[str, Schema] = {
    "id": NAME,
    "name": NAME,
    "file": {"type": "string", "pattern": r"^[\w-]+\.(js|css|webp)$"},
    "picture": WHOLE,
    "step": WHOLE,
    "format": {"type": "string", "enum": list(FILMS)},
}


def answer(status: int, content: Schema | str) -> dict[str, Any]:
    """Return an answer as OpenAPI has it."""
    found: dict[str, Any] = {"description": MEANINGS[status]}
    if content:
        found["content"] = content_of(content)
    return found


def content_of(content: Schema | str) -> dict[str, Any]:
    if isinstance(content, str):
        binary = not content.startswith("text/")
        schema = {"type": "string", **({"format": "binary"} if binary else {})}
        return {content: {"schema": schema}}
    return {"application/json": {"schema": dict(content)}}


def document(routes: Sequence[Api]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = route.as_dict()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "guided studio",
            "version": __version__,
            "description": "Pictures from text by CLIP-guided diffusion. Everything but GET needs "
            "the header X-Studio-Token.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Studio-Token"}
            }
        },
    }


def page(routes: Sequence[Api]) -> str:
    """Return a page that lists the routes with what they take and answer, without a script."""
    used = sorted({int(status) for one in routes for status in one.as_dict()["responses"]})
    meanings = "".join(f"<tr><th>{status}<td>{MEANINGS[status]}" for status in used)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>guided studio: HTTP API</title>"
        "<link rel=icon href=data:,><link rel=stylesheet href=/shared/style.css>"
        "<link rel=stylesheet href=/page/api.css>"
        "<header><div><h1>The studio's HTTP API</h1><p>What changes something needs the header "
        "<code>X-Studio-Token</code> and the content type <code>application/json</code>. "
        "<a href=/openapi.json>OpenAPI 3.1</a> · <a href=/>Studio</a></div></header><main>"
        f"{''.join(map(section, routes))}"
        f"<h2>Statuses</h2><table>{meanings}</table></main>"
    )


def section(route: Api) -> str:
    """Return the part of the page about a route."""
    operation = route.as_dict()
    places = {"query": "?", "path": ""}
    rows = [
        row(places[one["in"]] + one["name"], one["schema"], one["required"])
        for one in operation["parameters"]
    ]
    if isinstance(route.body, str):
        rows.append(row("body", {"type": route.body}, True))
    elif route.body is not None:
        required = route.body.get("required", ())
        fields = route.body.get("properties", {})
        rows += [row(name, inside, name in required) for name, inside in fields.items()]
    done = [status for status in operation["responses"] if int(status) < 300]
    refused = [status for status in operation["responses"] if int(status) >= 300]
    table = f"<table>{''.join(rows)}</table>" if rows else ""
    return (
        f"<section><h3><b>{route.method}</b> <code>{html.escape(route.path)}</code></h3>"
        f"<p>{html.escape(route.about)}</p>{table}"
        f"<p class=statuses>{', '.join(done)} <span>or {', '.join(refused)}</span></p></section>"
    )


def row(name: str, schema: Schema, required: bool) -> str:
    """Return the row of a table about a part of a request."""
    kinds = schema.get("enum") or schema.get("type", "anything")
    said = ", ".join(map(str, kinds)) if isinstance(kinds, list) else str(kinds)
    parts = (said, schema.get("description", ""), "required" if required else "")
    about = "; ".join(part for part in parts if part)
    return f"<tr><th><code>{html.escape(name)}</code><td>{html.escape(about)}"
