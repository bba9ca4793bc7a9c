"""Prompts: texts and pictures with weights, for all of a run or a part of it. Imports no torch."""

import logging
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guided.errors import BadInput, is_number, nearest, shown
from guided.prompts import foreign_syntax, lists
from guided.prompts.regions import Region
from guided.schedule import HEAVIEST, Schedule, schedule
from guided.text import normal_width

log = logging.getLogger(__name__)

NEGATIVE_WEIGHT = -0.5
KEYS = {"text", "image", "weight", "clips", "from", "until"}  # of a mapping
RULES = ("sizes", "sum", "l2")  # for normalising weights, see `shares`
# "castle:2", "fog:-0.5" and "Blade Runner 2049:1.5", but not "16:9", "12:30" or "note: 5".
# The colon, sign and point may be full-width, and the sign a typographic minus.
SIGN, POINT = "[+－＋−-]", "[.．]"
NUMBER = rf"{SIGN}?(\d+{POINT}?\d*|{POINT}\d+)"
UNMISTAKABLE = rf"{SIGN}\d+{POINT}?\d*|{SIGN}?\d*{POINT}\d+"
WEIGHT = re.compile(
    rf"(?P<text>.*[^\s\d:：]\s*)[:：](?P<weight>{NUMBER})"
    rf"|(?P<year>.*\d)[:：](?P<sure>{UNMISTAKABLE})",
    re.DOTALL,
)


@dataclass(frozen=True)
class Prompt:
    """A text or picture that the image should match, or with a negative weight should not."""

    text: str
    weight: float | Callable[[float], float] = 1.0  # or a function of progress
    clips: tuple[str, ...] = ()  # the names of its CLIPs; empty: all
    image: str = ""  # path of a picture, which replaces the text
    begins: float = 0.0  # progress from which it counts
    ends: float = 1.0  # progress until which it counts
    region: Region | None = None  # the part of the picture that it is for; None: all of it
    number: int | None = None  # by which its wildcards are drawn; None: its place among the others

    def at(self, progress: float) -> float:
        """Return the weight at `progress`: 0 outside the prompt's part of the run."""
        inside = self.begins <= progress < self.ends or progress >= self.ends == 1
        if not inside:
            return 0.0
        return self.weight(progress) if callable(self.weight) else self.weight


def parse(
    prompt: Any,
    negative: Any = None,
    image_prompt: Any = None,
    regions: Sequence[Prompt] = (),
    *,
    needed: bool = True,
) -> list[Prompt]:
    """Return the prompts of the settings prompt, negative and image_prompt, and behind them those
    of `regions`, which are read already.

    Each is a text, with a weight behind its last colon; a mapping {text or image, weight, clips,
    from, until}; a list of these; or a mapping {progress: any of these}, each of which ends where
    the next begins. A text that spells a list or mapping is one (guided.prompts.lists).
    `negative` texts have the weight -0.5, or their own weight negated.
    Raise BadInput, naming the setting, for other forms, if no prompt has a weight, and if one is
    `needed` and nothing is asked for.
    """
    prompt, negative = spelt_out(prompt, "prompt"), spelt_out(negative, "negative")
    image_prompt = spelt_out(image_prompt, "image_prompt")
    if needed and not (as_list(prompt) or as_list(image_prompt) or regions):
        raise BadInput('prompt is empty: say what to draw, as in prompt="a red heart"')
    prompts = read_all(prompt, "prompt", 1.0)
    avoided = read_all(negative, "negative", -NEGATIVE_WEIGHT)
    warn_of_wanted(avoided)
    prompts += map(negated, avoided)
    for item in as_list(image_prompt):
        prompts.append(read_image(item))
    prompts += regions
    if not any(prompt.at(k / 1000) for prompt in prompts for k in range(1001)):
        asked = f"prompt={shown(prompt)}" if as_list(prompt) else "regions"
        raise BadInput(f"{asked}: every weight is 0, so nothing would be drawn")
    warn_of_gaps(prompts)
    return prompts


def warn_of_gaps(prompts: Sequence[Prompt]) -> None:
    """Warn if at some progress no prompt has a weight, so that nothing is followed there."""
    if all(is_number(one.weight) and one.begins == 0 and one.ends == 1 for one in prompts):
        return
    gaps = [k / 100 for k in range(100) if not any(one.at(k / 100) for one in prompts)]
    if gaps:
        log.warning("no prompt has a weight at progress %g: nothing is followed there", gaps[0])


def warn_of_wanted(avoided: Sequence[Prompt]) -> None:
    """Warn of prompts of `negative` that are drawn, because their own weight is below 0."""
    for one in avoided:
        if any(one.at(k / 100) < 0 for k in range(101)):
            text = shown(one.text)
            log.warning(
                "negative has %s with a weight below 0, which draws it instead of avoiding it; "
                'negative="%s:1" avoids it',
                *(text, text),
            )


def as_list(value: Any) -> list[Any]:
    """Return a value or a list of values as a list; nothing as an empty one."""
    if value is None or value in ("", {}):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def spelt_out(value: Any, setting: str) -> Any:
    """Return the list or mapping that a text spells, or the text in the quotation marks that it
    consists of; any other value as it is, with a warning if it begins like a list."""
    if not isinstance(value, str):
        return value
    try:
        reading = lists.read(value, escapes=setting != "image_prompt")
    except ValueError as error:
        raise BadInput(f"{setting}={shown(value)} has {error}") from error
    if isinstance(reading, dict) and not is_mapping(reading):
        about = (
            f"{setting}={shown(value)} has keys that are neither progress, 0 to 1, nor of "
            f"{', '.join(sorted(KEYS))}"
        )
        if value.strip()[1:].lstrip()[:1] in lists.QUOTES:  # of JSON
            raise BadInput(f"{about}; import=FILE reads a file of settings")
        log.warning("%s; it is drawn as one text", about)
        return value
    if reading is None and lists.resembles(value):
        log.warning(
            "%s=%s looks like a list but is not well-formed; it is drawn as one text",
            *(setting, shown(value)),
        )
    return value if reading is None else reading


def is_mapping(value: Any) -> bool:
    """Return whether it is {text: fog, weight: 2} or {0: a seed, 0.5: a tree}, and not prose in
    braces. Keys may be texts or numbers."""
    if not isinstance(value, dict):
        return False
    keys = {str(key) for key in value}
    return bool(keys & KEYS) or all(re.fullmatch(r"[\d.．]+[%％]?", key) for key in keys)


def read_all(value: Any, setting: str, default: float) -> list[Prompt]:
    """Return the prompts of a setting in any of its forms; `default` is the weight of those that
    have none."""
    if not isinstance(value, dict) or not value or value.keys() & KEYS:
        return [read(item, setting, default) for item in as_list(value)]
    starts = [read_progress(key, setting) for key in value]
    if starts != sorted(set(starts)):
        raise BadInput(
            f"{setting}: progress must rise from one entry to the next, not {shown(starts)}"
        )
    if 1.0 in starts:
        raise BadInput(f"{setting}: progress 1 is the end of the run, where nothing is drawn")
    prompts = []
    for items, begins, ends in zip(value.values(), starts, [*starts[1:], 1.0], strict=True):
        items = as_list(spelt_out(items, setting))
        part = [read(item, setting, default) for item in items]
        prompts += [replace(prompt, begins=begins, ends=ends) for prompt in part]
    return prompts


def read_progress(value: Any, setting: str) -> float:
    """Return the progress written as 0.4 or "40%". Raise BadInput if it is none."""
    text = normal_width(str(value))
    try:
        progress = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        progress = math.nan
    if isinstance(value, bool) or not 0 <= progress <= 1:
        frame = "; Disco Diffusion's frames belong to films" if progress > 1 else ""
        raise BadInput(
            f"{setting} has {shown(value)} where progress is meant, from 0 to 1 or from 0% to "
            f"100%{frame}"
        )
    return progress


def read(item: Any, setting: str, default: float = 1.0) -> Prompt:
    """Return the prompt of one text or mapping; `default` is its weight if it has none."""
    if not isinstance(item, dict | str | int | float) or isinstance(item, bool):
        raise BadInput(
            f"{setting} has {shown(item)} in it, which is no text; quote it if it is meant"
        )
    if isinstance(item, dict):
        prompt = read_mapping(item, setting, default)
    else:
        text, weight = split_weight(str(item), default)
        prompt = Prompt(stripped(text, item, setting), read_weight(weight, item, setting))
    warn_of_foreign(item, setting)
    return prompt


def read_mapping(item: dict[Any, Any], setting: str, default: float) -> Prompt:
    """Return the prompt of one mapping, as `read`."""
    item = {key: inside for key, inside in item.items() if inside is not None}
    unknown = item.keys() - KEYS
    if unknown or ("text" in item) == ("image" in item):
        raise BadInput(
            f"{setting}={shown(item)}: a prompt is a text or an image, and perhaps weight, clips, "
            f"from and until{nearest(str(min(unknown, key=str)), KEYS, 0.7) if unknown else ''}"
        )
    for key in ("text", "image"):
        if isinstance(item.get(key), dict | list | bool):
            raise BadInput(f"{setting}={shown(item)}: {key} must be a text")
    path = str(item.get("image", ""))
    begins = read_progress(item.get("from", 0), setting)
    ends = read_progress(item.get("until", 1), setting)
    if not begins < ends:
        raise BadInput(
            f"{setting}={shown(item)}: until={shown(item.get('until', 1))} must be above "
            f"from={shown(item.get('from', 0))}, or the prompt counts nowhere"
        )
    return Prompt(
        text=stripped(str(item.get("text", path)), item, setting),
        weight=read_weight(item.get("weight", default), item, setting),
        clips=tuple(map(str, as_list(item.get("clips")))),
        image=path,
        begins=begins,
        ends=ends,
    )


def warn_of_foreign(item: Any, setting: str) -> None:
    """Warn of what a text has that other programs do not take for text."""
    text = item.get("text", "") if isinstance(item, dict) else item
    notes = [] if setting == "image_prompt" else foreign_syntax.notes(str(text))
    if notes:
        told = "; and ".join(notes).replace("prompt='", f"{setting}='")
        log.warning("%s has %s", setting, told)


def stripped(text: str, item: Any, setting: str) -> str:
    """Return the text without surrounding blanks. Raise BadInput if nothing is left."""
    if not text.strip():
        raise BadInput(f"{setting}={shown(item)} is empty: say what to draw")
    return text.strip()


def read_weight(weight: Any, item: Any, setting: str) -> float | Schedule:
    """Return a number, or a schedule in any of its forms. Raise BadInput for other values."""
    if isinstance(weight, str) and re.fullmatch(NUMBER, weight.strip()):  # JSON's "2"
        weight = float(normal_width(weight))
    try:
        values = schedule("weight", weight, -HEAVIEST, HEAVIEST)
    except ValueError as error:
        message = str(error).replace("=", " ", 1)
        raise BadInput(f"{setting}={shown(item)}: {message}") from error
    return values.values[0] if is_number(weight) else values


def read_image(item: Any) -> Prompt:
    """Return the prompt of a picture: a path with a weight behind its last colon, or a mapping."""
    if isinstance(item, dict):
        return read(
            {("image" if key == "path" else key): v for key, v in item.items()}, "image_prompt"
        )
    prompt = read(item, "image_prompt")
    return replace(prompt, image=prompt.text)


def negated(prompt: Prompt) -> Prompt:
    """Return the prompt with its weight negated."""
    return scaled(prompt, -1.0)


def scaled(prompt: Prompt, factor: float) -> Prompt:
    """Return the prompt with its weight, a number or a schedule, multiplied."""
    if isinstance(prompt.weight, Schedule):
        values = tuple(factor * value for value in prompt.weight.values)
        return replace(prompt, weight=replace(prompt.weight, values=values))
    assert isinstance(prompt.weight, int | float)
    return replace(prompt, weight=factor * prompt.weight)


def split_weight(text: str, default: float = 1.0) -> tuple[str, float]:
    """Return the text and its weight: "fog:0.5" -> ("fog", 0.5).

    The weight is a number right behind the last colon. The colon of a link has none, nor one after
    a digit, as in 16:9, if the number has neither a sign nor a decimal point."""
    match = WEIGHT.fullmatch(text.strip())
    if match is None or (re.match(r"\w+://", text) and "/" not in text.split("://", 1)[1]):
        return text, default
    number = normal_width(match["weight"] or match["sure"]).replace("−", "-")
    return match["text"] or match["year"], float(number)


def meant_for(prompts: Sequence[Prompt], clip: str) -> list[Prompt]:
    """Return the prompts for the CLIP of this name."""
    return [prompt for prompt in prompts if not prompt.clips or clip in prompt.clips]


def by_region(prompts: Iterable[Prompt]) -> dict[Region | None, list[Prompt]]:
    """Return the prompts of each region in the order of the first of each; None: the whole
    picture."""
    found: dict[Region | None, list[Prompt]] = {}
    for prompt in prompts:
        found.setdefault(prompt.region, []).append(prompt)
    return found


def shares(weights: Sequence[float], rule: str = "sizes") -> list[float]:
    """Return the weights normalised by a rule.

    `sizes`: divided by the sum of their absolute values, so that `cat, dog:-1` have weights of the
    same size and a negative sum changes no sign. `sum`: by the absolute value of their sum, as in
    Disco Diffusion. `l2`: by their Euclidean norm, as in DiscoArt. If all are 0, they stay 0."""
    size = {
        "sizes": sum(map(abs, weights)),
        "sum": abs(sum(weights)),
        "l2": math.hypot(*weights),
    }[rule]
    return [weight / size if size else 0.0 for weight in weights]


def wanted(prompts: Sequence[Prompt]) -> str:
    """Return the texts that count at the end of the run, or if there are none, those that ever
    count, for people to read."""
    last = [prompt for prompt in prompts if prompt.at(1.0) > 0]
    return joined(last or [prompt for prompt in prompts if is_wanted(prompt)])


def unwanted(prompts: Sequence[Prompt]) -> str:
    """Return the texts that the picture should not match, for people to read."""
    return joined([p for p in prompts if min(weights_of(p)) < 0 and not is_wanted(p)])


def is_wanted(prompt: Prompt) -> bool:
    """Return whether a prompt has a positive weight at any time."""
    return max(weights_of(prompt)) > 0


def weights_of(prompt: Prompt) -> list[float]:
    """Return the weight at every hundredth of the run, or the only one that it has."""
    constant = not callable(prompt.weight) and (prompt.begins, prompt.ends) == (0, 1)
    return [prompt.at(k / 100) for k in range(1 if constant else 101)]


def joined(prompts: Sequence[Prompt]) -> str:
    return "; ".join(prompt.text for prompt in prompts)
