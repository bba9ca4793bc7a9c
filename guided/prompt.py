"""Prose: from the command line past Hydra's grammar unharmed, and into weighted prompts.

Knows nothing about CLIP; imports no torch. Hydra reads commas, colons, brackets and everything
outside ASCII as grammar, and artists type prose, so prose is quoted before Hydra looks.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException

from guided.errors import BadInput
from guided.schedule import is_number

PROSE = ("prompt", "negative")
NEGATIVE_WEIGHT = -0.5
# Hydra's flags that take the next word as their value.
TAKES_VALUE = {
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--cfg", "-c", "--package", "-p", "--info", "-i"),
}
OVERRIDE = re.compile(r"[~+]{0,2}[A-Za-z_][\w./@:-]*=", re.ASCII)
# "castle:2" and "fog:-0.5", but not "16:9", "12:30" or "note: 5".
WEIGHT = re.compile(r"(?P<text>.*[^\s\d:]\s*):(?P<weight>[+-]?(\d+\.?\d*|\.\d+))", re.DOTALL)


@dataclass(frozen=True)
class Prompt:
    """A sentence and how strongly it counts; a negative weight pushes away from it."""

    text: str
    weight: float = 1.0


def quote(arguments: Sequence[str]) -> list[str]:
    """The command line with bare words made into `prompt=` and prose quoted for Hydra."""
    quoted, bare, wants_value = [], [], False
    for argument in arguments:
        if wants_value or argument.startswith(("-", "~")) or not is_prose(argument):
            quoted.append(argument if wants_value else quote_one(argument))
        else:
            bare.append(argument)
        wants_value = argument in TAKES_VALUE and not wants_value
    if bare:
        quoted.append(quote_one("prompt=" + " ".join(bare)))
    return quoted


def is_prose(argument: str) -> bool:
    return OVERRIDE.match(argument) is None


def quote_one(argument: str) -> str:
    key, _, value = argument.partition("=")
    if key not in PROSE or is_grammar(argument, value):
        return argument
    # A dollar and a brace in prose are no interpolation; OmegaConf wants them escaped.
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", value)
    if value == "???":  # "missing" to OmegaConf; the blank is stripped again when it is read
        literal += " "
    return f"{key}={QuotedString(literal, Quote.single).with_quotes()}"


def is_grammar(argument: str, value: str) -> bool:
    """Did the writer mean Hydra's own grammar: quotes, a list, a sweep or null?"""
    if value != "null" and not value.startswith(("'", '"', "[", "choice(")):
        return False
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def parse(prompt: Any, negative: Any = None) -> list[Prompt]:
    """One text, or a list of texts `"fog:0.5"` and mappings `{text, weight}` -> prompts.

    `negative` texts count -0.5 unless they carry a weight of their own, which is negated.
    BadInput when nothing is left to draw, naming the setting.
    """
    prompts = [read(item, "prompt") for item in as_list(prompt)]
    for item in as_list(negative):
        found = read(item, "negative", -NEGATIVE_WEIGHT)
        prompts.append(Prompt(found.text, -found.weight))
    if not as_list(prompt):
        raise BadInput('prompt is empty: say what to draw, as in prompt="a red heart"')
    if all(prompt.weight == 0 for prompt in prompts):
        raise BadInput(f"prompt={prompt}: every weight is 0, so nothing would be drawn")
    return prompts


def as_list(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def read(item: Any, setting: str, unsaid: float = 1.0) -> Prompt:
    """One text or mapping; `unsaid` is its weight where it carries none."""
    if isinstance(item, dict):
        unknown = set(item) - {"text", "weight"}
        if unknown or "text" not in item:
            raise BadInput(f"{setting}={item}: a prompt is a text, or a text and its weight")
        text, weight = str(item["text"]), item.get("weight", unsaid)
    else:
        text, weight = split_weight(str(item), unsaid)
    if not text.strip():
        raise BadInput(f"{setting}={item!r} is empty: say what to draw")
    if not is_number(weight) or not math.isfinite(weight):
        raise BadInput(f"{setting}={item}: weight {weight} must be a number")
    return Prompt(text.strip(), float(weight))


def split_weight(text: str, unsaid: float = 1.0) -> tuple[str, float]:
    """`"fog:0.5"` -> ("fog", 0.5). A weight is a number right behind the last colon, unless a
    digit stands before it (16:9) or it is a link."""
    found = WEIGHT.fullmatch(text.strip())
    if found is None or (re.match(r"\w+://", text) and "/" not in text.split("://", 1)[1]):
        return text, unsaid
    return found["text"], float(found["weight"])


def normalised(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Weights divided by the sum of their sizes. It never is zero, so prompts that cancel
    (`cat`, `dog:-1`) simply pull and push equally hard, and a negative sum flips nothing."""
    total = sum(abs(prompt.weight) for prompt in prompts)
    return [Prompt(prompt.text, prompt.weight / total) for prompt in prompts]
