"""Reading the studio's own files of JSON, which somebody else may have written or damaged."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from guided.errors import is_finite
from guided.runs.manifest import known
from guided.untrusted import json_reader
from guided.untrusted.regular_files import MB, read_text

T = TypeVar("T")


def read(path: Path) -> Any:
    """Return the data in a file, in which every number is finite. OSError or ValueError if it
    cannot be read."""
    found = json_reader.read(read_text(path, MB, follow=False))
    json.dumps(found, allow_nan=False)
    return found


def typed(cls: type[T], content: Any) -> T:
    """Return a dataclass of data whose every field has its type; names of a later version are
    ignored. ValueError if a field is missing or has another type."""
    if not isinstance(content, dict):
        raise ValueError("it is no mapping")
    try:
        made = cls(**known(cls, content))
    except TypeError as error:
        raise ValueError(str(error)) from error
    for name, hint in hints(cls).items():  # type: ignore[arg-type]
        if not fits(getattr(made, name), hint):
            raise ValueError(f"{name} has a wrong value")
    return made


@cache
def hints(cls: type) -> dict[str, Any]:
    """Return the types of a dataclass's fields."""
    return get_type_hints(cls)


def fits(value: Any, hint: Any) -> bool:
    """Return whether data of JSON have a type; whole numbers are numbers, too."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(fits(value, one) for one in inner)
    if origin is list:
        return isinstance(value, list) and all(fits(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(one, inner[1]) for one in value.values())
    if hint is float:
        return type(value) in (int, float) and is_finite(value)
    return hint is Any or type(value) is (origin or hint)
