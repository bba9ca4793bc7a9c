"""Prompts of Disco Diffusion and DiscoArt, as ours.

Disco has {frame: texts}, with weights behind colons; DiscoArt lists of these, or a schema of
{text, weight, schedule, clip_guidance}.
"""

import re
from typing import Any

from guided.disco.names import clip_card
from guided.disco.timed import number, product, tidy, timed
from guided.disco.translation import Given, Translation
from guided.prompt import split_weight

FILMS = "belongs to films; this program draws stills"


def prompts(given: Given, out: Translation) -> None:
    asked = given.take("text_prompts")
    if isinstance(asked, dict) and "version" in asked:
        found = [schema_prompt(item, out) for item in asked.get("prompts") or []]
    else:
        found = [text_prompt(text, out) for text in first_frame("text_prompts", asked, out)]
    if found:
        out.settings["prompt"] = found[0] if len(found) == 1 else found
    images = first_frame("image_prompts", given.take("image_prompts"), out)
    if images:
        out.settings["image_prompt"] = images


def first_frame(name: str, asked: Any, out: Translation) -> list[str]:
    """Disco's {frame: texts}, of which a still picture sees the first; or a list; or one text."""
    if isinstance(asked, dict):
        frames = sorted(asked, key=lambda frame: int(number(name, frame)))
        for frame in frames[1:]:
            out.leave(f"{name} from frame {frame} on", FILMS)
        asked = asked[frames[0]] if frames else []
    if asked is None:
        return []
    return [str(text) for text in (asked if isinstance(asked, list) else [asked])]


def text_prompt(text: str, out: Translation) -> Any:
    """A text as it stands, or with its weight beside it."""
    bare, weight = split_weight(text)
    theirs = re.fullmatch(r"(?s).*:\s*(?P<weight>[+-]?[\d.]+)\s*", text)
    if theirs and bare == text and not text.startswith("http"):
        out.notes.append(
            f"{text!r} is all text here; there, what is behind the last colon was a weight"
        )
    return prompt_of(bare, tidy(weight), [])


def schema_prompt(item: Any, out: Translation) -> Any:
    """One of DiscoArt's {text, weight, schedule, clip_guidance, spellcheck}."""
    if not isinstance(item, dict) or "text" not in item:
        raise ValueError(f"text_prompts has {item!r} in it, which has no text")
    bare, weight = split_weight(str(item["text"]))
    weight = timed("weight", item.get("weight", weight), out.notes)
    if (on := timed("schedule", item.get("schedule", True), out.notes)) != 1:
        weight = product(weight, on)
    cards = []
    for name in item.get("clip_guidance") or []:
        if card := clip_card(str(name)):
            cards.append(card)
        else:
            out.leave(f"clip_guidance={name}", "no card of that CLIP; see conf/clip")
    for name in sorted(item.keys() - {"text", "weight", "schedule", "clip_guidance"}):
        out.leave(f"{name} of a prompt", "spelling is not checked" if name == "spellcheck" else
                  "not known")  # fmt: skip
    return prompt_of(bare, weight, cards)


def prompt_of(text: str, weight: Any, cards: list[str]) -> Any:
    """Plain where it is plain. Braces and bars of theirs were text, not wildcards."""
    text = " ".join(text.split())
    text = re.sub(r"([{}])", r"\\\1", text) if "{" in text and "|" in text else text
    if weight == 1 and not cards and split_weight(text) == (text, 1.0):
        return text
    return {"text": text, "weight": weight} | ({"clips": cards} if cards else {})
