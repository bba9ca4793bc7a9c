"""The `input` of a prediction, checked name by name, as the words of a command line.

Whatever is not in the form (guided.studio.form) is refused. No value is a path, an address or a
reference to another setting: pictures are named by their id, choices by the names in conf/ and in
the studio's own presets.
"""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.config.overrides import Override, raws
from guided.config.plan import Plan
from guided.config.schema import having
from guided.config.values import typed, untrusted
from guided.errors import BadInput, nearest, not_one_of, shown
from guided.paths import PROGRAM
from guided.prompts import prompt as prompts
from guided.studio import form
from guided.studio.form import Item
from guided.studio.places import ID

FROM = "from"  # a picture that is drawn again
# Init pictures that are no files.
MADE = re.compile(r"perlin(:[a-z]+)?|color:#[0-9a-fA-F]{3,6}|gradient:[#0-9a-fA-F:.-]{3,200}")
BARS = re.compile(r"[|｜]")  # between prompts that a layout places
ALPHA = "alpha"  # a mask: where the init picture is transparent
OF_REGION = ("mask", "image")  # keys of a region that are pictures
OWN = (*OF_REGION, "prompt")  # keys of a region that are checked for themselves
PATHLIKE = re.compile(r"[/\\~$\0]|::|\.[A-Za-z]|^\.|[\x00-\x1f]")  # in a text that is no prose
EXPRESSION = re.compile(r"[\w\s.,:;()+*/<>=!%{}'\"-]*")  # of films, and key frames
LONGEST = 20_000  # characters of a text
MOST, DEEPEST = 2000, 6  # values in lists and mappings, and these in each other
TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "integer": ((int,), "a whole number"),
    "number": ((int, float), "a number"),
    "boolean": ((bool,), "true or false"),
    "text": ((str,), "a text"),
    "choice": ((str,), "a text"),
    "list": ((list,), "a list"),
}


@dataclass
class Asked:
    """An input that was read: the words of a command line, and the picture that they vary."""

    input: dict[str, Any]
    words: list[Override]
    recorded: Path | None = None
    files: list[Path] = field(default_factory=list)  # pictures that it names by their ids


@dataclass
class Checked:
    """An input that can be drawn, once what is `missing` is here."""

    asked: Asked
    plan: Plan
    warnings: list[str]
    missing: str = ""

    @property
    def words(self) -> list[str]:
        """The words that a command line needs for it."""
        source = [f"from={self.asked.recorded}"] if self.asked.recorded else []
        return [*source, *raws(self.asked.words)]

    @property
    def command(self) -> str:
        return shlex.join([*PROGRAM, *self.words])


def with_seed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input with a seed in it, drawn if it has none; one that draws a picture again
    has that picture's."""
    if given.get("seed") in (None, -1) and ("seed" in given or FROM not in given):
        return {**given, "seed": secrets.randbelow(2**32)}
    return dict(given)


def read(
    given: Mapping[str, Any], find: Callable[[str], Path], flags: Sequence[str] = ()
) -> Asked:
    """Return what an input asks for. `find` returns the file of a picture's id, upload:ID or
    picture:ID. Raise BadInput for whatever is wrong; the plan finds the rest."""
    asked = Asked(dict(given), [])
    known = form.by_name(tuple(flags))
    for name, value in given.items():
        if name == FROM:
            asked.recorded = file_of(name, value, lambda one: find(f"picture:{one}"))
        elif name not in known:
            raise BadInput(
                f"{shown(name)} is not a setting of a prediction{nearest(name, [*known, FROM])}"
            )
        else:
            check_size(name, value)
            asked.words.append(word(known[name], value, find, asked.files))
    return asked


def word(
    items: Sequence[Item], value: Any, find: Callable[[str], Path], files: list[Path]
) -> Override:
    """Return the word of a setting, of which `items` describe every kind; pictures that it names
    are added to `files`."""
    item = items[0]
    if item.file:
        value = picture(item, value, find, files)
    elif value is None:
        pass
    elif item.type == "choice" and item.needs is None:
        value = choice(item, value)
    elif item.name == "regions":
        value = regions(value, find, files)
    elif item.name in having("prose"):
        check_prompt(item.name, value)
    elif item.name in form.KEYED:
        check_expressions(item.name, value)
    elif item.name == "animate.prompts":
        check_prompts(item.name, list(values(value)))
    else:
        check_type(items, value)
        check_texts(item.name, value)
    return untrusted(typed(item.name, value))


def choice(item: Item, value: Any) -> Any:
    """Return the name of a choice, or names in the form that a command line has them, each of
    which must be one of the form's."""
    if isinstance(value, str):
        named = {value: None}
    elif item.several and isinstance(value, list) and all(isinstance(n, str) for n in value):
        named = dict.fromkeys(value)
    elif item.several and isinstance(value, dict):
        named = value
    else:
        kind = "a name, or a list of names" if item.several else "a name"
        raise BadInput(f"{item.name}={shown(value)} must be {kind}")
    for name, weight in named.items():
        if name not in (item.choices or ()):
            raise BadInput(unknown_choice(item, name))
        if weight is not None and (
            isinstance(weight, bool) or not isinstance(weight, int | float)
        ):
            raise BadInput(f"{item.name}.{name}={shown(weight)} must be a number")
    if not item.several:
        return value
    written = (name if weight is None else f"{name}:{weight:g}" for name, weight in named.items())
    return f"[{','.join(written)}]"


def unknown_choice(item: Item, name: str) -> str:
    """Return the message for a choice that there is not."""
    listed = item.choices or ()
    if len(listed) > 20:
        return f"{item.name}={shown(name)} is not one of its {len(listed)}{nearest(name, listed)}"
    return not_one_of(item.name, name, listed)


def picture(item: Item, value: Any, find: Callable[[str], Path], files: list[Path]) -> Any:
    """Return a value with files in place of the ids of pictures."""
    made = item.name == "init" and isinstance(value, str) and MADE.fullmatch(value)
    place = item.name == "mask" and (value == ALPHA or isinstance(value, list))
    if value is None or made or place:
        check_texts(item.name, value if isinstance(value, list) else "")
        return value
    if item.several:
        listed = value if isinstance(value, list) else [value]
        return [image_prompt(item.name, one, find, files) for one in listed]
    files.append(file_of(item.name, value, find))
    return str(files[-1])


def image_prompt(name: str, value: Any, find: Callable[[str], Path], files: list[Path]) -> Any:
    """Return a picture as a prompt, with its file in place of its id."""
    given = value if isinstance(value, dict) else {"image": value}
    if "image" not in given or "text" in given or "path" in given:
        raise BadInput(f"{name}={shown(value)} must be the id of a picture, or have it as image")
    files.append(file_of(name, given["image"], find))
    return {**given, "image": str(files[-1])}


def regions(value: Any, find: Callable[[str], Path], files: list[Path]) -> list[Any]:
    """Return regions with files in place of the ids of their pictures."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadInput(f"regions={shown(value)} must be a list of mappings with box and prompt")
    found = []
    for one in value:
        named = {key: file_of("regions", one[key], find) for key in OF_REGION if one.get(key)}
        files.extend(named.values())
        check_texts("regions", {key: inside for key, inside in one.items() if key not in OWN})
        found.append({**one, **{key: str(path) for key, path in named.items()}})
    return found


def file_of(name: str, value: Any, find: Callable[[str], Path]) -> Path:
    """Return the file of a setting's picture by its id; BadInput, which names the setting, if the
    value is no id, or there is no such picture."""
    if not isinstance(value, str):
        raise BadInput(f"{name}={shown(value)} must be the id of a picture")
    try:
        return find(value)
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from error


def check_prompt(name: str, value: Any) -> None:
    """Raise BadInput for what is no prompt, or one that names a picture's file."""
    read = prompts.parse(value) if name == "prompt" else prompts.parse("x", value)
    check_prompts(name, value, read)


def check_prompts(name: str, value: Any, read: Sequence[prompts.Prompt] = ()) -> None:
    """Raise BadInput for a text in a value that names a picture's file as a prompt, and for such
    prompts, which have been `read`."""
    parts = [part for text in texts(value) for part in BARS.split(text) if part.strip()]
    found = [*read, *(one for part in parts for one in prompts.parse(part))]
    if any(one.image for one in found):
        raise BadInput(f"{name}: pictures are given in image_prompt, by their ids")


def check_expressions(name: str, value: Any) -> None:
    """Raise BadInput for a text in a value with signs that no expression and no key frames have;
    what the expressions say is checked with the film."""
    for text in texts(value):
        if not EXPRESSION.fullmatch(text):
            raise BadInput(f"{name}={shown(text)} must be a number, an expression, or key frames")


def check_type(items: Sequence[Item], value: Any) -> None:
    """Raise BadInput unless a value has the type of one of the items."""
    if not any(fits(item, value) for item in items):
        item = items[0]
        kind = TYPES[item.type][1]
        pairs = ", or pairs of progress and value" if item.schedule else ""
        raise BadInput(f"{item.name}={shown(value)} must be {item.allowed or kind + pairs}")


def fits(item: Item, value: Any) -> bool:
    """Return whether a value has the type of an item; the plan checks what it says."""
    if (
        item.type == "any"
        or item.loose
        or (item.schedule and isinstance(value, str | list | dict))
    ):
        return True
    types, _ = TYPES[item.type]
    right = isinstance(value, types) and (item.type == "boolean" or not isinstance(value, bool))
    return right or (item.type == "integer" and isinstance(value, float) and value.is_integer())


def check_texts(name: str, value: Any) -> None:
    """Raise BadInput for a text in a value that may be a path, an address or a reference."""
    for text in texts(value):
        if PATHLIKE.search(text):
            raise BadInput(f"{name}={shown(text)} may not be a path, an address or a reference")


def values(value: Any) -> Iterator[Any]:
    """Yield every value in mappings within each other, without their keys."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from values(inner)
    else:
        yield value


def texts(value: Any) -> list[str]:
    """Return every text in a value, keys too."""
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in texts(part)]
    return [value] if isinstance(value, str) else []


def pictures(given: Mapping[str, Any]) -> list[str]:
    """Return the ids of the pictures of runs that an input names. BadInput for one that is too
    deep to look through."""
    for name, value in given.items():
        check_size(name, value)
    named = [text for text in texts(dict(given)) if text.startswith("picture:")]
    found = [text.removeprefix("picture:") for text in named]
    found += [given[FROM]] if isinstance(given.get(FROM), str) else []
    return [name for name in found if ID.fullmatch(name)]


def check_size(name: str, value: Any) -> None:
    """Raise BadInput for a value that is too long or too deep, or a number that is not finite."""
    if count(name, value, 0) > MOST:
        raise BadInput(f"{name} has more than {MOST} values in it")


def count(name: str, value: Any, depth: int) -> int:
    """Return the number of values in a value; BadInput where it is too deep or too long."""
    if depth > DEEPEST:
        raise BadInput(f"{name} has lists or mappings more than {DEEPEST} deep")
    if isinstance(value, dict):
        return sum(1 + count(name, inner, depth + 1) for inner in value.values())
    if isinstance(value, list):
        return sum(1 + count(name, inner, depth + 1) for inner in value)
    if isinstance(value, str) and len(value) > LONGEST:
        raise BadInput(f"{name} has a text of more than {LONGEST} characters")
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise BadInput(f"{name}={value} must be a finite number")
    return 1
