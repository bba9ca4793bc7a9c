"""One `name=value` of a command line, a row, a record or a manifest, taken apart once.

Hydra's grammar gives a meaning to commas, colons and brackets, and artists type prose, so prose is
quoted before Hydra reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override as HydraOverride
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from guided.config import schema
from guided.errors import BadInput, shown
from guided.prompts.lists import SEMICOLONS, separators
from guided.prompts.prompt import is_mapping
from guided.runs.metadata import encodable
from guided.untrusted import interpolation
from guided.untrusted.typed_paths import expand

# A random seed, which is null here, as other programs write it.
RANDOM = re.compile(r"""\s*(["']?)(-1(\.0*)?|random)\1\s*""", re.IGNORECASE)
WHOLE = re.compile(r"[-+]?\d{1,99}(\.\d*)?([eE]\+?\d\d?)?")  # 50.0 and 1e3 are 50 and 1000
JSON_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}")
# A quoted text, or one of question marks without quotes in a list.
QUOTED_OR_MISSING = re.compile(
    r"""(["'])(?P<inside>(?:\\.|(?!\1).)*)\1|(?<=[\[,])\s*\?\?\?\s*(?=[,\]])""", re.DOTALL
)
MAX_DEPTH = 40  # lists and mappings in each other


@dataclass(frozen=True)
class Override:
    """A setting or group and the value that it is given, as typed.

    `name` has neither signs nor package: guide.clip.scale for `++guide.clip.scale=3`. `text` is
    all behind the equals sign, None where there is none. `raw` is the whole word, which manifests
    and records keep. The value in Hydra's grammar is read when it is first needed.
    """

    name: str
    text: str | None
    raw: str

    @property
    def key(self) -> str:
        """All before the equals sign: the name with its signs and its package."""
        return self.raw if self.text is None else self.raw[: -len(self.text) - 1]

    @property
    def root(self) -> str:
        """The setting at the top, or the group, that it belongs to."""
        return re.split(r"[./]", self.name)[0]

    @property
    def is_hydras(self) -> bool:
        """Whether it sets or chooses something of Hydra's own, and not of the configuration."""
        return self.root == "hydra"

    @property
    def is_prose(self) -> bool:
        return self.name in schema.having("prose")

    @cached_property
    def is_grammar(self) -> bool:
        """Whether the value is meant as Hydra's grammar: always, but for prose."""
        return not self.is_prose or is_grammar(self.raw, self.text or "")

    @cached_property
    def quoted(self) -> str:
        """The word for Hydra: its value quoted if it is prose, or if Hydra cannot read it as it
        is. Raises BadInput for brackets more than MAX_DEPTH deep."""
        raw, text = self.raw, self.text
        if self.name == "folder" and text and text.startswith("~"):
            text = str(expand("folder", text))
            raw = f"{self.key}={text}"
        if text is None:
            return raw
        if self.name in schema.typed_as(int) and WHOLE.fullmatch(text):
            number = Decimal(text)
            return f"{self.key}={int(number) if number == int(number) else text}"
        if self.is_grammar if self.is_prose else parsed(raw) is not None:
            return with_question_marks(raw) if self.is_prose else raw
        if text.startswith(("[", "{")) and depth(text) > MAX_DEPTH:
            raise BadInput(f"{self.key}={shown(text)}: brackets more than {MAX_DEPTH} deep")
        return f"{self.key}={in_quotes(interpolation.escaped(text))}"

    @cached_property
    def hydra(self) -> HydraOverride | None:
        """Hydra's reading of the word; None if it is not of Hydra's grammar."""
        return parsed(self.quoted)

    @cached_property
    def swept(self) -> bool:
        """Whether it has several values, of which each makes a row."""
        return self.hydra is not None and self.hydra.is_sweep_override()

    @cached_property
    def value(self) -> Any:
        """The value as plain Python; the text where Hydra cannot read it, or it is swept."""
        if self.hydra is None or self.swept:
            return self.text
        return plain_value(self.hydra.value())

    def with_text(self, text: str) -> Override:
        """Return the same setting with another text behind the equals sign."""
        return parse(f"{self.key}={text}")


@lru_cache(1 << 14)  # the parser is slow, and the words of a batch's rows are much alike
def parse(raw: str) -> Override:
    """Return the override that a word spells. `mask=sky.png` is `mask.area=sky.png`, and
    `animate=null` is `animate=none`."""
    key, equals, text = raw.partition("=")
    if key.lstrip("+") == "seed" and RANDOM.fullmatch(text):
        text, raw = "null", f"{key}=null"
    if key.lstrip("+") in schema.OPTIONAL and text == "null":  # which Hydra has no way to say
        text, raw = schema.NONE, f"{key}={schema.NONE}"
    if equals and (inside := schema.FIRST.get(key.lstrip("+"))) is not None:
        key = f"{key}.{inside}"
        raw = f"{key}={text}"
    name = key.lstrip("+~").partition("@")[0]
    if name in schema.having("prose"):  # and not paths, which may be no UTF-8
        text, raw = encodable(text), encodable(raw)
    return Override(name, text if equals else None, raw)


def parse_all(words: Iterable[Override | str]) -> list[Override]:
    """Return overrides for words, which may be overrides already."""
    return [word if isinstance(word, Override) else parse(word) for word in words]


def raws(overrides: Iterable[Override]) -> list[str]:
    """Return the words as manifests and records keep them."""
    return [override.raw for override in overrides]


def values_of(overrides: Iterable[Override]) -> dict[str, str]:
    """Return the texts of the settings by name; the last one counts."""
    return {one.name: one.text for one in overrides if one.text is not None}


def merged(before: Iterable[Override], after: Iterable[Override]) -> list[Override]:
    """Return both, without those of the first whose setting is in the second."""
    after = list(after)
    names = {override.name for override in after}
    return [override for override in before if override.name not in names] + after


def refuse_twice(overrides: Sequence[Override]) -> None:
    """Raise BadInput for a setting that has two values."""
    given: dict[str, Override] = {}
    for one in overrides:
        key = one.key.lstrip("+")
        before = given.get(key)
        given[key] = one
        if before is None or one.raw.startswith("~"):
            continue
        several = one.name in schema.groups(several=True) or one.is_prose
        both = f"; several are a list, as in {key}=[one,other]" if several else ""
        first, second = shown(before.text), shown(one.text)
        raise BadInput(f"{key} is given twice: {first!r} and {second!r}{both}")


def with_question_marks(word: str) -> str:
    """Return a word of Hydra's grammar whose texts `???`, which are missing values to OmegaConf,
    end in a blank."""
    return QUOTED_OR_MISSING.sub(
        lambda found: "'??? '" if found["inside"] in (None, "???") else found[0], word
    )


def is_grammar(word: str, text: str) -> bool:
    """Return whether the value of prose is meant as Hydra's grammar: a quoted text, a list, a
    mapping, a sweep of these, or null."""
    if text == "null":
        return True
    if text.startswith(("[", "{")) and (
        JSON_ESCAPE.search(text) or separators(text) == SEMICOLONS
    ):
        return False  # which guided.prompts.lists reads
    reading = parsed(word) if text.startswith(("'", '"', "[", "{", "choice(")) else None
    if reading is None:
        return False
    if text.startswith("{"):
        return not reading.is_sweep_override() and is_mapping(plain_value(reading.value()))
    if reading.is_sweep_override() and not text.startswith("choice("):
        # `"quoted", he said` is a sentence; `"one","two"` is a sweep.
        items = getattr(reading.value(), "list", [])
        return bool(items) and all(isinstance(item, QuotedString | list) for item in items)
    return True


@lru_cache(4096)
def parsed(word: str) -> HydraOverride | None:
    """Return the reading of Hydra's grammar; None if the word is not of that grammar, or nested so
    deep that its parser, which is recursive, would take minutes or fail."""
    if depth(word) > MAX_DEPTH:
        return None
    try:
        return OverridesParser.create().parse_override(word)
    except (HydraException, ValueError, RecursionError):
        return None


def depth(text: str) -> int:
    """Return the largest number of brackets that are open at once, those in quotes not counted."""
    letters = outside_quotes(text)
    opened = (1 if letter in "([{" else -1 if letter in ")]}" else 0 for letter in letters)
    return max(accumulate(opened), default=0)


def outside_quotes(text: str) -> str:
    """Return a text of Hydra's grammar without its quoted parts and escaped characters."""
    quoted = r"""\\.|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\""""
    return re.sub(quoted, "", text, flags=re.DOTALL)


def plain_value(value: Any) -> Any:
    """Return a value of Hydra's parser without the quotes that it remembers."""
    if isinstance(value, Mapping):
        return {str(getattr(key, "text", key)): plain_value(v) for key, v in value.items()}
    if isinstance(value, list):
        return [plain_value(inside) for inside in value]
    return value.text if isinstance(value, QuotedString) else value


def values_in(value: Any) -> Iterator[Any]:
    """Yield the values, and the keys, that are in it."""
    if isinstance(value, dict):
        for key, inside in value.items():
            yield key
            yield from values_in(inside)
    elif isinstance(value, list):
        for inside in value:
            yield from values_in(inside)
    else:
        yield value


def in_quotes(text: str, quote: Quote = Quote.single) -> str:
    """Return a text in quotes, as Hydra's grammar has it."""
    return QuotedString(text, quote).with_quotes()
