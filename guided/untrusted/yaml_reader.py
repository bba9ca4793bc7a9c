"""Reading untrusted YAML: presets, cards, records, rows of prompts.

Plain data only, limited in length, nesting, expanded aliases and digits of numbers. Errors are one
line of BadInput with file, line and key. Refused are also values that YAML 1.1 reads differently
than they look: `12:30` (750, in base 60), `010` (8), dates, explicit tags and repeated keys.
"""

from __future__ import annotations

import errno
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml.constructor import SafeConstructor

from guided.compat.omegaconf import quick_yaml
from guided.errors import BadInput, shown
from guided.untrusted import interpolation
from guided.untrusted.regular_files import NotText, decoded, read_bytes
from guided.untrusted.typed_paths import similar

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's is faster
LONGEST = 1_000_000  # characters of a record
LONGEST_CONFIG = 200_000  # of a preset or a card, which OmegaConf parses slowly
DEEPEST = 40  # levels of nesting
MOST = 1_000_000  # values with aliases expanded
DIGITS = 100  # of a number
TAG = "tag:yaml.org,2002:"
# An unquoted text that is refused as a number of too many digits.
LONG_NUMBER = re.compile(
    rf"(?=(?:[-+_.:]*[^\W_]){{{DIGITS + 1}}})[-+]?(0[xXbB])?[\d_.:a-fA-F]*([eE][-+]?\d*)?"
)
BASE_8 = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*")
BASE_60 = re.compile(r"[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?")


class Unreadable(BadInput):
    """Invalid YAML at a line of a file; `reason` is the message without the file's name."""

    def __init__(self, where: str, line: int, reason: str) -> None:
        super().__init__(f"{where}:{line} cannot be read: {reason}")
        self.reason = reason


def text_of(path: Path, where: str, longest: int = LONGEST) -> str:
    """Return a file's text. Raise BadInput if it is no regular file, too large (`longest`
    bytes) or not UTF-8."""
    try:
        content = read_bytes(path, longest)
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise BadInput(f"{where} is larger than {longest // 1000} kB") from error
        reason = f"{error.strerror}{similar(path)}"
        raise BadInput(f"{where} cannot be read: {reason}") from error
    try:
        return decoded(content)
    except NotText as error:
        raise BadInput(f"{where}:{error.line} is not UTF-8; save the file as UTF-8") from error


def read(
    text: str,
    where: str,
    *,
    aliases: bool = False,
    dates: bool = False,
    longest: int = LONGEST,
) -> Any:
    """Return the plain data of a document by PyYAML's safe loader; None if it is empty. With
    `dates`, dates are texts. Raise BadInput that names `where` and the line."""
    node = compose(text, where, aliases=aliases, longest=longest)
    return None if node is None else value_of(node, where, dates=dates)


def read_config(path: Path, where: str = "") -> DictConfig | ListConfig:
    """Return a preset or a card as read by OmegaConf (1e-3 is a number, a date is a text). Its
    interpolations may refer to other settings only, as `${size}`."""
    where = where or str(path)
    text = text_of(path, where, LONGEST_CONFIG)
    node = compose(text, where, aliases=True, longest=LONGEST_CONFIG)
    if isinstance(node, yaml.ScalarNode):
        raise BadInput(f"{where} has no settings in it, but a single value")
    if node is not None:
        check(node, where, dates=True)
        check_references([one.value for one in scalars(node)], where)
        for one in scalars(node):
            if one.value == "???":
                reason = "??? stands for a value that is missing; write it, or leave out the line"
                raise Unreadable(where, line_of(one), reason)
    try:
        with quick_yaml():
            config = OmegaConf.load(io.StringIO(text))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, OSError) as error:
        raise BadInput(f"{where} cannot be read: {one_line(error)}") from error
    return config


def scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield every scalar in a node, keys included."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            for inside in pair:
                yield from scalars(inside)
    elif isinstance(node, yaml.SequenceNode):
        for inside in node.value:
            yield from scalars(inside)


def check_references(value: Any, where: str) -> None:
    """Raise BadInput if an interpolation refers to anything but other settings."""
    if interpolation.inert(value, references=True) != value:
        wrong = next(text for text in texts_in(value) if interpolation.inert(text, True) != text)
        raise BadInput(
            f"{where}: {shown(wrong)} may refer to other settings only, as ${{size}} does"
        )


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text in lists and mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inside in value.values() if isinstance(value, dict) else value:
            yield from texts_in(inside)


# ---- structure -----------------------------------------------------------------------------


def compose(
    text: str, where: str, *, aliases: bool = False, tags: bool = False, longest: int = LONGEST
) -> yaml.Node | None:
    """Return the document's root. Raise BadInput if it is too long, too deep, no YAML, or has
    aliases or explicit tags that are not allowed."""
    if len(text) > longest:
        raise BadInput(f"{where} has more than {longest // 1000} kB of settings")
    try:
        check_events(text, where, aliases, tags)
        root = yaml.compose(text, LOADER)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = one_line(getattr(error, "problem", None) or error)
        raise Unreadable(where, mark.line + 1 if mark else 1, reason) from error
    size = 0.0 if root is None else extent(root, {})
    if size > MOST:
        reason = (
            "are inside one another" if math.isinf(size) else f"are too large: over {MOST} values"
        )
        raise Unreadable(where, 1, f"its parts refer to each other and {reason}")
    return root


def check_events(text: str, where: str, aliases: bool, tags: bool) -> None:
    """Raise BadInput for aliases, tags and deep nesting before the document is composed, which is
    recursive."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent) and not aliases:
            raise Unreadable(where, line, "its parts refer to each other")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable(where, line, f"nested more than {DEEPEST} deep")
        tag = getattr(event, "tag", None)
        if (
            not tags
            and tag not in (None, "!")
            and (tag != TAG + "str" or not isinstance(event, yaml.ScalarEvent))
        ):
            short = shown(tag.replace(TAG, "!!"))
            raise Unreadable(where, line, f"the tag {short} is not read; leave it out")


def extent(node: yaml.Node, known: dict[int, float]) -> float:
    """Return the number of values with aliases expanded; infinite for a part that contains
    itself."""
    if isinstance(node, yaml.ScalarNode):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf  # a part that is met again before this is replaced
        known[id(node)] = 1 + sum(extent(inside, known) for inside in parts(node))
    return known[id(node)]


def parts(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the items of a sequence, or the keys and values of a mapping."""
    for part in node.value:
        yield from part if isinstance(part, tuple) else (part,)


# ---- values --------------------------------------------------------------------------------


def value_of(node: yaml.Node, where: str, key: str = "", *, dates: bool = False) -> Any:
    """Return the plain data of a composed node. Raise BadInput that names line and key."""
    check(node, where, key, dates=dates)
    return construct(node, where, key)


def shown_scalar(node: yaml.Node) -> str:
    """Return a scalar as it is shown in a message."""
    if not isinstance(node, yaml.ScalarNode):
        return "a value"
    return shown(node.value) or "''"


def construct(node: yaml.Node, where: str, key: str) -> Any:
    """Return the plain data of a checked node. Raise BadInput if PyYAML cannot build it."""
    try:
        return SafeConstructor().construct_document(node)
    except AttributeError as error:  # PyYAML's, about a text that is no date
        reason = f"{shown_scalar(node)} is no date or time; quote it"
        raise Unreadable(where, line_of(node), at(key) + reason) from error
    except (ValueError, TypeError, LookupError, ArithmeticError, yaml.YAMLError) as error:
        value = shown_scalar(node)
        reason = f"{value} is not what it looks like to YAML ({one_line(error)}); quote it"
        raise Unreadable(where, line_of(node), at(key) + reason) from error


def check(node: yaml.Node, where: str, key: str = "", *, dates: bool = False) -> None:
    """Raise BadInput unless every key is a unique name or number and every value is plain. Dates
    become texts if `dates`, else they are refused."""
    if isinstance(node, yaml.ScalarNode):
        check_scalar(node, where, key, dates)
    elif isinstance(node, yaml.SequenceNode):
        for number, inside in enumerate(node.value):
            check(inside, where, f"{key}[{number}]", dates=dates)
    else:
        known: set[Any] = set()
        for name, inside in node.value:
            inner = check_key(name, where, key, known)
            if name.tag == TAG + "merge":
                check_merge(inside, where, inner)
            check(inside, where, inner, dates=dates)


def check_scalar(node: yaml.ScalarNode, where: str, key: str, dates: bool) -> None:
    """Raise BadInput for a scalar that YAML 1.1 reads differently than it looks."""
    if node.style in ("'", '"', "|", ">"):
        return
    value = node.value
    if node.tag == TAG + "timestamp":
        if dates:
            node.tag = TAG + "str"
            return
        construct(node, where, key)
        raise Unreadable(where, line_of(node), f"{at(key)}{shown(value)} is a date; quote it")
    if LONG_NUMBER.fullmatch(value):
        reason = f"{shown(value)} has more than {DIGITS} digits; quote it if it is text"
        raise Unreadable(where, line_of(node), at(key) + reason)
    if (BASE_60.fullmatch(value) or BASE_8.fullmatch(value)) and node.tag in (
        TAG + "int",
        TAG + "float",
    ):
        number = construct(node, where, key)
        reason = f"{shown(value)} is the number {number:g} to YAML; quote it if it is text"
        raise Unreadable(where, line_of(node), at(key) + reason)
    construct(node, where, key)


def check_key(node: yaml.Node, where: str, above: str, known: set[Any]) -> str:
    """Return the key's full name. Raise BadInput if it is no name or number, or is repeated."""
    if not isinstance(node, yaml.ScalarNode):
        raise Unreadable(where, line_of(node), at(above) + "a list or mapping is no key")
    key = f"{above}.{node.value}" if above else node.value
    if node.tag == TAG + "null":
        raise Unreadable(where, line_of(node), f"{at(above)}{node.value or 'nothing'} is no key")
    if node.tag != TAG + "merge":
        check_scalar(node, where, key, dates=False)
        name = construct(node, where, key)
        if name in known:
            raise Unreadable(where, line_of(node), f"{shown(key)} stands there twice")
        known.add(name)
    return key


def check_merge(node: yaml.Node, where: str, key: str) -> None:
    """Raise BadInput unless the value of a merge key `<<` is made of mappings."""
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    if not all(isinstance(one, yaml.MappingNode) for one in nodes):
        raise Unreadable(where, line_of(node), f"{shown(key)} is for mappings")


def at(key: str) -> str:
    """Return the beginning of a message about a key."""
    return f"{shown(key)}: " if key else ""


def line_of(node: yaml.Node) -> int:
    """Return the node's line, counted from 1."""
    return node.start_mark.line + 1


def one_line(error: object) -> str:
    """Return an error's message on one line of at most 200 characters."""
    return " ".join(str(error).split())[:200]
