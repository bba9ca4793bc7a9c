"""Batches made by hand: folders as a run leaves them, with pictures that cost nothing to draw."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from guided.runs import files, record

MADE = 1_795_357_353  # 2026-11-22T14:22:33+00:00


def settings(**changes: Any) -> dict[str, Any]:
    """As a picture's metadata has them."""
    return {
        "prompt": "a lighthouse",
        "negative": None,
        "seed": 7,
        "steps": 40,
        "size": [96, 64],
        "model": {"name": "embedded"},
        "clip": {"embedded": {"weight": 1}},
        "guide": {"clip": {"scale": 2000}, "range": {"scale": 150}},
        "sampler": {"_target_": "guided.diffusion.samplers.DDIM", "eta": 0.8},
        **changes,
    }


def paint(seed: int, size: tuple[int, int] = (96, 64), busy: float = 0.15) -> Image.Image:
    """A picture of bands, with noise as busy as a guided drawing's; the same for the same seed."""
    rng = np.random.default_rng(seed)
    width, height = size
    y, x = np.mgrid[0:height, 0:width] / max(size)
    waves = [
        sum(
            rng.uniform(0.2, 1) * np.sin(rng.uniform(2, 14) * (x * math.cos(a) + y * math.sin(a)))
            for a in rng.uniform(0, 6.3, 4)
        )
        for _ in range(3)
    ]
    image = 0.5 + 0.22 * np.stack(waves, -1) + rng.normal(0, busy, (height, width, 3))
    return Image.fromarray((image.clip(0, 1) * 255).astype(np.uint8))


def entry(number: int, **changes: Any) -> dict[str, Any]:
    """A finished picture, as a manifest has it."""
    return {
        "number": number,
        "row": 0,
        "seed": 7 + number,
        "prompt": "a lighthouse",
        "state": "done",
        "file": f"image_{number:04d}.png",
        "score": 0.3,
        "seconds": 12.5,
        "why": None,
        "worker": "host-1-ab",
        "model": "embedded",
        **changes,
    }


def manifest(
    folder: Path,
    pictures: list[dict[str, Any]],
    rows: list[dict[str, Any]] | None = None,
    **changes: Any,
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    whole = {
        "version": 1,
        "guided": "0.1.0",
        "made": "2026-11-22T14:22:33+00:00",
        "title": "a lighthouse",
        "base": {"words": ["prompt=a lighthouse"], "settings": None},
        "rows": rows or [{"words": [], "settings": {}}],
        "pictures": pictures,
        **changes,
    }
    files.write(folder / "manifest.json", json.dumps(whole, ensure_ascii=False).encode())


def save(folder: Path, number: int, image: Image.Image | None = None, **changes: Any) -> Path:
    """image_0000.png, with its settings inside."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"image_{number:04d}.png"
    image = image or paint(number)
    record.save(image, path, settings(seed=7 + number, **changes))
    os.utime(path, (MADE + number, MADE + number))
    return path


def save_steps(folder: Path, number: int, steps: list[int]) -> None:
    (folder / "steps").mkdir(exist_ok=True)
    for step in steps:
        grey = Image.new("RGB", (96, 64), (step * 5, step * 5, step * 5))
        grey.save(folder / "steps" / f"{number:04d}_{step:04d}.png")


def save_metrics(folder: Path, number: int, steps: int = 40) -> None:
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        for step in range(1, steps + 1):
            line = {
                "image": number,
                "step": step,
                "of": steps,
                "progress": step / steps,
                "loss": {"clip": 1 / step, "range": 0.01 * step},
                "similarity": 0.3 * step / steps,
                "grad_norm": 0.1,
                "seconds": 0.2,
            }
            file.write(json.dumps(line) + "\n")


def sweep(folder: Path) -> None:
    """Two artists by three scales, each twice; one failed, one waits."""
    rows = [
        {"words": [f"artist={artist}", f"guide.clip.scale={scale}"], "settings": {}}
        for artist in ("hokusai", "turner")
        for scale in (500, 2000, 10000)
    ]
    pictures = []
    for number in range(12):
        done = number not in (10, 11)
        pictures.append(
            entry(
                number,
                row=number // 2,
                seed=7 + number % 2,
                score=round(0.2 + (number * 7 % 12) / 100, 3) if done else None,
                state="done" if done else "failed" if number == 10 else "queued",
                file=f"image_{number:04d}.png" if done else None,
                why="out of memory: try size=64" if number == 10 else None,
            )
        )
        if done:
            save(folder, number)
            save_steps(folder, number, [10, 20, 30, 40])
            save_metrics(folder, number)
    manifest(folder, pictures, rows)
