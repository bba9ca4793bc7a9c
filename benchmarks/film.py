"""Measures how steady films are, with each cure on and off: python -m benchmarks.film [frames=48]

Draws the film of one prompt and one camera with each of VARIANTS, and prints for each the mean of

- flicker: how far neighbouring frames are apart, of 255, where the earlier one is moved by the
  camera, and only what both show is compared;
- lpips: the same as LPIPS, if VGG16's weights are here;
- contrast: the mean difference of neighbouring pixels, of 255, of the last quarter of the frames.
  Blurred films do not flicker;
- similarity: of the drawn frames to the prompt, by the CLIPs that guide;
- drift: the largest change of a mean colour, of 255, along straight lines through all frames;
- seconds: of the CPU for a frame, without starting.

    python -m benchmarks.film
    python -m benchmarks.film frames=120 variants="animate=2d; animate=2d guide=[range]"
"""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import time
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from guided.animation import warp
from guided.animation.film import Film
from guided.batch.run import draw
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.guides.lpips import perceptual
from guided.images import tensor
from guided.models.cards import VGG16
from guided.training.common.settings import main

VARIANTS = "; ".join(
    [
        "seeds=advance",  # the usual film
        "color_match=0",
        "sharpen=0",
        "sharpen=0.3",
        "noise=0.05",
        "likeness=3000",
        "strength=0.35",
        "seeds=fixed",
        "seeds=warped",
        "sampler.eta=0",
        "seeds=warped sampler.eta=0",
        "between=flow",
        "cadence=1",
    ]
)
COLUMNS = ("flicker", "lpips", "contrast", "similarity", "drift", "seconds")


@dataclass
class Settings:
    settings: str = "prompt='a red rose' animate=slow_zoom look=draft seed=3"
    variants: str = VARIANTS  # of animate, or any words with their whole names
    frames: int = 24
    out: str = ""  # a folder that keeps the films; empty: none is kept


def work(settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as place:
        root = Path(settings.out or place)
        print(f"| variant | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
        for variant in settings.variants.split(";"):
            words = [whole(word) for word in shlex.split(variant)]
            given = {word.split("=")[0] for word in words}
            usual = [w for w in shlex.split(settings.settings) if w.split("=")[0] not in given]
            found = measured([*usual, *words, f"frames={settings.frames}"], root)
            values = (f"{found[name]:.3g}" if name in found else "" for name in COLUMNS)
            print(f"| {variant.strip()} | {' | '.join(values)} |", flush=True)


def whole(word: str) -> str:
    """Return a word of a variant with the whole name of its setting."""
    name = word.partition("=")[0]
    return word if name in ("animate", "guide", "clip") or "." in name else f"animate.{word}"


def measured(words: list[str], root: Path) -> dict[str, float]:
    """Return the values of COLUMNS of a film."""
    began = time.process_time()
    with redirect_stdout(sys.stderr):
        folder = draw([*words, f"folder={root}", "output=[still]", "animate.format=webp"])
    spent = time.process_time() - began
    film = Plan.read(compose(words)).film
    assert film is not None
    paths = sorted(folder.glob("image_*.png"))
    images = [tensor(Image.open(path).convert("RGB")) for path in paths]
    later = images[-max(2, len(images) // 4) :]
    entries = json.loads((folder / "manifest.json").read_text())["pictures"]
    scores = [one["score"] for one in entries if one["score"] is not None]  # of drawn frames
    found = {
        "flicker": float(np.mean([flicker(film, images, k) for k in range(1, len(images))])),
        "contrast": float(np.mean([255 * contrast(image) for image in later])),
        "similarity": float(np.mean(scores)),
        "drift": drift(np.array([255 * image.mean((0, 2, 3)).numpy() for image in images])),
        "seconds": spent / len(images),
    }
    if VGG16.missing() is None:
        apart = perceptual(VGG16.path(), torch.device("cpu"))
        pairs = [(film.seen(one, k - 1, k)[0], images[k]) for k, one in enumerate(images[:-1], 1)]
        found["lpips"] = float(np.mean([float(apart(2 * a - 1, 2 * b - 1)) for a, b in pairs]))
    return found


def flicker(film: Film, images: list[Tensor], frame: int) -> float:
    """Return the mean difference, of 255, of a frame from the one before as the camera sees it."""
    mapped = film.mapped(film.move(frame))
    seen, uncovered = warp.flat(images[frame - 1], mapped, "border")
    apart = (seen - images[frame]).abs()[~uncovered.expand_as(seen)]
    return 255 * float(apart.mean())


def contrast(image: Tensor) -> float:
    """Return the mean difference of pixels (1, 3, H, W) that are side by side."""
    across, down = image.diff(dim=3).abs().mean(), image.diff(dim=2).abs().mean()
    return float(across + down) / 2


def drift(colours: np.ndarray) -> float:
    """Return the largest change along straight lines through colours (frames, 3)."""
    frames = np.arange(len(colours))
    return float(np.abs(np.polyfit(frames, colours, 1)[0]).max() * (len(colours) - 1))


if __name__ == "__main__":
    main(Settings, work)
