"""The names of checkpoints and CLIPs in Disco Diffusion and DiscoArt."""

import re
from functools import cache

import yaml

from guided.disco.table import data
from guided.paths import conf_folder


def model_card(name: str) -> str | None:
    """Return the card of a checkpoint by the beginning of its name, as in DiscoArt, or None."""
    beginning = letters(name)
    for theirs, ours in data()["models"].items():
        if beginning and letters(theirs).startswith(beginning):
            return ours
    return None


def clip_card(name: str) -> str | None:
    """Return the card of `ViT-B-32::openai`, `ViT-B/32` or `ViT-L/14@336px`, or None."""
    arch, _, tag = open_clip_name(name).partition("::")
    # OpenAI's weights have one activation only, which the card names.
    arch = arch.removesuffix("-quickgelu") if tag == "openai" else arch
    return cards().get((arch, tag))


def open_clip_name(name: str) -> str:
    """Return open_clip's spelling: `ViT-L/14@336px` -> `ViT-L-14-336::openai`."""
    arch, _, tag = name.replace("/", "-").replace("@", "-").replace("px", "").partition("::")
    return f"{arch}::{tag or 'openai'}"


@cache
def cards() -> dict[tuple[str, str], str]:
    """Return the names of the cards in conf/clip by (architecture, tag)."""
    names: dict[tuple[str, str], str] = {}
    for path in sorted((conf_folder() / "clip").glob("*.yaml")):
        for name, card in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if isinstance(card, dict) and card.get("arch"):
                names.setdefault((card["arch"], card.get("tag", "")), name)
    return names


def letters(name: str) -> str:
    """Return the letters and digits of a name in lower case."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
