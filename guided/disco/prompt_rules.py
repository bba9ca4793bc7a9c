"""Prompts of Disco Diffusion and DiscoArt, as ours.

Disco has {frame: texts}, with weights behind colons; DiscoArt lists of these, or a schema of
{text, weight, schedule, clip_guidance}.
"""

import re
from typing import Any

from guided.disco.clip_rules import chosen_clips, our_clip
from guided.disco.translation import Given, Translation
from guided.disco.values import number, product, text, tidy, timed
from guided.errors import shown
from guided.prompts.prompt import split_weight
from guided.prompts.wildcards import literal

FILMS = "belongs to films; this program draws stills"


def prompts(given: Given, out: Translation) -> None:
    asked = given.take("text_prompts")
    if isinstance(asked, dict) and "version" in asked:
        listed = asked.get("prompts") or []
        if not isinstance(listed, list):
            raise ValueError(f"text_prompts: prompts={shown(listed)} must be a list")
        found = [schema_prompt(item, chosen_clips(given), out) for item in listed]
    else:
        found = [text_prompt(one, out) for one in first_frame("text_prompts", asked, out)]
    if "" in map(words, found):
        found = [prompt for prompt in found if words(prompt)]
        out.notes.append("text_prompts: a prompt without a word in it is left out")
    if found:
        out.settings["prompt"] = found[0] if len(found) == 1 else found
    images = first_frame("image_prompts", given.take("image_prompts"), out)
    images = [image for image in images if image.strip()]
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
    return [text(name, one) for one in (asked if isinstance(asked, list) else [asked])]


def words(prompt: Any) -> str:
    return prompt["text"] if isinstance(prompt, dict) else prompt


def text_prompt(said: str, out: Translation) -> Any:
    """A text as it stands, or with its weight beside it."""
    bare, weight = split_weight(said)
    theirs = re.fullmatch(r"(?s).*:\s*(?P<weight>[+-]?[\d.]+)\s*", said)
    if theirs and bare == said and not said.startswith("http"):
        out.notes.append(
            f"{said!r} is all text here; there, what is behind the last colon was a weight"
        )
    return prompt_of(bare, tidy(weight), [])


def schema_prompt(item: Any, chosen: list[str], out: Translation) -> Any:
    """One of DiscoArt's {text, weight, schedule, clip_guidance, spellcheck}."""
    if not isinstance(item, dict) or "text" not in item:
        raise ValueError(f"text_prompts has {shown(item)} in it, which has no text")
    bare, weight = split_weight(text("text_prompts", item["text"]))
    weight = timed("weight", item.get("weight", weight), out.notes)
    if (on := timed("schedule", item.get("schedule", True), out.notes)) != 1:
        weight = product(weight, on)
    asked, cards = item.get("clip_guidance") or [], []
    for name in asked if isinstance(asked, list) else [asked]:
        if (ours := our_clip("clip_guidance", name)) in chosen:
            cards.append(ours)
        else:
            out.leave(f"clip_guidance={name}", "that CLIP is not among clip_models")
    for name in sorted(map(str, item.keys() - {"text", "weight", "schedule", "clip_guidance"})):
        out.leave(f"{name} of a prompt", "spelling is not checked" if name == "spellcheck" else
                  "not known")  # fmt: skip
    return prompt_of(bare, weight, cards)


def prompt_of(said: str, weight: Any, cards: list[str]) -> Any:
    """Plain where it is plain. What looks like a wildcard was text there."""
    said = literal(" ".join(said.split()))
    if weight == 1 and not cards and split_weight(said) == (said, 1.0):
        return said
    return {"text": said, "weight": weight} | ({"clips": cards} if cards else {})
