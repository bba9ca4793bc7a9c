"""Nodes completed with the defaults of their classes."""

import dataclasses

import pytest

from guided.config.defaults import completed
from guided.config.kinds import KINDS
from guided.config.schema import dataclass_of
from guided.errors import BadInput
from guided.interfaces import PartSettings
from guided.models.cards import Recommended


@pytest.mark.parametrize("kind", [k for k in KINDS if PartSettings in dataclass_of(k, k).__mro__])
def test_a_node_without_settings_builds_what_its_class_builds_without_arguments(kind: str) -> None:
    node = completed({"_target_": kind}, "x")
    cls = dataclass_of(node.pop("_target_"), "x")
    assert cls(**node) == cls()
    assert list(node) == [field.name for field in dataclasses.fields(cls)]


def test_what_a_node_says_stays_and_keeps_its_order() -> None:
    card = {"_target_": "clip/card", "name": "a", "megabytes": 3, "character": "c", "licence": "l"}
    found = completed({"a": card, "b": 3, "c": [card]}, "clip")
    assert list(found["a"]) == ["_target_", "name", "megabytes", "weight", "character", "licence"]
    assert found == {"a": card | {"weight": 1}, "b": 3, "c": [card]}
    said = {"_target_": "sampler/ddim", "recurrence": [[0, 2], [1, 1]]}
    assert completed(said, "sampler") == said | {"eta": 0.8}


def test_recommendations_that_a_card_leaves_out_are_the_usual_ones() -> None:
    card = {"_target_": "model/card", "name": "m", "file": "m.pt", "recommended": {"steps": 7}}
    found = completed(card, "model")
    assert Recommended(**found["recommended"]) == Recommended(steps=7)
    assert {"clip_denoised", "size"} <= found.keys() and "sha256" not in found


def test_an_unknown_kind_is_named_with_its_place() -> None:
    expected = r"^guide\.a\._target_=gide/clip .*did you mean 'guide/clip'"
    with pytest.raises(BadInput, match=expected):
        completed({"a": {"_target_": "gide/clip"}}, "guide")


def test_a_schedule_is_a_value_and_not_settings_of_its_own() -> None:
    style = {"_target_": "look", "kind": "mood", "models": [], "weight": {"linear": [[0, 1]]}}
    assert completed(style, "look.a") == style
