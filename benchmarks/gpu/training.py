"""Training of the embedded pair for the time that is left: first its U-Net, then its CLIPs, each
from the weights that the program comes with. Checkpoints are in the folder of the results; the
commands of guided.training with the same out= go on from them.

    python -m benchmarks.gpu.training data=data out=packed      # on a CPU, beforehand

writes what python -m guided.training.data prepared at 64 pixels, compressed without loss to about
45 MB.
"""

from __future__ import annotations

import csv
import lzma
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from benchmarks.gpu.bench import Bench, Row
from guided.errors import BadInput
from guided.models import embedded
from guided.training.clip import train as clip
from guided.training.common.files import replacing
from guided.training.common.settings import main
from guided.training.data import pictures
from guided.training.diffusion import train as diffusion

SIDE, SMALL = 64, 32  # pixels: of the packed pictures, and of those of the CLIPs
PACKED = f"pictures-{SIDE}.npy.xz"
EMBEDDED = Path(embedded.__path__[0])
SHARES = {"U-Net": 0.5, "CLIP a": 0.25, "CLIP b": 0.25}  # of the time
SPARE = 0.8  # share of the time that is trained; the rest is for samples and shipped weights


@dataclass
class Settings:
    data: str = "data"  # the output of guided.training.data
    out: str = "packed"


def pack(settings: Settings) -> None:
    """Write a folder of packed training data."""
    pictures.load(settings.data, SIDE)
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(settings.data) / "captions.json", out / "captions.json")
    source = Path(settings.data) / f"pictures-{SIDE}.npy"
    with (
        replacing(out / PACKED) as draft,
        source.open("rb") as read,
        lzma.open(draft, "wb", preset=1) as write,
    ):
        shutil.copyfileobj(read, write, 2**20)
    print(f"{out}: {sum(file.stat().st_size for file in out.iterdir()) / 1e6:.1f} MB")


def unpack(data: str, out: Path) -> Path:
    """Return a folder of prepared data, made from a packed one. Raises BadInput if it is none."""
    packed = Path(data) / PACKED
    if not packed.is_file():
        raise BadInput(f"data={data} has no {PACKED}; python -m benchmarks.gpu.training makes it")
    out.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(data) / "captions.json", out / "captions.json")
    with (
        lzma.open(packed) as file,
        replacing(out / f"pictures-{SIDE}.npy") as draft,
        draft.open("wb") as plain,
    ):
        shutil.copyfileobj(file, plain, 2**20)
    large = torch.from_numpy(np.load(out / f"pictures-{SIDE}.npy"))
    small = [F.avg_pool2d(part.float(), SIDE // SMALL).round().byte() for part in large.split(256)]
    with replacing(out / f"pictures-{SMALL}.npy") as draft, draft.open("wb") as plain:
        np.save(plain, torch.cat(small).numpy())
    return out


def rows(bench: Bench) -> Iterator[Row]:
    """Yield a row for each network after its training."""
    data = unpack(bench.data, bench.out / "data")
    left = SPARE * bench.left()
    for name, share in SHARES.items():
        out = bench.out / name.lower().replace(" ", "_")
        settings = chosen(name)
        settings.data, settings.out, settings.device = str(data), str(out), str(bench.device)
        settings.minutes = share * left / 60
        settings.look_every = max(0.5, settings.minutes / 2)
        if bench.tiny:
            settings.steps, settings.batch = 2, 4
        train(settings)
        yield {"network": name, "folder": str(out), **last_line(out / "log.csv")}


def chosen(name: str) -> diffusion.Settings | clip.Settings:
    """Return the settings with which a network of the embedded pair is trained further."""
    if name == "U-Net":
        return diffusion.Settings(init="embedded")
    tower = name[-1]
    return clip.Settings(tower=tower, init=str(EMBEDDED / f"clip_{tower}"))


def train(settings: diffusion.Settings | clip.Settings) -> None:
    """Train a network."""
    if isinstance(settings, diffusion.Settings):
        diffusion.train(settings)
    else:
        clip.train(settings)


def last_line(path: Path) -> Row:
    """Return the last line of a training's log: step, minutes and means since the line before."""
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    return {name: float(value) for name, value in lines[-1].items()}


if __name__ == "__main__":
    main(Settings, pack)
