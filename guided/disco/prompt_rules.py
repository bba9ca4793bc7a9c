"""Translation of Disco Diffusion's and DiscoArt's prompts.

Disco has {frame: texts}, with weights behind colons; DiscoArt has lists of texts, or a schema of
{text, weight, schedule, clip_guidance}.
"""

import re
from typing import Any

from guided.disco.clip_rules import chosen_clips, our_clip
from guided.disco.film_rules import film_of
from guided.disco.translation import Given, Translation
from guided.disco.values import number, product, text, timed
from guided.errors import as_integer, shown
from guided.prompts.prompt import split_weight
from guided.prompts.wildcard_syntax import literal

FILMS = "belongs to films; this program draws stills"
BATCH = "the prompt of a later picture of the batch; prompts=FILE has a prompt for each"
PROGROCK = "progrockdiffusion"
CHOICE = re.compile(r"<(?:\^\^\d+\|)?([^<>|]+(?:\|[^<>|]+)+)>")  # <a|b>, <^^2|a|b|c>
LISTED = re.compile(r"(?<![\w\\])_(artist|style|medium|mood)_(?!\w)")


def prompts(given: Given, out: Translation) -> None:
    """Translate text_prompts and image_prompts."""
    value = given.take("text_prompts")
    if isinstance(value, dict) and "version" in value:
        items = value.get("prompts") or []
        if not isinstance(items, list):
            raise ValueError(f"text_prompts: prompts={shown(items)} must be a list")
        texts = [schema_prompt(item, chosen_clips(given), out) for item in items]
    else:
        if film_of(given.explicit.get("animation_mode")) and isinstance(value, dict):
            out.settings |= keyed_prompts(value, out)
            value = None
        later = BATCH if given.dialect == PROGROCK else FILMS
        texts = [text_prompt(one, out) for one in first_frame("text_prompts", value, out, later)]
    if given.dialect == PROGROCK:
        texts = [with_choices(prompt, out) for prompt in texts]
    if "" in map(words, texts):
        texts = [prompt for prompt in texts if words(prompt)]
        out.notes.append("text_prompts: a prompt without a word in it is left out")
    if texts:
        out.settings["prompt"] = texts[0] if len(texts) == 1 else texts
    images = first_frame("image_prompts", given.take("image_prompts"), out)
    images = [image for image in images if image.strip()]
    if images:
        out.settings["image_prompt"] = images


def keyed_prompts(value: dict[Any, Any], out: Translation) -> dict[str, Any]:
    """Return the prompts of a film, which hold until the next key frame."""
    frames = {int(number("text_prompts", frame)): texts for frame, texts in value.items()}
    keyed = {
        frame: [text_prompt(text("text_prompts", one), out) for one in texts]
        if isinstance(texts, list)
        else [text_prompt(text("text_prompts", texts), out)]
        for frame, texts in sorted(frames.items())
    }
    if len(keyed) == 1:
        [texts] = keyed.values()
        return {"prompt": texts[0] if len(texts) == 1 else texts}
    return {"animate.prompts": {"hold": keyed}}


def first_frame(name: str, value: Any, out: Translation, later: str = FILMS) -> list[str]:
    """Return the texts of Disco's {frame: texts} for its first frame, of a list, or one text."""
    if isinstance(value, dict):
        frames = sorted(value, key=lambda frame: int(number(name, frame)))
        for frame in frames[1:]:
            out.leave(f"{name} from frame {frame} on", later)
        value = value[frames[0]] if frames else []
    if value is None:
        return []
    return [text(name, one) for one in (value if isinstance(value, list) else [value])]


def with_choices(prompt: Any, out: Translation) -> Any:
    """Return a prompt of progrockdiffusion with its choices <a|b> and lists _artist_ as ours."""
    if isinstance(prompt, dict):
        return prompt | {"text": with_choices(prompt["text"], out)}
    if "<^^" in prompt:
        out.notes.append("<^^2|a|b|c> drew several of its words there; here {a|b|c} draws one")
    return LISTED.sub(r"__\1__", CHOICE.sub(r"{\1}", prompt))


def words(prompt: Any) -> str:
    """Return the text of a translated prompt."""
    return prompt["text"] if isinstance(prompt, dict) else prompt


def text_prompt(typed: str, out: Translation) -> Any:
    """Return the prompt of a text with a weight behind its last colon."""
    bare, weight = split_weight(typed)
    theirs = re.fullmatch(r"(?s).*:\s*(?P<weight>[+-]?[\d.]+)\s*", typed)
    if theirs and bare == typed and not typed.startswith("http"):
        out.notes.append(
            f"{typed!r} is all text here; there, the number behind the last colon was a weight"
        )
    return prompt_of(bare, as_integer(weight), [])


def schema_prompt(item: Any, chosen: list[str], out: Translation) -> Any:
    """Return the prompt of DiscoArt's {text, weight, schedule, clip_guidance, spellcheck}."""
    if not isinstance(item, dict) or "text" not in item:
        raise ValueError(f"text_prompts has {shown(item)} in it, which has no text")
    bare, weight = split_weight(text("text_prompts", item["text"]))
    weight = timed("weight", item.get("weight", weight), out.notes)
    if (on := timed("schedule", item.get("schedule", True), out.notes)) != 1:
        weight = product(weight, on)
    clips, cards = item.get("clip_guidance") or [], []
    for name in clips if isinstance(clips, list) else [clips]:
        if (ours := our_clip("clip_guidance", name)) in chosen:
            cards.append(ours)
        else:
            out.leave(f"clip_guidance={name}", "that CLIP is not among clip_models")
    for name in sorted(map(str, item.keys() - {"text", "weight", "schedule", "clip_guidance"})):
        out.leave(f"{name} of a prompt", "spelling is not checked" if name == "spellcheck" else
                  "not known")  # fmt: skip
    return prompt_of(bare, weight, cards)


def prompt_of(bare: str, weight: Any, cards: list[str]) -> Any:
    """Return a text if that is enough, else a mapping. Wildcards are escaped, because they were
    text there."""
    bare = literal(" ".join(bare.split()))
    if weight == 1 and not cards and split_weight(bare) == (bare, 1.0):
        return bare
    return {"text": bare, "weight": weight} | ({"clips": cards} if cards else {})
