"""JSON as people write it has the values that it would have without comments and spare commas."""

import json
import random
import re

import pytest

from guided.untrusted.json_reader import Repeated, looks_like, read

COMMENTS = ["", " ", '// no, "really"\n', '/* a, ] } " b\n */', "# x\n", "\n"]


def value(rng: random.Random, depth: int = 0):
    """Some JSON value, with texts that look like comments and commas."""
    kind = rng.randrange(8 if depth < 3 else 6)
    if kind < 6:
        return rng.choice([1, -2.5, True, False, None, "", "a // b", "/* c */", 'd ",] }', "#1",
                           "ends \\", "True, None,]", "一只猫"])  # fmt: skip
    inside = [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return inside if kind == 6 else {f"k{n} // {n}": one for n, one in enumerate(inside)}


def written(rng: random.Random, data) -> str:
    """The value with comments between its parts, and spare commas."""
    between = lambda: rng.choice(COMMENTS)  # noqa: E731
    if isinstance(data, dict | list):
        left, right = "{}" if isinstance(data, dict) else "[]"
        parts = [
            f"{between()}{json.dumps(key)}{between()}:{between()}{written(rng, data[key])}"
            if isinstance(data, dict)
            else between() + written(rng, key)
            for key in data
        ]
        spare = rng.choice(["", ","]) if parts else ""
        return f"{left}{between()},".replace(",", "") + ",".join(parts) + spare + between() + right
    if data is None or isinstance(data, bool):
        return rng.choice([json.dumps(data), str(data)])
    return json.dumps(data, ensure_ascii=rng.random() < 0.5)


@pytest.mark.parametrize("seed", range(300))
def test_comments_and_spare_commas_change_no_value(seed):
    rng = random.Random(seed)
    data = value(rng)
    text = rng.choice(COMMENTS) + written(rng, data) + rng.choice(COMMENTS)
    assert read(text) == data


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"a": 1\n "b": 2}', "line 2, column 2"),
        ('// x\n{"a": 1,, "b": 2}', "line 2, column 9"),
        ('{"a": /* never closed', "line 1, column 22"),
        ('{"a": "never closed', "line 1, column 7"),
        ("", "line 1, column 1"),
        ("[" * 100_000, "nested too deep"),
        ("[" * 100_000 + "," + "]" * 100_000, "nested too deep"),
        ('{"a": ' + "9" * 5000 + "}", "too large a number"),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_json_is_told_with_its_place(text, where):
    with pytest.raises(ValueError, match=re.escape(where)) as caught:
        read(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("part", ["/*", '"', '"\\', '//"', ",", '/* "'])
def test_what_is_never_closed_is_read_once(part):
    with pytest.raises(ValueError, match="line"):
        read("{" + part * 300_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [('{"a": 1}', True), ("// c\n /* d */ {\n}", True), ('[{"a"', True), ("a: 1", False),
     ("{a: 1}", False), ("{'a': 1}", False), ("# only this", False), ("- a", False)],
)  # fmt: skip
def test_json_is_told_from_yaml_by_how_it_begins(text, expected):
    assert looks_like(text) is expected


@pytest.mark.parametrize("text", ['{"a": 1, "b": [{"c": 1, "c": 2}]}', '{"c": 1, // x\n"c": 1,}'])
def test_a_key_that_is_there_twice_is_told_where_that_is_asked(text):
    with pytest.raises(Repeated, match=r"^'c' stands there twice$"):
        read(text, unique=True)
    assert read(text) is not None  # its last value, as everywhere


def test_the_same_key_in_two_mappings_is_not_there_twice():
    assert read('[{"c": 1}, {"c": {"c": 2}}]', unique=True) == [{"c": 1}, {"c": {"c": 2}}]
