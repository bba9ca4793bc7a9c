"""The settings of a Disco Diffusion or DiscoArt file, and their translation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from guided.disco.table import data, defaults
from guided.disco.values import unpacked
from guided.errors import shown

LISTS = (
    *("text_prompts", "image_prompts", "clip_models", "clip_models_schedules"),
    *("transformation_percent", "intermediate_saves"),
)


class Given:
    """The settings of a file over the defaults of its program."""

    def __init__(self, program: str, explicit: Mapping[str, Any]) -> None:
        # Those of the file.
        self.program, self.explicit = program, {k: tidied(k, v) for k, v in explicit.items()}
        self.values = defaults(program) | self.explicit
        self.dialect = dialect(explicit)
        self.taken: set[str] = set()

    def take(self, name: str) -> Any:
        """Return a setting's value and mark it as translated."""
        self.taken.add(name)
        return self.values.get(name)

    def left(self) -> Iterator[str]:
        """Return the file's settings that were not taken."""
        return (name for name in self.explicit if name not in self.taken)


@dataclass
class Translation:
    """The equivalent here: a look, choices of groups and settings; and settings without one."""

    look: str
    choices: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=dict)  # names by the reason

    def skipped(self, steps: int) -> int:
        """Return how many of `steps` are skipped."""
        skip = self.settings.get("skip", 0)
        per_cent = isinstance(skip, str)
        return int(float(skip.rstrip("%")) / 100 * steps) if per_cent else int(skip)

    def attempt(self, name: str, read: Callable[[], Any]) -> None:
        """Set a value, or note the reason why it is none."""
        try:
            self.settings[name] = read()
        except ValueError as error:
            self.notes.append(f"left out: {error}")

    def leave(self, name: str, reason: str) -> None:
        """Record a setting that has no equivalent."""
        self.left.setdefault(reason, []).append(name)


def beyond(translation: Translation, usual: Translation) -> Translation:
    """Return the translation without the choices and settings that its look has by itself."""
    return Translation(
        translation.look,
        {k: v for k, v in translation.choices.items() if usual.choices.get(k) != v},
        {
            k: v
            for k, v in translation.settings.items()
            if k not in usual.settings or usual.settings[k] != v
        },
        translation.notes,
        translation.left,
    )


def dialect(settings: Mapping[str, Any]) -> str:
    """Return the name of the program whose own settings are among those of Disco; empty: none."""
    named = data()["dialects"].items()
    return next((name for name, marks in named if settings.keys() & set(marks)), "")


def tidied(name: str, value: Any) -> Any:
    """Return a value without the marks of forms: "none" is None, and a list as text is one."""
    if isinstance(value, str) and value.strip().lower() in ("none", "null"):
        return None
    return unpacked(value) if name in LISTS else value


def grouped(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings over those of their cut_schedules_group. Raise ValueError if there is no
    such group."""
    group = settings.get("cut_schedules_group")
    own = {name: value for name, value in settings.items() if name != "cut_schedules_group"}
    if not group:
        return own
    if not isinstance(group, str) or group not in data()["groups"]:
        raise ValueError(
            f"cut_schedules_group={shown(group)} is not one of {', '.join(data()['groups'])}"
        )
    return data()["groups"][group] | own
