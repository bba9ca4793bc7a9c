"""The bodies of requests: read up to a limit, and checked field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from guided.errors import first_line, nearest, shown
from guided.studio.guard import Refused

MOST_BYTES = 1 << 20  # of JSON
KINDS: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    dict: "a mapping",
    list: "a list of texts",
    int: "a whole number",
}


async def read(request: Request, most: int) -> bytes:
    """Return the body of a request. Refused if it has no length, or more than `most` bytes."""
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" in request.headers:
        raise Refused(411, "the body must say how long it is: Content-Length")
    if length is not None and not (length.isascii() and length.isdigit()):
        raise Refused(400, "Content-Length is no number")
    if int(length or 0) > most:
        raise Refused(413, f"the body has {length} bytes; at most {most} are taken")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Refused(413, f"the body has more than {most} bytes")
        parts.append(part)
    return b"".join(parts)


async def fields(
    request: Request, known: Mapping[str, type], needed: tuple[str, ...] = (), open: bool = False
) -> dict[str, Any]:
    """Return the JSON object of a request, whose fields have these types. Refused for any other,
    unless `open`. An empty body is an empty object."""
    body = await read(request, MOST_BYTES)
    try:
        found = json.loads(body.decode() or "{}", parse_constant=no_constant)
        json.dumps(found, ensure_ascii=False).encode()  # no halves of surrogate pairs
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {first_line(error)}") from error
    if not isinstance(found, dict):
        raise Refused(400, "the body must be a JSON object")
    for name, value in found.items():
        if name in known:
            check(name, value, known[name])
        elif not open:
            raise Refused(400, f"{shown(name)} is no field of this request{nearest(name, known)}")
    if missing := [name for name in needed if found.get(name) is None]:
        raise Refused(400, f"the field {missing[0]} is missing")
    return found


def check(name: str, value: Any, kind: type) -> None:
    """Raise Refused for a field of another type; null is as if it were not there."""
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    if kind is list and right:
        right = all(isinstance(one, str) for one in value)
    if value is not None and not right:
        raise Refused(400, f"{name} must be {KINDS[kind]}")


def no_constant(text: str) -> None:
    raise ValueError(f"{text} is no number of JSON")


def whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of the query. Refused if it is none, or out of range."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and low <= int(text) <= high):
        raise Refused(400, f"{name}={shown(text)} must be a whole number from {low} to {high}")
    return int(text)


def truth(request: Request, name: str) -> bool:
    """Return a true or false of the query; false if it is not there."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise Refused(400, f"{name}={shown(text)} must be true or false")
    return text == "true"


def check_query(request: Request, known: tuple[str, ...]) -> None:
    """Raise Refused for a part of the query that is not there, or is there twice."""
    names = [name for name, _ in request.query_params.multi_items()]
    for name in names:
        if name not in known:
            raise Refused(400, f"{shown(name)} is no part of this query{nearest(name, known)}")
        if names.count(name) > 1:
            raise Refused(400, f"{name} is there twice")
