"""Prompts with those of regions: the settings regions and layout. Imports no torch."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from guided.errors import BadInput, nearest, not_one_of, shown
from guided.prompts import lists
from guided.prompts import prompt as prompts
from guided.prompts.prompt import Prompt, as_list, spelt_out
from guided.prompts.regions import LAYOUTS, Region, Size, boxes, read_box

BARS, OPENING, CLOSING = "|｜", "{｛", "}｝"
MOST = 64  # regions
KEYS = ("box", "mask", "prompt", "image", "weight", "clips", "from", "until")
EXAMPLE = "regions=[{box: [0,0,0.5,1], prompt: a tree}]"
PARTED = 'prompt="a cat | a tree"'


def parse(
    prompt: Any,
    negative: Any = None,
    image_prompt: Any = None,
    regions: Any = None,
    layout: str | None = None,
    *,
    needed: bool = True,
) -> list[Prompt]:
    """Return the prompts of the whole picture (guided.prompts.prompt.parse), and behind them those
    of its regions.

    `regions` is a list of {box or mask, prompt or image, weight, clips, from, until}. A `layout`
    places those without box and mask; without `regions`, it places the prompts that `|` or a list
    separates. Raise BadInput, naming the setting, for other forms, and if one is `needed` and
    there is none."""
    if layout is not None and layout not in LAYOUTS:
        raise BadInput(not_one_of("layout", layout, LAYOUTS))
    own = numbered(read_regions(regions, layout))
    if layout is not None and not own:
        own = numbered(split(prompt, layout))
        prompt = None
    if len(own) > MOST:
        raise BadInput(f"{len(own)} regions are more than the {MOST} that a picture may have")
    return prompts.parse(prompt, negative, image_prompt, own, needed=needed)


def numbered(read: Sequence[Prompt]) -> list[Prompt]:
    """Return the prompts with those numbered that a layout places."""
    found: list[Prompt] = []
    for one in read:
        if one.region is not None and one.region.slot is not None:
            count = sum(other.region.slot is not None for other in found if other.region)
            one = replace(one, region=Region(slot=count))
        found.append(one)
    return found


def read_regions(value: Any, layout: str | None) -> list[Prompt]:
    """Return the prompts of the setting `regions`."""
    if isinstance(value, str):
        try:
            value = lists.read(value, escapes=False) or value
        except ValueError as error:
            raise BadInput(f"regions={shown(value)} has {error}") from error
    return [read_region(item, layout) for item in as_list(value)]


def read_region(item: Any, layout: str | None) -> Prompt:
    """Return the prompt of one region."""
    if not isinstance(item, dict):
        raise BadInput(f"regions has {shown(item)} in it, which is no region, as in {EXAMPLE}")
    item = {str(key): inside for key, inside in item.items() if inside is not None}
    for key in item:
        if key not in KEYS:
            raise BadInput(
                f"regions has {shown(item)}: {shown(key)} is not one of {', '.join(KEYS)}"
                f"{nearest(key, KEYS)}"
            )
    if ("prompt" in item) == ("image" in item):
        raise BadInput(f"regions has {shown(item)}: a region has a prompt, or an image, to follow")
    region = read_place(item, layout)
    item = {key: inside for key, inside in item.items() if key not in ("box", "mask")}
    if isinstance(item.get("prompt"), str) and "weight" not in item:
        item["prompt"], item["weight"] = prompts.split_weight(item["prompt"])
    if isinstance(item.get("prompt"), dict | list | bool):
        raise BadInput(
            f"regions has {shown(item)}: its prompt is one text; several of a region are entries "
            "of the same box"
        )
    item = {("text" if key == "prompt" else key): inside for key, inside in item.items()}
    return replace(prompts.read(item, "regions"), region=region)


def read_place(item: dict[str, Any], layout: str | None) -> Region:
    """Return where a region is: its box, its mask, or where the layout places it."""
    if "box" in item and "mask" in item:
        raise BadInput(f"regions has {shown(item)}: a region has a box or a mask, not both")
    if "mask" in item:
        if not isinstance(item["mask"], str) or not item["mask"].strip():
            raise BadInput(
                f"regions has mask={shown(item['mask'])}, which is no picture; a box is "
                "written box: [0,0,0.5,1]"
            )
        return Region(mask=item["mask"].strip())
    if "box" in item:
        return Region(box=read_box("regions: box", item["box"]))
    if layout is None:
        raise BadInput(
            f"regions has {shown(item)}, which has neither box nor mask: box: [0,0,0.5,1] is the "
            "left half, and layout=row places regions side by side"
        )
    return Region(slot=0)


def split(prompt: Any, layout: str) -> list[Prompt]:
    """Return the prompts that `|` separates in a text, outside of choices as {red|blue}, or those
    of a list."""
    read = spelt_out(prompt, "prompt")
    if isinstance(read, dict):
        raise BadInput(f"layout={layout} places the prompts of a list, or of {PARTED}")
    parts = [part for item in as_list(read) for part in parts_of(item)]
    if len(parts) < 2:
        raise BadInput(
            f"layout={layout} places several prompts, as in {PARTED}, or "
            "regions=[{prompt: a cat}, {prompt: a tree}]"
        )
    return [replace(prompts.read(part, "prompt"), region=Region(slot=0)) for part in parts]


def parts_of(text: Any) -> list[Any]:
    """Return the parts of a text between `|`, outside of braces and not behind a backslash."""
    if not isinstance(text, str):
        return [text]
    parts, opened = [""], 0
    for sign in re.findall(r"\\.|.", text, re.DOTALL):
        if sign in BARS and not opened:
            parts.append("")
            continue
        opened = max(0, opened + (sign in OPENING) - (sign in CLOSING))
        parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def placed(asked: Sequence[Prompt], layout: str | None, size: Size, seed: int) -> list[Prompt]:
    """Return the prompts of a picture of `size` with this seed, each region that its layout places
    in a box."""
    slots = [one for one in asked if one.region is not None and one.region.slot is not None]
    if not slots or layout is None:
        return list(asked)
    found = boxes(layout, len(slots), size, seed)
    return [
        one
        if one.region is None or one.region.slot is None
        else replace(one, region=Region(box=found[one.region.slot]))
        for one in asked
    ]
