"""The settings that a prediction may have, described for a form: GET /schema.

What is not listed here is refused (guided.studio.inputs): there is no setting of the machine, no
path and no class among them.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from omegaconf import OmegaConf

from guided.animation.settings import FACTS, VARYING
from guided.canvas.init import FITS
from guided.canvas.known import RESTORES
from guided.canvas.seamless import RINGS
from guided.config import choices, presets
from guided.config.described import help_of, range_of, source_comment
from guided.config.kinds import path_of
from guided.config.schema import FIRST, NODES, PICTURE, RUN, Config, class_at, having, settings
from guided.errors import range_text
from guided.outputs.manner_names import NAMES, NONE
from guided.paths import EMBEDDED, conf_folder
from guided.prompts.lexicon import Lexicon, load
from guided.prompts.regions import LAYOUTS
from guided.schedule import AUTO
from guided.text import CHINESE, ENGLISH
from guided.timeline import MOST_STEPS
from guided.untrusted import yaml_reader
from guided.untrusted.allowed_files import PLACES
from guided.version import __version__

# Settings of pictures that only the command line sets: they name folders or say how the machine
# works. `from` is no setting, and is there besides.
LEFT_OUT = ("wildcards", "drawn", "precision", "threads", "memory", "device")
FILES = ("init", "mask", "image_prompt", "keep_composition")  # values that are pictures
OPEN_GROUPS = ("generator", "cutouts", "sampler", "guide", "output", "animate")  # with settings
NO_CHOICE = {"output": ("progress",), "animate": ("video",)}  # for terminals; of a file's path
# Of films: what records and commands have, and what needs a file; paths are left out anywhere.
NO_SETTING = (
    *(f"animate.{name}" for name in FACTS),
    *("animate.mode", "animate.flow_blend", "animate.preview"),
)
KEYED = tuple(f"animate.{name}" for name in VARYING)  # numbers, expressions, or key frames of them
UPSCALERS = ("embedded", "bicubic")  # without files
NUMBERS = {  # of settings at the top, whose range the plan checks and not a class
    "seed": (0, 2**53 - 1),  # all that JavaScript has
    "count": (1, 10_000),
    "batch_size": (1, 256),
    "keep": (1, 10_000),
    "steps": (1, MOST_STEPS),
    "strength": (0.0, 1.0),
}
RANGE = re.compile(
    r"number from (?P<low>[-\d.e+]+) to (?P<high>[-\d.e+]+)|of (?P<least>[-\d.e+]+) or"
)
QUOTED = re.compile(r"'([\[{].*?[\]}])'")  # an example in the quotes of a shell
COLOUR = re.compile("#[0-9a-fA-F]{6}")
KINDS_OF_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "text"}


@dataclass(frozen=True)
class Item:
    """One setting of the form."""

    name: str
    section: str
    help: str
    type: str  # text, integer, number, boolean, choice, list or any
    nullable: bool = False
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    allowed: str = ""
    choices: tuple[str, ...] | None = None
    several: bool = False
    schedule: bool = False
    file: bool = False
    loose: bool = False  # values of other types too, which its class checks
    needs: tuple[str, str] | None = None  # group and name of the choice that it belongs to

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        found = dataclasses.asdict(self)
        del found["loose"]
        found["needs"] = self.needs and {"group": self.needs[0], "name": self.needs[1]}
        return found


def in_form(text: str) -> str:
    """Return a help whose examples are JSON, as a form takes them, instead of YAML in the quotes
    of a shell."""

    def as_json(found: re.Match[str]) -> str:
        return json.dumps(OmegaConf.to_container(OmegaConf.create(found[1])))

    return QUOTED.sub(as_json, text)


@cache
def items(flags: tuple[str, ...] = ()) -> tuple[Item, ...]:
    """Return every setting that a prediction may have. `flags` name folders of presets."""
    return (*top(), *chosen(flags), *inside(), *weights(flags))


def forget() -> None:
    """Read the presets anew when they are next asked for."""
    for function in (items, by_name, as_dict):
        function.cache_clear()


@cache
def by_name(flags: tuple[str, ...] = ()) -> dict[str, list[Item]]:
    """Return the items of each name: one for each choice that has a setting of that name."""
    found: dict[str, list[Item]] = {}
    for item in items(flags):
        found.setdefault(item.name, []).append(item)
    return found


@cache
def as_dict(flags: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the answer of GET /schema."""
    listed = items(flags)
    return {
        "version": __version__,
        "settings": [item.as_dict() for item in listed],
        "choices": {item.name: described(item, flags) for item in listed if is_group(item.name)},
    }


def is_group(name: str) -> bool:
    traits = settings().get(name)
    return traits is not None and traits.group


# ---- settings at the top -------------------------------------------------------------------


def top() -> Iterator[Item]:
    """Yield the settings at the top."""
    for field in dataclasses.fields(Config):
        traits = settings()[field.name]
        if traits.group or traits.scope not in (PICTURE, RUN) or field.name in LEFT_OUT:
            continue
        low, high = NUMBERS.get(field.name, (None, None))
        file, listed = field.name in FILES, names_of(field.name)
        text = file or field.name in having("prose")
        yield Item(
            field.name,
            "picture",
            in_form(traits.help),
            "choice" if listed else "text" if text else type_of(str(field.type), field.default),
            nullable=True,
            default=None if field.name in NODES else field.default,
            minimum=low,
            maximum=high,
            allowed=range_text(low, high, type(low) is int) if low is not None and high else "",
            choices=listed,
            several=field.name == "image_prompt",
            file=file,
        )
        if cls := NODES.get(field.name):
            inner = fields_of(cls, {}, field.name, "picture", None)
            yield from (item for item in inner if item.name != f"{field.name}.{FIRST[field.name]}")


def names_of(name: str) -> tuple[str, ...] | None:
    """Return the names that a setting at the top takes; None for those that take others."""
    named: dict[str, tuple[str, ...]] = {
        "rank": (AUTO, *choices.names("clip")),
        "init_fit": FITS,
        "layout": LAYOUTS,
        "tile": tuple(RINGS),
        "manner": (AUTO, NONE, *NAMES),
        "restore": RESTORES,
        "upscaler": UPSCALERS,
    }
    return named.get(name)


def type_of(annotation: str, default: Any) -> str:
    """Return the kind of value that a field's annotation, or else its default, asks for."""
    plain = re.sub(r"<class '(\w+)'>", r"\1", annotation).replace(" | None", "")
    if plain in KINDS_OF_TYPES:
        return KINDS_OF_TYPES[plain]
    if plain.startswith("list"):
        return "list"
    if isinstance(default, bool) or not isinstance(default, int | float):
        return "any"
    return "number"


# ---- groups and what is inside -------------------------------------------------------------


def chosen(flags: Sequence[str]) -> Iterator[Item]:
    """Yield the groups, of which one chooses."""
    for name, traits in settings().items():
        if not traits.group or name == "batch":
            continue
        found = [one for one in choices.names(name, flags) if one not in NO_CHOICE.get(name, ())]
        yield Item(
            name,
            name,
            traits.help,
            "choice",
            nullable=name == "secondary",
            default=default_of(name),
            choices=tuple(found),
            several=traits.several,
        )


@cache
def defaults() -> dict[str, Any]:
    """Return the choices that conf/config.yaml makes, by group."""
    node = yaml_reader.read_config(conf_folder() / "config.yaml")
    listed = OmegaConf.to_container(OmegaConf.create(node), resolve=False)["defaults"]  # type: ignore[call-overload, index]
    return {
        name: one for entry in listed if isinstance(entry, dict) for name, one in entry.items()
    }


def default_of(group: str) -> Any:
    """Return the choice, or the list of choices, that a group has without being typed."""
    value = defaults().get(group)
    left_out = NO_CHOICE.get(group, ())
    return [one for one in value if one not in left_out] if isinstance(value, list) else value


def inside() -> Iterator[Item]:
    """Yield the settings inside the choices of groups."""
    for group in OPEN_GROUPS:
        several = settings()[group].several
        for name in choices.names(group):
            node = plain_choice(group, name)
            if name in NO_CHOICE.get(group, ()) or "_target_" not in node:
                continue
            prefix = f"{group}.{name}" if several else group
            cls = class_at(path_of(node["_target_"]))
            yield from fields_of(cls, node, prefix, group, (group, name))


@cache
def plain_choice(group: str, name: str) -> dict[str, Any]:
    """Return what the file of a choice says, with references as they are written."""
    path = conf_folder() / group / f"{name}.yaml"
    node = OmegaConf.to_container(OmegaConf.create(yaml_reader.read_config(path)), resolve=False)
    assert isinstance(node, dict)
    inner = node.get(name, node)
    return inner if isinstance(inner, dict) else {}


def fields_of(
    cls: Any, node: dict[str, Any], prefix: str, section: str, needs: tuple[str, str] | None
) -> Iterator[Item]:
    """Yield the settings of a class, with the defaults that a choice's file changes."""
    for field in dataclasses.fields(cls):
        if f"{prefix}.{field.name}" in (*NO_SETTING, *PLACES):
            continue
        default = node.get(field.name, plain_default(field))
        said, schedule = range_of(cls, field.name)
        low, high = limits(said)
        listed, kind = options(said, default), type_of(str(field.type), default)
        kind = "any" if f"{prefix}.{field.name}" in KEYED else kind
        yield Item(
            f"{prefix}.{field.name}",
            section,
            help_of(field) or source_comment(cls, field.name),
            "choice" if listed else kind if kind != "any" or low is None else "number",
            loose="Any" in str(field.type),
            nullable="None" in str(field.type),
            default=None if isinstance(default, str) and "${" in default else default,
            minimum=low,
            maximum=high,
            allowed=said,
            choices=listed,
            schedule=schedule,
            needs=needs,
        )


def plain_default(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a field as plain data; None if it is no such."""
    make = field.default_factory
    value = field.default if make is dataclasses.MISSING else make()
    return value if isinstance(value, str | int | float | bool | list | dict) else None


def limits(said: str) -> tuple[float | None, float | None]:
    """Return the smallest and the largest number that a text allows."""
    found = RANGE.search(said)
    if found is None:
        return None, None
    low, high = found["low"] or found["least"], found["high"]
    return number(low), number(high)


def number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        value = float(text.rstrip("."))
    except ValueError:
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def options(said: str, default: Any) -> tuple[str, ...] | None:
    """Return the names that a text lists, if the default is one of them."""
    names = tuple(re.split(r", | or ", said)) if isinstance(default, str) else ()
    return names if default in names and len(names) > 1 else None


def weights(flags: Sequence[str]) -> Iterator[Item]:
    """Yield the weight of each choice of the groups whose choices have one."""
    for group in ("clip", *presets.GROUPS):
        for name in choices.names(group, flags):
            yield Item(
                f"{group}.{name}.weight",
                group,
                "its weight",
                "number",
                default=1,
                schedule=True,
                needs=(group, name),
            )


# ---- choices for people --------------------------------------------------------------------


def described(item: Item, flags: Sequence[str]) -> list[dict[str, Any]]:
    """Return the choices of a group and what they are, in both languages where they have names."""
    if item.name not in presets.GROUPS:
        return [{"name": one, "about": about(item.name, one)} for one in item.choices or ()]
    return [
        {
            "name": one.choice,
            "about": words_of(one) or one.about,
            "label": {language: one.name(language) for language in (ENGLISH, CHINESE)},
            "kind": str(one.says.get("kind") or ""),
            "manner": manner(item.name, one),
            "colours": colours(item.name, one.choice),
        }
        for one in presets.presets(item.name, flags)
        if one.choice in (item.choices or ())
    ]


def words_of(preset: presets.Preset) -> str:
    """Return the English words that a preset adds to the prompt."""
    words = preset.says.get("words")
    return str(words.get(ENGLISH) or "").strip() if isinstance(words, dict) else ""


def manner(group: str, preset: presets.Preset) -> str:
    """Return the manner in which the embedded models draw a preset; "" if they do not know it."""
    by = f"by {preset.name(ENGLISH)}, " if group == "artist" else ""
    words = words_of(preset)
    return known_words().manner(f"{by}{words}") if words else ""


@cache
def known_words() -> Lexicon:
    """Return the words that the embedded models know."""
    return load(EMBEDDED / "lexicon.tsv")


def colours(group: str, name: str) -> list[str]:
    """Return the colours that one of the program's presets sets; none if it sets no palette."""
    path = conf_folder() / group / f"{name}.yaml"
    if not path.is_file() or "colours:" not in path.read_text(encoding="utf-8"):
        return []
    node = yaml_reader.read_config(path)
    found = OmegaConf.select(OmegaConf.create(node), "guide.palette.colours")
    return [one for one in found or [] if isinstance(one, str) and COLOUR.fullmatch(one)]


def about(group: str, name: str) -> str:
    """Return the character of a model's card, or the first comment of a choice's file."""
    path = conf_folder() / group / f"{name}.yaml"
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    character = next((line for line in lines if line.startswith("character:")), None)
    if character is not None:
        return character.partition(":")[2].strip().strip("\"'")
    return presets.first_comment(text)
