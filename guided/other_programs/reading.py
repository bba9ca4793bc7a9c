"""Recognising another program's settings in the data of a file or in the texts of a picture."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guided.disco.reading import MOST, extent
from guided.other_programs import comfyui, texts
from guided.other_programs.table import Program, named, recognised
from guided.untrusted import json_reader

INVOKEAI, COMFYUI, MIDJOURNEY = "InvokeAI", "ComfyUI", "Midjourney"
A1111, FOOOCUS, NOVELAI = "AUTOMATIC1111's web UI", "Fooocus", "NovelAI"
GRAPHS = ("prompt", "workflow")  # ComfyUI's texts
TEXTS = (
    *("parameters", "UserComment", "invokeai_metadata", "sd-metadata", "Dream", *GRAPHS),
    *("Software", "Description", "Comment"),
)
LONGEST = 1_000_000  # characters of lines of text


@dataclass(frozen=True)
class Settings:
    """Settings of another program under its own names."""

    program: Program
    values: dict[str, Any]


def of_data(data: Any) -> Settings | None:
    """Return the settings in JSON or YAML; None if they are of no known program."""
    if isinstance(data, list) and data and isinstance(data[0], dict):
        data = data[0]
    if not isinstance(data, dict) or extent(data, {}) > MOST:
        return None
    if (graph := comfyui.settings(data)) is not None:
        return Settings(named(COMFYUI), graph)
    program = recognised(data)
    if program is None:  # the texts of a picture, listed by a program that reads them
        return of_texts({k: v for k, v in data.items() if k in TEXTS and isinstance(v, str)})
    inner = data.get(program.within)
    values = {str(k): v for k, v in (inner if isinstance(inner, dict) else data).items()}
    if program.within == "image" and isinstance(values.get("prompt"), str):
        values |= texts.bracketed(values["prompt"])
    return Settings(program, values)


def of_text(text: str) -> Settings | None:
    """Return the settings in lines of text; None if they are of no known program."""
    if len(text) > LONGEST:
        return None
    if (values := texts.parameters(text)) is not None:
        fooocus = str(values.get("Version", "")).startswith(FOOOCUS)
        return Settings(named(FOOOCUS if fooocus else A1111), values)
    if (values := texts.dream(text)) is not None:
        return Settings(named(INVOKEAI), values)
    if "\n" not in text.strip() and (values := texts.flags(text)) is not None:
        return Settings(named(MIDJOURNEY), values)
    values = texts.assignments(text)
    program = recognised(values)
    return Settings(program, values) if program else None


def of_texts(found: Mapping[str, str]) -> Settings | None:
    """Return the settings in a picture's texts by name; None if they are of no known program."""
    if (settings := novelai(found)) is not None:
        return settings
    for name, text in found.items():
        if (settings := of_one(name, text)) is not None:
            return settings
    program = recognised(found)  # a text for each setting
    return Settings(program, dict(found)) if program else None


def of_one(name: str, text: str) -> Settings | None:
    """Return the settings in one of a picture's texts."""
    if part := re.match(r"(prompt|workflow):\s*(?=\{)", text):  # ComfyUI's, in WebP
        name, text = part[1], text[part.end() :]
    data = parsed(text)
    if isinstance(data, dict):
        graph = comfyui.settings(data) if name in GRAPHS else None
        return Settings(named(COMFYUI), graph) if graph else of_data(data)
    return None if name in GRAPHS else of_text(text)


def parsed(text: str) -> Any:
    """Return the data of a text of JSON; None if it is none, or too large."""
    if not json_reader.looks_like(text) or len(text) > json_reader.LONGEST:
        return None
    try:
        data = json_reader.read(text)
    except ValueError:
        return None
    return None if math.isinf(extent(data, {})) else data


def novelai(found: Mapping[str, str]) -> Settings | None:
    """Return NovelAI's settings: the prompt in Description, all else as JSON in Comment."""
    if not found.get("Software", "").startswith(NOVELAI):
        return None
    values = parsed(found.get("Comment", ""))
    return Settings(
        named(NOVELAI),
        {"prompt": found.get("Description", "")} | (values if isinstance(values, dict) else {}),
    )
