"""Checkpoints and CLIPs by the names that Disco Diffusion and DiscoArt give them."""

import re
from functools import cache

import yaml

from guided.disco.table import data
from guided.paths import conf_folder


def model_card(name: str) -> str | None:
    """Our card of a diffusion model; the beginning of its name is enough, as in DiscoArt."""
    asked = letters(name)
    for theirs, ours in data()["models"].items():
        if asked and letters(theirs).startswith(asked):
            return ours
    return None


def clip_card(name: str) -> str | None:
    """Our card of `ViT-B-32::openai`, `ViT-B/32` or `ViT-L/14@336px`."""
    arch, _, tag = open_clip_name(name).partition("::")
    # OpenAI's weights have one activation only, and the card knows it.
    arch = arch.removesuffix("-quickgelu") if tag == "openai" else arch
    return cards().get((arch, tag))


def open_clip_name(name: str) -> str:
    """`ViT-L/14@336px` -> `ViT-L-14-336::openai`, as open_clip spells it."""
    arch, _, tag = name.replace("/", "-").replace("@", "-").replace("px", "").partition("::")
    return f"{arch}::{tag or 'openai'}"


@cache
def cards() -> dict[tuple[str, str], str]:
    """(architecture, tag) -> name, of all cards in conf/clip."""
    found = {}
    for path in sorted((conf_folder() / "clip").glob("*.yaml")):
        for name, card in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if isinstance(card, dict) and card.get("arch"):
                found.setdefault((card["arch"], card.get("tag", "")), name)
    return found


def letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
