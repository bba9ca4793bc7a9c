"""What was asked for: texts and pictures with weights, all along or for a part of the run.

Knows nothing about CLIP, and nothing about how the command line is written (quoting.py); imports
no torch.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from guided.errors import BadInput, is_number, nearest, shown
from guided.schedule import HEAVIEST, Schedule, schedule

NEGATIVE_WEIGHT = -0.5
KEYS = {"text", "image", "weight", "clips", "from", "until"}  # of a prompt that is a mapping
RULES = ("sizes", "sum", "l2")  # of normalising weights, see `shares`
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
    weight: float | Callable[[float], float] = 1.0  # or a function of progress
    clips: tuple[str, ...] = ()  # for these CLIPs only; empty: for all
    image: str = ""  # the path of a picture that says it instead of the text
    begins: float = 0.0  # progress at which it comes
    ends: float = 1.0  # and goes

    def at(self, progress: float) -> float:
        """Its weight there; 0 before it comes and after it has gone."""
        here = self.begins <= progress < self.ends or progress >= self.ends == 1
        if not here:
            return 0.0
        return self.weight(progress) if callable(self.weight) else self.weight


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
        raise BadInput(f"prompt={shown(prompt)}: every weight is 0, so nothing would be drawn")
    return prompts


def as_list(value: Any) -> list[Any]:
    if value is None or value in ("", {}):
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def read_all(value: Any, setting: str, unsaid: float) -> list[Prompt]:
    """One prompt, several, or some for each part of the run."""
    if not isinstance(value, dict) or not value or value.keys() & KEYS:
        return [read(item, setting, unsaid) for item in as_list(value)]
    starts = [read_progress(key, setting) for key in value]
    if starts != sorted(set(starts)):
        raise BadInput(
            f"{setting}: progress must rise from one entry to the next, not {shown(starts)}"
        )
    if 1.0 in starts:
        raise BadInput(f"{setting}: progress 1 is the end of the run, where nothing is drawn")
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
            f"{setting} has {shown(value)} where progress is meant, from 0 to 1 or from 0% to 100%"
        )
    return progress


def read(item: Any, setting: str, unsaid: float = 1.0) -> Prompt:
    """One text or mapping; `unsaid` is its weight where it carries none."""
    if not isinstance(item, dict | str | int | float) or isinstance(item, bool):
        raise BadInput(
            f"{setting} has {shown(item)} in it, which is no text; quote it if it is meant"
        )
    if not isinstance(item, dict):
        text, weight = split_weight(str(item), unsaid)
        return Prompt(filled(text, item, setting), read_weight(weight, item, setting))
    unknown = item.keys() - KEYS
    if unknown or ("text" in item) == ("image" in item):
        raise BadInput(
            f"{setting}={shown(item)}: a prompt is a text or an image, and perhaps weight, clips, "
            f"from and until{nearest(str(min(unknown, key=str)), KEYS) if unknown else ''}"
        )
    for key in ("text", "image"):
        if isinstance(item.get(key), dict | list | bool):
            raise BadInput(f"{setting}={shown(item)}: {key} must be a text")
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
        raise BadInput(f"{setting}={shown(item)} is empty: say what to draw")
    return text.strip()


def read_weight(weight: Any, item: Any, setting: str) -> float | Schedule:
    """A number, or any form of a schedule."""
    try:
        found = schedule("weight", weight, -HEAVIEST, HEAVIEST)
        return found.values[0] if is_number(weight) else found
    except ValueError as error:
        where = shown(item)
        raise BadInput(f"{setting}={where}: {str(error).replace('=', ' ', 1)}") from error


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


def meant_for(prompts: Sequence[Prompt], clip: str) -> list[Prompt]:
    """Those that this CLIP hears."""
    return [prompt for prompt in prompts if not prompt.clips or clip in prompt.clips]


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
