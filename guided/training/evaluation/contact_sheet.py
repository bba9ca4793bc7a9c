"""Contact sheets for people: labelled ones, and blind ones with a key."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from guided.images import contact_sheet

SIDE, LABEL, GAP, COLUMNS = 96, 14, 4, 10


def grid(paths: Sequence[Path], labels: Sequence[str]) -> Image.Image:
    """Return the pictures in rows of COLUMNS, each with a line of text below."""
    tiles = [labelled(path, label) for path, label in zip(paths, labels, strict=True)]
    return contact_sheet(tiles, COLUMNS, GAP)


def labelled(path: Path, label: str) -> Image.Image:
    """Return a picture of SIDE x SIDE pixels above a line of text."""
    tile = Image.new("RGB", (SIDE, SIDE + LABEL), "white")
    with Image.open(path) as image:
        tile.paste(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))
    ImageDraw.Draw(tile).text((2, SIDE), label[:18], "black", ImageFont.load_default(10))
    return tile


def write(paths: Sequence[Path], prompts: Sequence[str], ranks: Sequence[int], path: Path) -> None:
    """Write a sheet of pictures with their ranks and prompts. Chinese prompts are left out, as the
    built-in font has no Chinese."""
    labels = [
        f"{rank} {prompt if prompt.isascii() else ''}"
        for prompt, rank in zip(prompts, ranks, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    grid(paths, labels).save(path)


def blind_rows(rows: Sequence[Sequence[Path]], names: Sequence[str], stem: Path) -> None:
    """Write stem.png, a row of pictures for each prompt, one of each setting, in an order of its
    own; and stem.txt, the names of the settings in each row's order."""
    rng, key, paths = random.Random(0), [], []
    for row in rows:
        order = rng.sample(range(len(row)), len(row))
        paths += [row[i] for i in order]
        key.append("\t".join(names[i] for i in order))
    tiles = [
        labelled(path, f"{n // len(names) + 1}.{n % len(names) + 1}")
        for n, path in enumerate(paths)
    ]
    stem.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(tiles, len(names), GAP).save(stem.with_name(stem.name + ".png"))
    stem.with_name(stem.name + ".txt").write_text("\n".join(key) + "\n")


def blind(paths: Sequence[Path], prompts: Sequence[str], stem: Path) -> None:
    """Write stem.png, the pictures in random order with numbers only, and stem.txt, their
    prompts."""
    order = random.Random(0).sample(range(len(paths)), len(paths))
    grid([paths[i] for i in order], [str(n) for n in range(1, len(order) + 1)]).save(
        stem.with_name(stem.name + ".png")
    )
    key = "\n".join(f"{n} {prompts[i]}" for n, i in enumerate(order, 1))
    stem.with_name(stem.name + ".txt").write_text(key + "\n")
