"""The walk of a typed text through the program."""

from pathlib import Path

from benchmarks import walk
from guided.config.overrides import parse
from tests.test_architecture import graph

TEXT = f"a {walk.MARKER} cat"


def test_a_text_is_found_in_overrides_and_collections_only() -> None:
    word = parse(f"prompt={TEXT}")
    assert all(map(walk.holds, (TEXT, word, [word], {"x": [TEXT]}, (1, {TEXT}))))
    assert not any(map(walk.holds, ("a cat", parse("steps=3"), [[[TEXT]]], Path(TEXT), None)))


def test_a_module_stands_above_all_that_it_imports() -> None:
    """The test of the layers has another reader of imports."""
    for name, below in graph().items():
        for other in below - {"__init__"}:
            if (walk.PACKAGE / f"{name.replace('.', '/')}.py").exists():
                assert walk.floor(name) > walk.floor(other) or "__init__" in name, (name, other)


def test_stays_are_visits_and_climbs_go_to_higher_floors() -> None:
    trip = walk.Walk()
    names = ["cli.main", "cli.main", "config.schema", "errors", "config.schema", "cli.main"]
    trip.calls = [(name, "f") for name in names]
    assert trip.stays() == ["cli.main", "config.schema", "errors", "config.schema", "cli.main"]
    assert trip.climbs() == [("errors", "config.schema"), ("config.schema", "cli.main")]
