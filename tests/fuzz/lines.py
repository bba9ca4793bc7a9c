"""Command lines over all settings. The settings are those of the program's own classes, so that
new ones are covered."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, get_type_hints

import yaml
from hypothesis import strategies as st

from guided.config import choices, flags, schema
from guided.paths import conf_folder
from tests.fuzz import oracle
from tests.fuzz.trial import Case
from tests.fuzz.values import KEYFRAMES, ODD, PATHS

FEW = 4  # choices of a large group whose settings are varied
COMMANDS = tuple(
    name for name, traits in schema.settings().items() if traits.scope == schema.COMMAND
)


@dataclass(frozen=True)
class Known:
    """A setting by its whole name, the word that chooses the part that has it, its default, and
    its allowed values."""

    name: str
    choice: str = ""
    default: str = "1"
    allowed: str = ""


@cache
def settings() -> tuple[Known, ...]:
    """Return every setting, at the top and inside of choices."""
    return (*top(), *inside())


@cache
def by_name() -> tuple[tuple[Known, ...], ...]:
    """Return the settings grouped by name: many choices have some of the same names."""
    found: dict[str, list[Known]] = {}
    for known in settings():
        found.setdefault(known.name, []).append(known)
    return tuple(map(tuple, found.values()))


def top() -> Iterator[Known]:
    """Yield the settings at the top, the groups and the commands."""
    allowed = oracle.allowed()[""]
    defaults = {one.name: one.default for one in dataclasses.fields(schema.Config)}
    for name in schema.settings():
        default = defaults.get(name)
        text = spelt(None if default is dataclasses.MISSING else default)
        yield Known(name, "", text, allowed.get(name, ""))
        if name in schema.NODES:
            yield from of_class(schema.NODES[name], name, "", {})


def inside() -> Iterator[Known]:
    """Yield the settings inside of the choices of groups."""
    for group in schema.having("group"):
        several = schema.settings()[group].several
        names = sorted(choices.names(group), key=lambda name: (name != "embedded", name))
        large = group in schema.having("own_names")
        kinds: set[str] = set()
        for number, name in enumerate(names):
            text = (conf_folder() / group / f"{name}.yaml").read_text(encoding="utf-8")
            node = yaml.safe_load(text) or {}
            node = node if several else node.get(group, node)
            kind = str(node.get("_target_"))
            if large and number >= FEW and (several or kind in kinds):
                continue
            kinds.add(kind)
            nodes = (
                {f"{group}.{key}": one for key, one in node.items()} if several else {group: node}
            )
            for where, part in nodes.items():
                if isinstance(part, dict) and "_target_" in part:
                    cls = schema.dataclass_of(part["_target_"], where)
                    yield from of_class(cls, where, chosen(group, name, several), part)


def chosen(group: str, name: str, several: bool) -> str:
    """Return the word that chooses a part beside those of the default."""
    if not several:
        return f"{group}={name}"
    beside = {"guide": ("clip", "range"), "output": ("still",)}.get(group, ())
    return f"{group}=[{','.join(dict.fromkeys([*beside, name]))}]"


def of_class(cls: type, where: str, choice: str, values: dict[str, Any]) -> Iterator[Known]:
    """Yield the settings of a class, those of classes in it included."""
    hints = get_type_hints(cls)
    for one in dataclasses.fields(cls):
        name, value = f"{where}.{one.name}", values.get(one.name, one.default)
        if dataclasses.is_dataclass(kind := hints[one.name]) and isinstance(kind, type):
            yield from of_class(kind, name, choice, value if isinstance(value, dict) else {})
        heading = oracle.allowed().get(choice.replace("[clip,range,", "").rstrip("]"), {})
        yield Known(name, choice, spelt(value), heading.get(name, ""))


def spelt(value: Any) -> str:
    """Return a default as one types it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, list):
        return f"[{','.join(map(spelt, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key}:{spelt(one)}' for key, one in value.items())}}}"
    return str(value) if isinstance(value, int | float | str) else "null"


def likely(known: Known) -> st.SearchStrategy[str]:
    """Return values that a setting may have, and those at the ends of its range."""
    if known.name in schema.having("group"):
        names = choices.names(known.name)[:40]
        listed = st.lists(st.sampled_from(names), max_size=2).map(
            lambda some: f"[{','.join(some)}]"
        )
        return (st.sampled_from(names) | listed) if names else st.just("null")
    if names := oracle.choices_in(known.allowed):
        return st.sampled_from(names)
    if bounds := oracle.range_in(known.allowed):
        low, high, _ = bounds
        high = min(high, 1e6)
        ends = (low, high, low - 1, high + 1, (low + high) / 2, low + 1e-9)
        return st.sampled_from([f"{end:g}" for end in ends]) | st.integers(0, 60).map(str)
    if known.name.startswith("animate."):
        return KEYFRAMES
    return st.sampled_from((known.default, "true", "false", "null", "1", "2", "50", "auto"))


@st.composite
def assignments(draw: st.DrawFn, odd: bool = True) -> list[str]:
    """Return the words that give one setting a value; an `odd` one is often no value that it may
    have, under a name that it does not have."""
    known = draw(st.sampled_from(draw(st.sampled_from(by_name()))))
    value = draw(ODD if odd and draw(st.booleans()) else likely(known))
    if not odd:
        return [*filter(None, [known.choice]), f"{known.name}={value}"]
    name = draw(mangled(known.name)) if draw(st.integers(0, 5)) == 0 else known.name
    word = name if draw(st.integers(0, 40)) == 0 else f"{name}={value}"
    return [known.choice, word] if known.choice and draw(st.integers(0, 9)) else [word]


def mangled(name: str) -> st.SearchStrategy[str]:
    """Return a name with signs, packages, spelling errors and further parts."""
    return st.sampled_from((
        f"+{name}", f"++{name}", f"~{name}", f"+++{name}", f"~~{name}", f"-{name}", f"--{name}",
        f"{name}@x", f"{name}@_global_", f"/{name}", f"{name}/", f"{name}.x", f"{name}.0",
        f"{name}[0]", f".{name}", f"{name}.", f"{name} ", f" {name}", name.upper(), name[1:],
        name[:-1], name.replace(".", "/"), name.replace(".", ".."), f"{name}._target_",
        f"{name}:", "hydra." + name, name.split(".")[0] + ".nosuch", name + "s", "一", "",
    ))  # fmt: skip


def commands() -> st.SearchStrategy[str]:
    """Return words that make a command of their own."""
    values = st.sampled_from(PATHS) | st.sampled_from(("list", "download", "true", "false"))
    word = st.tuples(st.sampled_from(COMMANDS), values).map("=".join)
    whole = ("artist=list", "look=list", "models=list", "show=true", "from=heart.png", "from=run")
    whole += ("from=styles.jpg", "resume=half", "prompts=rows.csv", "import=settings.txt")
    return word | st.sampled_from(whole)


def options() -> st.SearchStrategy[list[str]]:
    """Return flags, some with values."""
    known = sorted({*flags.KNOWN, *flags.INSTEAD, *flags.WITH_VALUE})
    alone = st.sampled_from((*known, "-x", "--nosuch", "--", "-", "--prompt", "--help=1", "-m1"))
    values = st.sampled_from(
        ("job", "all", "hydra", "mine", "nosuch", "", "install=bash", "query=x")
    )
    both = st.tuples(alone, values)
    return st.one_of(
        st.just(["-m"]), st.just(["--config-dir", "mine"]), st.just(["--cfg", "job"]),
        alone.map(lambda flag: [flag]), both.map(list), both.map(lambda two: ["=".join(two)]),
    )  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> Case:
    """Return a command line; half of them have values that settings may have, which are drawn
    unless they exclude each other."""
    odd = draw(st.booleans())
    words = [["prompt=a red heart"]] if not odd or draw(st.integers(0, 9)) else []
    words += draw(st.lists(assignments(odd), min_size=1, max_size=3))
    if not odd:
        return Case(tuple(word for some in words for word in some))
    if draw(st.integers(0, 4)) == 0:
        words.append(["-m"])
    if draw(st.integers(0, 5)) == 0:
        words.append([draw(commands())])
    if draw(st.integers(0, 8)) == 0:
        words.append(draw(options()))
    if draw(st.integers(0, 30)) == 0:
        words.append([draw(ODD)])
    flat = [word for some in words for word in some]
    return Case(tuple(word.replace("\0", "") for word in flat))
