"""What is given, settings of theirs over their program's defaults, and what comes of it here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from guided.disco.table import data, defaults
from guided.errors import shown


class Given:
    """What a file says, over what its program sets where it says nothing."""

    def __init__(self, program: str, said: Mapping[str, Any]) -> None:
        self.program, self.said = program, dict(said)
        self.values = defaults(program) | self.said
        self.taken: set[str] = set()

    def take(self, name: str) -> Any:
        self.taken.add(name)
        return self.values.get(name)

    def left(self) -> Iterator[str]:
        return (name for name in self.said if name not in self.taken)


@dataclass
class Translation:
    """Ours: a look, choices of groups, settings; and what has no equivalent, by its reason."""

    look: str
    choices: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=dict)

    def skipped(self, steps: int) -> int:
        """How many steps are left out."""
        skip = self.settings.get("skip", 0)
        per_cent = isinstance(skip, str)
        return int(float(skip.rstrip("%")) / 100 * steps) if per_cent else int(skip)

    def leave(self, name: str, why: str) -> None:
        self.left.setdefault(why, []).append(name)


def beyond(found: Translation, usual: Translation) -> Translation:
    """What a translation says that its look does not say by itself."""
    return Translation(
        found.look,
        {k: v for k, v in found.choices.items() if usual.choices.get(k) != v},
        {k: v for k, v in found.settings.items() if k not in usual.settings or
         usual.settings[k] != v},
        found.notes,
        found.left,
    )  # fmt: skip


def grouped(said: Mapping[str, Any]) -> dict[str, Any]:
    """With what a cut_schedules_group sets, where the file itself does not set it."""
    group = said.get("cut_schedules_group")
    own = {name: value for name, value in said.items() if name != "cut_schedules_group"}
    if not group:
        return own
    if not isinstance(group, str) or group not in data()["groups"]:
        raise ValueError(
            f"cut_schedules_group={shown(group)} is not one of {', '.join(data()['groups'])}"
        )
    return data()["groups"][group] | own
