"""Settings as their classes describe them."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from guided.config import described
from guided.errors import check_number, not_one_of
from guided.schedule import schedule


@dataclass
class Example:
    """Settings with a comment behind, above, and none."""

    size: int = 3  # how large
    # how it is
    # seen
    kind: str = "a"
    scale: Any = field(default=1.0, metadata={"help": "how strong"})
    free: str = ""

    def __post_init__(self) -> None:
        check_number("size", self.size, 1, 9, whole=True)
        if self.kind not in ("a", "b"):
            raise ValueError(not_one_of("kind", self.kind, ("a", "b")))
        self.scale = schedule("scale", self.scale, 0, 5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("size", ("a whole number from 1 to 9", False)),
        ("kind", ("a, b", False)),
        ("scale", ("a number from 0 to 5", True)),
        ("free", ("", False)),
    ],
)
def test_what_is_allowed_is_what_the_class_says(name, said):
    assert described.range_of(Example, name) == said


def test_comments_behind_and_above_are_the_meaning():
    found = [described.source_comment(Example, name) for name in ("size", "kind", "free")]
    assert found == ["how large", "how it is seen", ""]


def test_the_help_of_a_field_counts_first():
    fields = {one.name: one for one in Example.__dataclass_fields__.values()}
    assert described.help_of(fields["scale"]) == "how strong"
    assert described.help_of(fields["size"]) == ""
