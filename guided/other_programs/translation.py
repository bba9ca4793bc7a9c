"""Translation of other programs' settings: prompt, negative prompt, seed, size and steps. All else
is listed, since their models, samplers and scales have no equivalent."""

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from guided.disco.film_rules import deforum
from guided.disco.prompt_rules import prompt_of
from guided.disco.rules import is_random
from guided.disco.translation import Translation
from guided.disco.values import number, text, two_sides, unpacked
from guided.errors import as_integer, shown
from guided.other_programs.reading import Settings
from guided.other_programs.table import data
from guided.prompts.prompt import NEGATIVE_WEIGHT

MOST = 60  # names that are listed
EMPTY: tuple[Any, ...] = (None, "", [], {}, "None")
EXTRA = re.compile(r"<(?:lora|lyco|hypernet)\w*:[^<>]*>", re.IGNORECASE)
EMPHASIS = re.compile(r"(?<!\\)\(([^()\\:]*(?:\\.[^()\\:]*)*):\s*[\d.]+\s*\)")
NO = re.compile(r"\s--(?:neg|no)\s+(?P<words>(?:(?!\s--).)+)", re.DOTALL)
SCENE = re.compile(r"(?s)(?P<text>.*?):\s*(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?:[_:].*)?")
PICTURE = re.compile(r"(?s)\s*\[[^\[\]]+\][^\[\]]*")  # [photo.png]:2
WEIGHED = re.compile(r"(?s)(?P<text>.*?)::\s*(?P<weight>-?\d*\.?\d*)")


def translate(settings: Settings) -> Translation:
    """Return the translation of another program's settings. None of its values is refused: what
    makes no sense is listed."""
    out, given = Translation(look=""), Taken(settings)
    if settings.program.name == "Deforum":
        given.taken |= deforum(settings.values, out)
    prompts(given, out)
    for name in ("steps", "seed"):
        value = given.take(name)
        value = first_frame(value) if isinstance(value, dict) else value
        if value not in EMPTY and not (name == "seed" and is_random(value)):
            out.attempt(name, partial(number, name, value))
    size, sides = given.take("size"), [given.take("width"), given.take("height")]
    size = sides if size in EMPTY and None not in sides else size
    if size not in EMPTY:
        out.attempt("size", lambda: two_sides("size", size))
    camera = ", camera" if "animate" in out.choices else ""
    out.notes.append(
        f"{settings.program.name} draws by another method: only prompt, negative, size, steps"
        f"{camera} and seed are taken over, and the picture will be another one"
    )
    if rest := list(given.rest()):
        more = [f"and {len(rest) - MOST} more"] if len(rest) > MOST else []
        out.left[f"settings of {settings.program.name}"] = rest[:MOST] + more
    return out


class Taken:
    """Another program's settings, and which of them were taken over."""

    def __init__(self, settings: Settings) -> None:
        self.program, self.values = settings.program, settings.values
        self.taken: set[str] = set()

    def take(self, what: str) -> Any:
        """Return the value of the first of its names of prompt, seed, ... that is there."""
        there = [name for name in data()["names"][what] if self.values.get(name) not in EMPTY]
        self.taken.update(there)
        return self.values[there[0]] if there else None

    def rest(self) -> Iterator[str]:
        """Return the names of all others that have a value."""
        for name, value in self.values.items():
            if name not in self.taken and value not in EMPTY:
                yield shown(name)


# ---- prompts -------------------------------------------------------------------------------


def prompts(given: Taken, out: Translation) -> None:
    """Translate prompt and negative prompt."""
    before, behind = (plain(given.take(name)) for name in ("before", "behind"))
    asked: list[Any] = []
    negative: list[str] = []
    avoided = keyed_prompts(given, behind, out)
    negative += avoided or []
    stills = weighed(given, given.take("prompt"), out) if avoided is None else []
    for words, weight in stills:
        found = NO.findall(words)
        negative += found
        whole = clean(given, f"{before} {NO.sub('', words)} {behind}".strip(), out)
        if whole:
            asked.append(prompt_of(whole, as_integer(weight), []))
    if asked:
        out.settings["prompt"] = asked[0] if len(asked) == 1 else asked
    negative += [words for words, _ in weighed(given, given.take("negative"), out)]
    kept = [one for one in (clean(given, words.strip(), out) for words in negative) if one]
    if kept:
        texts = [prompt_of(one, 1, []) for one in kept]
        texts = [
            one | {"weight": -NEGATIVE_WEIGHT} if isinstance(one, dict) else one for one in texts
        ]
        out.settings["negative"] = texts[0] if len(texts) == 1 else texts


def keyed_prompts(given: Taken, behind: str, out: Translation) -> list[str] | None:
    """Translate the prompts of a film of Deforum, which hold until the next key frame, and return
    what they avoid; None unless there are several."""
    value = unpacked(given.take("prompt"))
    if "animate" not in out.choices or not isinstance(value, dict) or len(value) < 2:
        return None
    texts = {str(frame): plain(words) for frame, words in value.items()}
    keyed = {
        frame: clean(given, f"{NO.sub('', words)} {behind}".strip(), out)
        for frame, words in texts.items()
    }
    out.settings["animate.prompts"] = {"hold": keyed}
    return list(dict.fromkeys(word for words in texts.values() for word in NO.findall(words)))


def weighed(given: Taken, value: Any, out: Translation) -> list[tuple[str, float]]:
    """Return the texts of a prompt, in whatever form the program has it, with their weights."""
    value = unpacked(value)
    if isinstance(value, dict) and "caption" in value:  # NovelAI's
        caption = value["caption"] if isinstance(value["caption"], dict) else {}
        return weighed(given, caption.get("base_caption"), out)
    if isinstance(value, dict):
        if len(value) > 1:
            out.leave("its later prompts", "they belong to films; this program draws stills")
        value = first_frame(value)
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return [
            (plain(one.get("text", one.get("prompt"))), weight_of(one.get("weight")))
            for one in value
        ]
    if isinstance(value, list):
        if len(value) > 1:
            out.leave("its further prompts", "each draws a picture of its own: prompts=FILE here")
        value = value[0] if value else None
    words = plain(value)
    if given.program.writes == "scenes":
        return scene(words, out)
    parts = (
        WEIGHED.findall(words + " ::") if given.program.writes == "flags" and "::" in words else []
    )
    return [(part, weight_of(weight)) for part, weight in parts if part.strip()] or [(words, 1.0)]


def first_frame(value: dict[Any, Any]) -> Any:
    """Return the value of the first frame of {frame: value}; None if there is none."""
    frames = {float(k): v for k, v in value.items() if re.fullmatch(r"\d{1,9}", str(k))}
    return frames[min(frames)] if frames else next(iter(value.values()), None)


def scene(words: str, out: Translation) -> list[tuple[str, float]]:
    """Return the texts of PyTTI's first scene, `a | b:0.5 || next`, with their weights."""
    first, *later = words.split("||")
    if later:
        out.leave("its later scenes", "they belong to films; this program draws stills")
    parts = first.split("|")
    if pictures := [part for part in parts if PICTURE.fullmatch(part)]:
        out.leave("the pictures in its scene", "say them with image_prompt=")
    found = [(part, SCENE.fullmatch(part)) for part in parts if part not in pictures]
    return [
        (match["text"], float(match["weight"])) if match else (part, 1.0) for part, match in found
    ]


def clean(given: Taken, words: str, out: Translation) -> str:
    """Return a prompt without its program's marks of emphasis, which CLIP would read as text."""
    before, writes = words, given.program.writes
    if writes == "emphasis":
        words = EXTRA.sub(" ", words)
        for _ in range(20):  # levels of parentheses in each other
            words, count = EMPHASIS.subn(r"\1", words)
            if not count:
                break
        words = re.sub(r"\\([()])", r"\1", words)
    elif writes == "braces":
        words = re.sub(r"[{}\[\]]|-?\d*\.?\d*::", "", words)
    words = " ".join(words.split())
    if words != " ".join(before.split()):
        note = "marks of emphasis and <lora:...> are taken out of the prompt"
        out.notes.append(note) if note not in out.notes else None
    return re.sub(r"\s+,", ",", words).strip(" ,") if words != before else words.strip(" ,")


def weight_of(value: Any) -> float:
    """Return a weight, 1 if it is none."""
    try:
        return float(number("weight", value))
    except ValueError:
        return 1.0


def plain(value: Any) -> str:
    """Return a value as text; anything else as an empty one."""
    if value is None or isinstance(value, list | dict | set | tuple):
        return ""
    return text("prompt", value)
