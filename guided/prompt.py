"""Prose: from the command line past Hydra's grammar unharmed, and into weighted prompts.

Knows nothing about CLIP; imports no torch. Hydra reads commas, colons, brackets and everything
outside ASCII as grammar, and artists type prose, so prose is quoted before Hydra looks.
"""

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from guided.config import known_names
from guided.errors import BadInput, nearest, shown
from guided.schedule import Schedule, is_number, schedule

log = logging.getLogger(__name__)
PROSE = ("prompt", "negative", "image_prompt")
NEGATIVE_WEIGHT = -0.5
KEYS = {"text", "image", "weight", "clips", "from", "until"}  # of a prompt that is a mapping
RULES = ("sizes", "sum", "l2")  # of normalising weights, see `shares`
# Hydra's flags that take the next word as their value.
TAKES_VALUE = {
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--cfg", "-c", "--package", "-p", "--info", "-i"),
}
FLAG = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.ASCII | re.DOTALL)
OVERRIDE = re.compile(r"\+{0,2}(?P<name>[A-Za-z_][\w./@:-]*)=", re.ASCII)
DELETION = re.compile(r"~[\w./@:-]+(=.*)?", re.ASCII)
# "castle:2", "fog:-0.5" and "Blade Runner 2049:1.5", but not "16:9", "12:30" or "note: 5".
NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)"
UNMISTAKABLE = r"[+-]\d+\.?\d*|[+-]?\d*\.\d+"
WEIGHT = re.compile(
    rf"(?P<text>.*[^\s\d:]\s*):(?P<weight>{NUMBER})|(?P<year>.*\d):(?P<sure>{UNMISTAKABLE})",
    re.DOTALL,
)


@dataclass(frozen=True)
class Prompt:
    """What a picture should show, and how strongly it counts; a negative weight pushes away."""

    text: str
    weight: float | Schedule = 1.0
    clips: tuple[str, ...] = ()  # for these CLIPs only; empty: for all
    image: str = ""  # the path of a picture that says it instead of the text
    begins: float = 0.0  # progress at which it comes
    ends: float = 1.0  # and goes

    def at(self, progress: float) -> float:
        """Its weight there; 0 before it comes and after it has gone."""
        here = self.begins <= progress < self.ends or progress >= self.ends == 1
        if not here:
            return 0.0
        return self.weight(progress) if isinstance(self.weight, Schedule) else self.weight


def quote(arguments: Sequence[str]) -> list[str]:
    """The command line with bare words made into `prompt=` and prose quoted for Hydra.

    Bare words behind `prompt=a` are the rest of a prompt whose quotes were forgotten. BadInput
    when there are bare words before it: then there are two prompts."""
    flags: list[str] = []
    quoted: list[str] = []
    bare: list[str] = []
    said: int | None = None  # where in `quoted` the prompt stands
    wants_value = False
    for argument in arguments:
        if wants_value or FLAG.fullmatch(argument):
            flags.append(argument)
            refuse_setting_as_flag(argument if not wants_value else "")
        elif is_prose(argument):
            bare.append(argument)
        else:
            if argument.startswith("prompt="):
                if bare:
                    raise BadInput(
                        f"prompt is said twice: {' '.join(bare)!r} and {argument[7:]!r}"
                    )
                said = len(quoted)
            quoted.append(argument)
        wants_value = argument in TAKES_VALUE and not wants_value
    if bare and said is None:
        said = len(quoted)
        quoted.append("prompt=" + " ".join(bare))
    elif bare and said is not None:
        quoted[said] = " ".join([quoted[said], *bare])
    # Flags first: Hydra's own parser stops at an override behind a flag behind an override.
    return flags + [quote_one(word) for word in quoted]


def refuse_setting_as_flag(argument: str) -> None:
    name = argument.lstrip("-").split("=")[0]
    if name in known_names():
        raise BadInput(f"{argument} is written without dashes here: {name}=value")


def is_prose(argument: str) -> bool:
    """Not the name of a setting and `=`, nor `~name`."""
    if argument.startswith("~"):
        return DELETION.fullmatch(argument) is None
    found = OVERRIDE.match(argument)
    if found is None:
        return True
    name = re.split(r"[./@:]", found["name"])[0]
    known = known_names()
    # `E=mc2, chalk` is prose; `promt=a star` is a slip, to be told and not to be drawn.
    return " " in argument and name not in known and not nearest(name, known, 0.7)


def quote_one(argument: str) -> str:
    """One override with its value quoted, if it is prose or Hydra cannot read it as it is."""
    key, equals, value = argument.partition("=")
    if key == "folder":
        value = str(Path(value).expanduser()) if value.startswith("~") else value
        argument = f"{key}={value}"
    readable = is_grammar(argument, value) if key in PROSE else parsed(argument) is not None
    if not equals or readable:
        return argument
    if key in PROSE:
        warn_of_broken_list(value)
    literal = escaped(value)
    if value == "???":  # "missing" to OmegaConf; the blank is stripped again when it is read
        literal += " "
    return f"{key}={QuotedString(literal, Quote.single).with_quotes()}"


def escaped(text: str) -> str:
    """A dollar and a brace in prose are no interpolation: OmegaConf wants them escaped."""
    return re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)


def is_grammar(argument: str, value: str) -> bool:
    """Did the writer mean Hydra's grammar: a quoted text, a list, a sweep of these, or null?"""
    if value == "null":
        return True
    found = parsed(argument) if value.startswith(("'", '"', "[", "{", "choice(")) else None
    if found is None:
        return False
    if value.startswith("{"):
        return not found.is_sweep_override() and is_mapping(found.value())
    if found.is_sweep_override() and not value.startswith("choice("):
        # `"quoted", he said` is a sentence; `"one","two"` is a sweep.
        meant = getattr(found.value(), "list", [])
        return bool(meant) and all(isinstance(item, QuotedString | list) for item in meant)
    return True


def is_mapping(value: Any) -> bool:
    """{text: fog, weight: 2} or {0: a seed, 0.5: a tree}, and not `{curly} prose`."""
    if not isinstance(value, dict):
        return False
    keys = {str(getattr(key, "text", key)) for key in value}
    return bool(keys & KEYS) or all(re.fullmatch(r"[\d.]+%?", key) for key in keys)


def warn_of_broken_list(value: str) -> None:
    """`["fog", "mist"` is a slip of the pen rather than a sentence."""
    if re.match(r"\[\s*[\"']", value):
        log.warning("%s looks like a list but is not well-formed; it is drawn as one text", value)


def parsed(argument: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(argument)
    except HydraException:
        return None


def parse(prompt: Any, negative: Any = None, image_prompt: Any = None) -> list[Prompt]:
    """What was asked for, in any of the forms that there are -> prompts.

    A text, with a weight behind its last colon; a mapping {text or image, weight, clips, from,
    until}; a list of these; or a mapping {progress: any of these}, each holding until the next.
    `negative` texts count -0.5 unless they carry a weight of their own, which is negated.
    BadInput when nothing is left to draw, naming the setting.
    """
    prompts = read_all(prompt, "prompt", 1.0)
    prompts += [negated(found) for found in read_all(negative, "negative", -NEGATIVE_WEIGHT)]
    for item in as_list(image_prompt):
        prompts.append(read_image(item))
    if not as_list(prompt) and not as_list(image_prompt):
        raise BadInput('prompt is empty: say what to draw, as in prompt="a red heart"')
    if not any(prompt.at(k / 1000) for prompt in prompts for k in range(1001)):
        raise BadInput(f"prompt={prompt}: every weight is 0, so nothing would be drawn")
    return prompts


def as_list(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def read_all(value: Any, setting: str, unsaid: float) -> list[Prompt]:
    """One prompt, several, or some for each part of the run."""
    if not isinstance(value, dict) or value.keys() & KEYS:
        return [read(item, setting, unsaid) for item in as_list(value)]
    starts = [read_progress(key, setting) for key in value]
    if starts != sorted(set(starts)):
        raise BadInput(f"{setting}: progress must rise from one entry to the next, not {starts}")
    prompts = []
    for items, begins, ends in zip(value.values(), starts, [*starts[1:], 1.0], strict=True):
        found = [read(item, setting, unsaid) for item in as_list(items)]
        prompts += [replace(prompt, begins=begins, ends=ends) for prompt in found]
    return prompts


def read_progress(value: Any, setting: str) -> float:
    """0.4 or "40%"."""
    share = str(value).removesuffix("%")
    try:
        progress = float(share) / (100 if str(value).endswith("%") else 1)
    except ValueError:
        progress = math.nan
    if isinstance(value, bool) or not 0 <= progress <= 1:
        raise BadInput(
            f"{setting} has {value!r} where progress is meant, from 0 to 1 or from 0% to 100%"
        )
    return progress


def read(item: Any, setting: str, unsaid: float = 1.0) -> Prompt:
    """One text or mapping; `unsaid` is its weight where it carries none."""
    if not isinstance(item, dict | str | int | float) or isinstance(item, bool):
        raise BadInput(f"{setting} has {item!r} in it, which is no text; quote it if it is meant")
    if not isinstance(item, dict):
        text, weight = split_weight(str(item), unsaid)
        return Prompt(filled(text, item, setting), weight)
    unknown = item.keys() - KEYS
    if unknown or ("text" in item) == ("image" in item):
        raise BadInput(
            f"{setting}={shown(item)}: a prompt is a text or an image, and perhaps weight, clips, "
            f"from and until{nearest(str(min(unknown, key=str)), KEYS) if unknown else ''}"
        )
    path = str(item.get("image", ""))
    return Prompt(
        text=filled(str(item.get("text", path)), item, setting),
        weight=read_weight(item.get("weight", unsaid), item, setting),
        clips=tuple(map(str, as_list(item.get("clips")))),
        image=path,
        begins=read_progress(item.get("from", 0), setting),
        ends=read_progress(item.get("until", 1), setting),
    )


def filled(text: str, item: Any, setting: str) -> str:
    if not text.strip():
        raise BadInput(f"{setting}={item!r} is empty: say what to draw")
    return text.strip()


def read_weight(weight: Any, item: Any, setting: str) -> float | Schedule:
    """A number, or any form of a schedule."""
    if is_number(weight) and math.isfinite(weight):
        return float(weight)
    try:
        return schedule("weight", weight)
    except ValueError as error:
        where = shown(item)
        raise BadInput(f"{setting}={where}: weight {weight} must be a number; {error}") from error


def read_image(item: Any) -> Prompt:
    """A picture's path, with a weight behind its last colon, or a mapping."""
    if isinstance(item, dict):
        return read(
            {("image" if key == "path" else key): v for key, v in item.items()}, "image_prompt"
        )
    found = read(item, "image_prompt")
    return replace(found, image=found.text)


def negated(prompt: Prompt) -> Prompt:
    if isinstance(prompt.weight, Schedule):
        values = tuple(-value for value in prompt.weight.values)
        return replace(prompt, weight=replace(prompt.weight, values=values))
    return replace(prompt, weight=-prompt.weight)


def split_weight(text: str, unsaid: float = 1.0) -> tuple[str, float]:
    """`"fog:0.5"` -> ("fog", 0.5). A weight is a number right behind the last colon, unless it is
    part of a link, or a digit stands before the colon (16:9) and neither sign nor point in it."""
    found = WEIGHT.fullmatch(text.strip())
    if found is None or (re.match(r"\w+://", text) and "/" not in text.split("://", 1)[1]):
        return text, unsaid
    return found["text"] or found["year"], float(found["weight"] or found["sure"])


def shares(weights: Sequence[float], rule: str = "sizes") -> list[float]:
    """Weights normalised. `sizes`: divided by the sum of their sizes, which is never zero, so that
    prompts that cancel (`cat`, `dog:-1`) pull and push equally hard, and a negative sum flips
    nothing. `sum`: by the size of their sum, as Disco Diffusion does. `l2`: by the root of the sum
    of their squares, as DiscoArt does. Where all are 0, all stay 0."""
    size = {
        "sizes": sum(map(abs, weights)),
        "sum": abs(sum(weights)),
        "l2": math.hypot(*weights),
    }[rule]
    return [weight / size if size else 0.0 for weight in weights]
