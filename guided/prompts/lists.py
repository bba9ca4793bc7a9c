"""Lists and mappings of prompts as people type and paste them: `[château:2, brume]`,
`【城堡：2，雾】`, `[“a cat”, «fog»]`, JSON with a comma too many. Imports no torch.

    value:   list | mapping | quoted | bare         list:    [value, value, ...]
    mapping: {key: value, ...}                      bare:    text; commas inside its brackets are
                                                             text, and so is one behind a backslash

Brackets, commas, colons and quotation marks may be those of any script in the tables below.
Semicolons stand for commas in a text that has none: `[house; fog]`.
"""

import json
import re
from itertools import accumulate
from typing import Any

from guided.text import normal_width

DEEPEST = 40  # brackets in each other
LONGEST = 100_000  # characters
LIST, LIST_END = "[［【〔〖", "]］】〕〗"
MAPPING, MAPPING_END = "{｛", "}｝"
INSIDE, INSIDE_END = LIST + MAPPING + "(（", LIST_END + MAPPING_END + ")）"
COMMAS, COLONS, SEMICOLONS = ",，、﹐､،", ":：﹕", ";；؛"
QUOTES = dict(
    zip("\"'“”„‟«»‹›「『‘’‚＂＇", "\"'””””»«›‹」』’’’＂＇", strict=True)
)  # opening: closing
DOUBLE = '"“”„‟«»「『＂'  # not apostrophes, which words may begin with
ALSO = {"„": "“", "‚": "‘"}  # closing marks of other countries
NUMERIC = {"weight", "from", "until", "box"}  # keys whose bare values are numbers
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
CONSTANTS = {"true": True, "false": False}
SPACES = re.compile(r"\s*")
KEY = re.compile(f"[^{re.escape(COLONS + COMMAS + SEMICOLONS + INSIDE + INSIDE_END)}]*")
BRACKETS = re.compile(f"[{re.escape(INSIDE + INSIDE_END)}]")


class NotAList(ValueError):
    """The text is no list or mapping."""


def resembles(text: str) -> bool:
    """Return whether a text that `read` does not read begins like a list that goes on to its end,
    or like a mapping of JSON."""
    text = text.strip()
    if text[:1] in tuple(MAPPING):
        return text[1:].lstrip()[:1] in tuple(QUOTES)
    if text[:1] not in tuple(LIST):
        return False
    opened = 0
    for bracket in BRACKETS.finditer(text):
        opened += 1 if bracket[0] in INSIDE else -1
        if opened == 0:
            return bracket.end() == len(text)
    return True


def read(text: str, escapes: bool = True) -> Any:
    """Return the list, mapping or quoted text that a text spells; None if it spells none.

    Texts of mappings stay texts, but `weight`, `from` and `until` are numbers. With `escapes`,
    JSON's escapes count, as \\u00e9; not in paths of Windows. Raise ValueError for a key that a
    mapping has twice."""
    text = text.strip()
    if not text or text[0] not in LIST + MAPPING + "".join(QUOTES) or len(text) > LONGEST:
        return None
    if depth(text) > DEEPEST:
        return None
    try:
        if text[0] in "[{" and (escapes or "\\" not in text):
            value = json.loads(text, object_pairs_hook=unique)
            json.dumps(value, ensure_ascii=False).encode()  # no halves of surrogate pairs
            return value
    except (json.JSONDecodeError, UnicodeEncodeError):
        pass
    reader = Reader(text)
    try:
        value = reader.value(False)
        reader.blanks()
    except NotAList:
        return None
    return value if reader.at == len(text) else None


def separators(text: str) -> str:
    """Return the separators of the items of a list or mapping: commas, or semicolons if the text
    has those instead."""
    return COMMAS if set(text) & set(COMMAS) or not set(text) & set(SEMICOLONS) else SEMICOLONS


def usual_marks(text: str) -> str:
    """Return a list of names with the usual brackets and commas in place of those of other
    scripts and of semicolons; `a，b` without brackets is one too."""
    marks = COMMAS + SEMICOLONS + LIST + LIST_END
    usual_ones = "," * len(COMMAS + SEMICOLONS) + "[" * len(LIST) + "]" * len(LIST_END)
    usual = text.translate(str.maketrans(marks, usual_ones))
    return f"[{usual}]" if usual != text and not usual.lstrip().startswith("[") else usual


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a mapping, or raise ValueError for a key that it has twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice; each key has one value")
    return dict(pairs)


def depth(text: str) -> int:
    """Return the largest number of brackets that are open at once."""
    steps = (1 if bracket[0] in INSIDE else -1 for bracket in BRACKETS.finditer(text))
    return max(accumulate(steps), default=0)


class Reader:
    """A recursive-descent parser of one text, with a method for each rule of the grammar. They
    raise NotAList where the text does not follow it."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.commas = separators(text)

    def value(self, numeric: bool, ends: str = "") -> Any:
        """Parse a value. A bare one goes on until a comma or one of `ends`."""
        self.blanks()
        start = self.at
        try:
            if self.take(LIST):
                return self.ended(self.items(numeric), ends)
            if self.take(MAPPING):
                return self.ended(self.pairs(numeric), ends)
        except NotAList:
            self.at = start  # `[red] car`, or `{red|blue} car`
        quoted = self.quoted(self.commas + ends)
        if quoted is None:
            quoted = self.weighted(ends)
        if quoted is not None:
            return quoted
        if not ends or self.peek() in tuple(DOUBLE):
            raise NotAList
        return scalar(self.bare(ends), numeric)

    def items(self, numeric: bool) -> list[Any]:
        """Parse the items of a list behind its opening bracket."""
        items: list[Any] = []
        while not self.take(LIST_END):
            items.append(self.value(numeric, LIST_END))
            self.blanks()
            if not self.take(self.commas) and self.peek() not in tuple(LIST_END):
                raise NotAList
            self.blanks()
        return items

    def pairs(self, numeric: bool) -> dict[str, Any]:
        """Parse the pairs of a mapping behind its opening bracket."""
        pairs: list[tuple[str, Any]] = []
        self.blanks()
        while not self.take(MAPPING_END):
            key = self.key()
            pairs.append((key, self.value(numeric or key in NUMERIC, MAPPING_END)))
            self.blanks()
            if not self.take(self.commas) and self.peek() not in tuple(MAPPING_END):
                raise NotAList
            self.blanks()
        return unique(pairs)

    def key(self) -> str:
        """Parse a key and the colon behind it."""
        key = self.quoted(COLONS)
        if key is None:
            key = self.passed(KEY)
        self.blanks()
        if not key or not self.take(COLONS):
            raise NotAList
        return key

    def quoted(self, ends: str) -> str | None:
        """Parse a quoted text with one of `ends`, or the end, behind it; None if there is none."""
        mark = self.peek()
        closing = "".join({QUOTES.get(mark, ""), ALSO.get(mark, "")})
        if not closing:
            return None
        marks = re.escape(mark + closing)
        inside = rf"(?:\\.|[^\\{marks}]|(?<=\w)[{marks}](?=\w))*"  # it's
        pattern = rf"(?P<text>{inside})[{closing}](?=\s*(?:[{re.escape(ends)}]|$))"
        match = re.compile(pattern, re.DOTALL).match(self.text, self.at + 1)
        if match is None:
            return None
        self.at = match.end()
        return re.sub(rf"\\([{closing}])", r"\1", match["text"])

    def weighted(self, ends: str) -> str | None:
        """Parse a quoted text with a weight behind it: "castle":2; None if there is none."""
        start, text = self.at, self.quoted(COLONS)
        weight = self.bare(ends)[1:].strip() if text is not None else ""
        if NUMBER.fullmatch(normal_width(weight)):
            return f"{text}:{weight}"
        self.at = start
        return None

    def bare(self, ends: str) -> str:
        """Parse a text until a comma or one of `ends` that no bracket inside it encloses."""
        opened, start = 0, self.at
        while self.at < len(self.text):
            letter = self.text[self.at]
            if not opened and letter in self.commas + ends:
                break
            if letter in INSIDE:
                opened += 1
            elif letter in INSIDE_END and opened:
                opened -= 1
            self.at += 2 if letter == "\\" else 1
        return re.sub(rf"\\([{self.commas}])", r"\1", self.text[start : self.at]).strip()

    def ended(self, value: Any, ends: str) -> Any:
        """Return a list or mapping if a comma, one of `ends` or the end of the text is next."""
        self.blanks()
        if self.at < len(self.text) and self.peek() not in tuple(self.commas + ends):
            raise NotAList
        return value

    def blanks(self) -> None:
        """Pass over blanks and line breaks."""
        self.passed(SPACES)

    def passed(self, pattern: re.Pattern[str]) -> str:
        """Pass over the match of a pattern, and return it without surrounding blanks."""
        match = pattern.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0].strip() if match else ""

    def peek(self) -> str:
        """Return the next letter, or an empty text at the end."""
        return self.text[self.at : self.at + 1]

    def take(self, letters: str) -> bool:
        """Pass over the next letter if it is one of these."""
        if self.peek() not in tuple(letters):
            return False
        self.at += 1
        return True


def scalar(text: str, numeric: bool) -> Any:
    """Return a bare text, or the number or constant that it stands for where one is expected."""
    if text in ("null", "None"):
        return None
    plain = normal_width(text)
    if numeric and NUMBER.fullmatch(plain):
        return float(plain) if re.search(r"[.eE]", plain) else int(plain)
    return CONSTANTS.get(text, text) if numeric else text
