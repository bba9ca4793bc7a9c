"""The studio's own files, damaged in every way."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from guided.studio import json_files


@dataclass
class Note:
    name: str
    count: int = 0
    share: float = 0.0
    done: bool = False
    why: str | None = None
    sizes: dict[str, list[int]] = field(default_factory=dict)
    any: Any = None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\0",
        b"\xff",
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"a": NaN}',
        b"[1e999]",
        b"[-Infinity]",
        b"9" * 10_000,
        b" " * (1 << 20) + b"1",
    ],
)
def test_a_damaged_file_is_one_kind_of_error(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises((ValueError, OSError)):
        json_files.read(path)


def test_a_missing_file_and_a_folder_are_the_same_kind_of_error(tmp_path):
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(OSError):
            json_files.read(path)


def test_what_has_its_types_is_read():
    content = {"name": "a", "count": 2, "share": 1, "why": None, "sizes": {"x": [1, 2]}, "new": 5}
    assert json_files.typed(Note, content) == Note("a", 2, 1, sizes={"x": [1, 2]})


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        "name",
        {},
        {"name": None},
        {"name": 5},
        {"name": "a", "count": 1.0},
        {"name": "a", "count": True},
        {"name": "a", "count": None},
        {"name": "a", "share": "1"},
        {"name": "a", "share": True},
        {"name": "a", "share": float("nan")},
        {"name": "a", "share": 10**400},
        {"name": "a", "done": 1},
        {"name": "a", "why": 0},
        {"name": "a", "sizes": []},
        {"name": "a", "sizes": {"x": 1}},
        {"name": "a", "sizes": {"x": ["1"]}},
    ],
)
def test_what_is_missing_or_has_another_type_is_an_error(content):
    with pytest.raises(ValueError):
        json_files.typed(Note, content)
