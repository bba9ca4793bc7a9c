"""Prepares the pictures and words that the embedded pair learns from: fetches the pinned packages,
renders every icon, writes one array.

    python -m guided.training.data                       # -> data/pictures.npy, data/captions.json
    python -m guided.training.data out=elsewhere size=64

Each picture is cropped to its content, centred, and keeps its transparency; backgrounds are added
in training.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from guided.errors import BadInput
from guided.training.common.files import replacing
from guided.training.data import sources
from guided.training.data.packages import fetch, read_json

SKIPPED_GROUPS = {2, 9}  # components (skin tones, hair) and flags
SKIPPED_WORDS = re.compile(r"regional indicator|skin tone|^input |keycap|^Japanese “")
NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
MARGIN = 1 / 64  # of the side, left free so that antialiased edges are not cut


@dataclass
class Settings:
    """The settings of the preparation."""

    out: str = "data"
    size: int = 128  # pixels; training shrinks from here
    workers: int = 2

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if not 16 <= self.size <= 1024:
            raise BadInput(f"size={self.size} must be from 16 to 1024 pixels")
        if self.workers < 1:
            raise BadInput(f"workers={self.workers} must be 1 or more")
        if find_spec("pyvips") is None:
            raise BadInput("drawing icons needs pyvips: pip install pyvips pyvips-binary")


def read_concepts(words: Path) -> list[dict]:
    """Return every emoji concept with its English and Chinese names, in Unicode's order."""
    chinese = {entry["hexcode"]: entry for entry in read_json(words, "zh/data.json")}
    groups = read_json(words, "meta/groups.json")["subgroups"]
    concepts = []
    for entry in sorted(read_json(words, "en/data.json"), key=lambda entry: entry.get("order", 0)):
        if (
            entry.get("group") is None
            or entry["group"] in SKIPPED_GROUPS
            or SKIPPED_WORDS.search(entry["label"])
        ):
            continue
        other = chinese.get(entry["hexcode"], {"label": "", "tags": []})
        concepts.append(
            {
                "code": entry["hexcode"],
                "label": entry["label"],
                "tags": entry.get("tags", []),
                "zh": other["label"],
                "zh_tags": other.get("tags", []),
                "group": groups[str(entry["subgroup"])],
            }
        )
    return concepts


def slug(label: str) -> str:
    """Return a label as icon sets spell it: lower-case words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower().replace("’", "").replace("ñ", "n")).strip("-")


def plain_code(code: str) -> str:
    """Return a code point sequence without the emoji variation selector."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


class ConceptIndex:
    """An index from icons to concepts, by code point if the vendor gives one, else by name."""

    def __init__(self, concepts: list[dict], words: Path) -> None:
        self.by_code = {plain_code(concept["code"]): i for i, concept in enumerate(concepts)}
        self.by_name: dict[str, int] = {}
        for preset in ("iamcal", "joypixels", "emojibase", "cldr"):
            for code, short in read_json(words, f"en/shortcodes/{preset}.json").items():
                i = self.by_code.get(plain_code(code))
                for name in [short] if isinstance(short, str) else short:
                    if i is not None:
                        self.by_name.setdefault(name.replace("_", "-"), i)
        self.by_name |= {slug(concept["label"]): i for i, concept in enumerate(concepts)}
        self.joined = {name.replace("-", ""): i for name, i in reversed(self.by_name.items())}

    def find(self, name: str, code: str | None = None) -> int | None:
        """Return the concept's number, or None."""
        if code is not None:
            return self.by_code.get(plain_code(code))
        return self.by_name.get(name, self.joined.get(name.replace("-", "")))


def icons(source: dict, archive: Path, index: ConceptIndex) -> Iterator[tuple[int, bytes]]:
    """Yield (concept, SVG or bitmap bytes) of one vendor, each concept once."""
    seen: set[int] = set()
    for name, code, content in _assets(archive) if source["form"] == "assets" else _svgs(archive):
        concept = index.find(name, code)
        if concept is not None and concept not in seen:
            seen.add(concept)
            yield concept, content


def _svgs(archive: Path) -> Iterator[tuple[str, str | None, bytes]]:
    book = read_json(archive, "icons.json")
    codes = {name: code for code, name in read_json(archive, "chars.json").items()}
    for name, icon in sorted(book["icons"].items()):
        box = [icon.get("left", 0), icon.get("top", 0)]
        box += [icon.get(side, book.get(side, 16)) for side in ("width", "height")]
        view = " ".join(map(str, box))
        head = f'<svg {NAMESPACES} viewBox="{view}"'
        yield (
            name,
            codes.get(name),
            f'{head} width="{box[2]}" height="{box[3]}">{icon["body"]}</svg>'.encode(),
        )


def _assets(archive: Path) -> Iterator[tuple[str, str | None, bytes]]:
    with tarfile.open(archive) as tar:
        for member in sorted(tar.getmembers(), key=lambda member: member.name):
            is_icon = "/assets/" in member.name and member.isfile()
            file = tar.extractfile(member) if is_icon else None
            if file is not None:
                name = Path(member.name).stem
                yield name, name, file.read()


def draw(content: bytes, size: int) -> np.ndarray | None:
    """Return an icon as (size, size, 4) uint8, cropped to its content and centred; None if it
    cannot be drawn or is empty."""
    import pyvips  # an extra (train): librsvg for SVG, libwebp for the rest

    try:
        picture = pyvips.Image.thumbnail_buffer(content, 2 * size, height=2 * size)
        pixels = picture.numpy()
    except pyvips.Error:
        return None
    if pixels.ndim != 3 or pixels.shape[2] != 4:
        return None
    return centred(Image.fromarray(pixels, "RGBA"), size)


def centred(picture: Image.Image, size: int) -> np.ndarray | None:
    """Return the visible part of a picture, scaled to fill a square up to MARGIN, as (size, size,
    4) uint8; None if all is transparent."""
    box = picture.getchannel("A").point(lambda alpha: 255 * (alpha > 12)).getbbox()
    if box is None:
        return None
    # Premultiplied, or transparent black would darken the edges.
    ink = picture.crop(box).convert("RGBa")
    scale = size * (1 - 2 * MARGIN) / max(ink.size)
    width, height = (max(1, round(scale * side)) for side in ink.size)
    square = Image.new("RGBa", (size, size))
    square.paste(
        ink.resize((width, height), Image.Resampling.LANCZOS),
        ((size - width) // 2, (size - height) // 2),
    )
    return np.asarray(square.convert("RGBA"))


def _draw(job: tuple[int, bytes, int]) -> tuple[int, np.ndarray | None]:
    return job[0], draw(job[1], job[2])


def render(
    source: dict, jobs: Iterable[tuple[int, bytes]], settings: Settings, part: Path
) -> None:
    """Write all icons of one vendor into the file `part`, unless it exists."""
    if part.exists():
        return
    work = [(concept, content, settings.size) for concept, content in jobs]
    concepts, pictures = [], []
    with ProcessPoolExecutor(settings.workers) as pool:
        for concept, picture in tqdm(
            pool.map(_draw, work, chunksize=16), source["name"], len(work), disable=None
        ):
            if picture is not None:
                concepts.append(concept)
                pictures.append(picture)
    with replacing(part) as draft:
        np.savez(draft, concepts=np.array(concepts), pictures=np.stack(pictures))


def build(settings: Settings) -> None:
    """Write the data set into `out`; parts from an interrupted run are reused."""
    settings.check()
    book, out = sources.read(), Path(settings.out)
    words = fetch(book["words"], out / "packages")
    concepts = read_concepts(words)
    index = ConceptIndex(concepts, words)
    pictures, rows = [], []
    for source in tqdm(book["pictures"], "sources", disable=None):
        archive = fetch(source, out / "packages")
        part = out / "parts" / f"{source['name']}-{settings.size}.npz"
        render(source, icons(source, archive, index), settings, part)
        with np.load(part) as loaded:
            pictures.append(loaded["pictures"])
            rows += [{"concept": int(i), "vendor": source["name"]} for i in loaded["concepts"]]
    styles = {source["name"]: source["style"] for source in book["pictures"]}
    write(
        out, np.concatenate(pictures), {"concepts": concepts, "pictures": rows, "styles": styles}
    )
    print(f"{len(rows)} pictures of {len(concepts)} concepts in {out}/pictures.npy")


def write(out: Path, pictures: np.ndarray, captions: dict) -> None:
    """Write both files, and delete the smaller copies of earlier pictures, which pictures.load()
    makes anew."""
    for stale in out.glob("pictures-*.npy"):
        stale.unlink()
    with replacing(out / "captions.json") as text, replacing(out / "pictures.npy") as draft:
        np.save(draft, pictures)
        text.write_text(json.dumps(captions, ensure_ascii=False, indent=0), encoding="utf-8")
