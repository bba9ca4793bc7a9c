"""The names of checkpoints and CLIPs in Disco Diffusion and DiscoArt."""

import re
from functools import cache
from pathlib import Path

import yaml

from guided.disco.table import data
from guided.paths import conf_folder

SHORTEST = 6  # letters of a beginning that stands for a name


def model_card(name: str) -> str | None:
    """Return the card of a checkpoint by its name, or by a beginning that no other name has."""
    found = model_cards(name)
    return found[0] if len(found) == 1 else None


def model_cards(name: str) -> list[str]:
    """Return the card of a checkpoint by its name in their programs; else the cards whose names
    begin like it, as in DiscoArt; else the card that has a file of that name."""
    stem = re.sub(r"\.(ckpt|pt|pth|safetensors)$", "", name)
    typed, known = letters(stem), {letters(k): v for k, v in data()["models"].items()}
    if stem != name or len(typed) < SHORTEST:
        found = [known[typed]] if typed in known else []
    else:
        begun = [card for theirs, card in known.items() if theirs.startswith(typed)]
        found = [known[typed]] if typed in known else list(dict.fromkeys(begun))
    return found or [card for file, card in files().items() if typed and file == typed]


@cache
def files() -> dict[str, str]:
    """Return the names of the cards in conf/model by the letters of their files' names."""
    names: dict[str, str] = {}
    for path in sorted((conf_folder() / "model").glob("*.yaml")):
        file = yaml.safe_load(path.read_text(encoding="utf-8")).get("file", "")
        names.setdefault(letters(Path(file).stem), path.stem)
    return names


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
