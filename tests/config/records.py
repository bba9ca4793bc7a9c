"""Records made by hand: what runs write into pictures, without a run."""

from pathlib import Path

from PIL import Image

from guided.config.composition import compose
from guided.config.replay import plain
from guided.config.schema import unrecorded
from guided.runs import record

WORDS = ["prompt=a red heart", "guide.clip.scale=700", "sampler.recurrence=1"]
RESOLVED = {"seed": 7, "size": [32, 32], "steps": 60, "device": "cpu", "precision": "float32"}


def settings_of(*words: str) -> dict:
    """What a run with these words records."""
    settings = plain(compose(list(words))) | RESOLVED
    return {name: value for name, value in settings.items() if name not in unrecorded()} | {
        "version": record.__version__,
        "words": [*words, "seed=7"],
    }


def kept(folder: Path, settings: dict) -> str:
    path = folder / "image_0000.png"
    record.save(Image.new("RGB", (4, 4)), path, settings)
    return str(path)


def lasting(cfg) -> dict:
    return {name: value for name, value in plain(cfg).items() if name not in unrecorded()}
