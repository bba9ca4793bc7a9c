"""Names of the files and folders in a run's folder, and of the folders of all runs."""

from __future__ import annotations

import os
import re
import unicodedata
from datetime import datetime
from pathlib import Path

MANIFEST = "manifest.json"
SETTINGS = "run.yaml"
METRICS = "metrics.jsonl"
STEPS = "steps"  # previews while a picture is drawn
STRIPS = "strips"  # rows of the contact sheet
CUTS = "cuts"  # cutouts as CLIP might be shown them
EXPLAIN = "explain"  # pages that explain how a picture came about, and their pictures
BACK, PUSH, NOISY, CUT = "back", "push", "noisy", "cut"  # kinds of those pictures
OTHERS = "others"  # pictures that are not among the best `keep`
THUMBS = "thumbs"  # of the gallery
JOBS = "jobs"  # files of Hydra's launchers
WORK = ".work"  # locks, checkpoints and frames of unfinished pictures
PARTS = {THUMBS, STEPS, STRIPS, CUTS, EXPLAIN, OTHERS}  # folders of a run, which are no runs
DEEPEST = 3  # levels of folders, below that of all runs, in which runs are looked for
FRAMES = Path(WORK) / "frames"
LOCK = ".manifest.lock"
LATEST, LATEST_TEXT = "latest", "latest.txt"  # in the folder of all runs
# Of pictures, by format.
SUFFIXES = {"png": ".png", "webp": ".webp", "avif": ".avif", "jpeg": ".jpg"}
FILMS = ("mp4", "webp", "gif")  # formats, which are also suffixes
IMAGE = re.compile(r"image_(\d{1,9})\.(?:png|webp|avif|jpe?g)")
FILM = re.compile(rf"video_(\d{{1,9}})\.(?:{'|'.join(FILMS)})")
STEP = re.compile(r"(\d{4,9})_(\d{4,9})\.(?:png|webp|jpe?g)")


def image_name(number: int, suffix: str) -> str:
    return f"image_{number:04d}{suffix}"


def image_names(number: int) -> list[str]:
    """Return the names that picture `number` may have, one for each format."""
    return [image_name(number, suffix) for suffix in SUFFIXES.values()]


def film_name(number: int, format: str) -> str:
    return f"video_{number:04d}.{format}"


def step_name(number: int, step: int) -> str:
    """Return the name of a file about one step of a picture, in the folders STEPS and CUTS."""
    return f"{number:04d}_{step:04d}.png"


def explain_path(folder: Path, number: int) -> Path:
    """Return the data of the page that explains picture `number`, in the folder EXPLAIN."""
    return folder / f"{number:04d}.jsonl"


def explain_picture(number: int, step: int, kind: str, *numbers: int) -> str:
    """Return the name of a small picture of a page that explains."""
    return "_".join([f"{number:04d}", f"{step:04d}", kind, *map(str, numbers)]) + ".webp"


def strip_path(folder: Path, number: int) -> Path:
    return folder / STRIPS / f"{number:04d}.png"


def thumb_path(folder: Path, number: int) -> Path:
    """Return the gallery's thumbnail of picture `number`."""
    return folder / THUMBS / f"{number:04d}.webp"


def sheet_name(first: int) -> str:
    """Return the name of the contact sheet that begins with picture `first`."""
    return f"sheet_{first:04d}.png" if first else "sheet.png"


def frames_folder(folder: Path, number: int) -> Path:
    """Return the folder of the frames of an unfinished film."""
    return folder / FRAMES / f"{number:04d}"


def checkpoint_path(folder: Path, first: int) -> Path:
    """Return the checkpoint of the pictures that are drawn together with picture `first`."""
    return folder / WORK / f"{first:04d}.safetensors"


def find_image(folder: Path, number: int) -> str | None:
    """Return the name of the finished picture `number` in a folder; None if it is not there."""
    return next((name for name in image_names(number) if (folder / name).exists()), None)


def move_to_others(path: Path) -> None:
    folder = path.parent / OTHERS
    folder.mkdir(exist_ok=True)
    os.replace(path, folder / path.name)


def new_folder(root: Path, title: str, now: datetime) -> Path:
    """Make and return a new folder root/2026-11-21/142233-a-red-heart, with a number behind it
    if another run of the same second has that name."""
    name = f"{now:%H%M%S}-{slug(title)}"
    day = root / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for n in range(1, 10_000):
        folder = day / (name if n == 1 else f"{name}-{n}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise OSError(f"{day / name} and its numbers are all taken")


def slug(text: str, length: int = 40) -> str:
    """Return a prompt as a file name: letters and digits of any script, joined by hyphens; of a
    prompt without any the Unicode names of its symbols, as `octopus` for an emoji."""
    text = unicodedata.normalize("NFC", text)
    if not re.search(r"[^\W_]", text):
        symbols = (character for character in text if unicodedata.category(character) == "So")
        text = " ".join(unicodedata.name(character, "") for character in symbols)
    words = re.sub(r"[\W_]+", "-", text.lower()).strip("-")
    while len(words.encode()) > length * 2 or len(words) > length:
        words = words[:-1]
    return words.strip("-") or "picture"
