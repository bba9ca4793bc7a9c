"""The data with which the gallery explains how a picture came about: the folder explain/.

0000.jsonl has a line for each step of picture 0, and beside it are small pictures: the finished
picture under more and more noise, predictions on the way, where the guides shifted them, and
cutouts with their likeness to each prompt. guided/gallery/explanation.py makes the page of them.

A resumed run appends to the file. It may have been stopped within a line, and repeats some steps:
of two lines about a step, the later one is valid.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from PIL import Image

from guided.errors import check_number
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.outputs.metrics import ends_within_line, number
from guided.outputs.sheet import chosen_steps
from guided.prompts.prompt import unwanted, wanted
from guided.runs import files, layout, metadata, record

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 256  # pixels of the longer side of a small picture, at most
QUALITY = 85  # of WebP
# Shares (alpha squared) of the finished picture that are left where it is shown under noise.
SHARES = (1.0, 0.98, 0.9, 0.75, 0.5, 0.25, 0.08, 0.0)
# Colours of a heat map, from no shift to the largest one.
HEAT = ((8, 8, 24), (96, 24, 104), (208, 64, 64), (248, 176, 56), (255, 255, 224))


@dataclass
class Explain(Output):
    """Settings of the page that explains a picture."""

    keeps: ClassVar[bool] = False
    steps: int = 12  # steps that are shown
    looks: int = 3  # steps whose cutouts are shown
    cutouts: int = 8  # cutouts of each CLIP that are shown of a step

    def __post_init__(self) -> None:
        check_number("steps", self.steps, 1, 100, whole=True)
        check_number("looks", self.looks, 0, 20, whole=True)
        check_number("cutouts", self.cutouts, 1, 64, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[ExplainViewer]:
        folder = run.folder / layout.EXPLAIN
        files.refuse_link(folder)
        folder.mkdir(exist_ok=True)
        yield ExplainViewer(self, run, folder)


@dataclass
class ExplainViewer:
    """A writer of one line for each step, and of small pictures at some."""

    settings: Explain
    run: Run
    folder: Path

    def see(self, frame: Frame) -> None:
        prediction = frame.prediction
        line: dict[str, Any] = {
            "step": frame.step,
            "of": frame.steps,
            "loss": {name: number(loss) for name, loss in prediction.losses.items()},
            "similarity": number(prediction.similarity),
            "gradient": number(prediction.grad_norm),
        }
        if frame.step in chosen_steps(frame.steps, self.settings.steps):
            self.save(picture(frame.image), frame, layout.BACK)
            line["push"] = self.save_push(frame)
        if self.settings.looks and frame.step in chosen_steps(frame.steps, self.settings.looks):
            line["seen"] = self.save_cutouts(frame)
        if frame.last:
            line["noisy"] = self.save_noisy(frame)
            line["about"] = self.about(frame)
        self.append(frame.index, line)

    def append(self, index: int, line: dict[str, Any]) -> None:
        path = layout.explain_path(self.folder, index)
        files.refuse_link(path)
        with path.open("a", encoding="utf-8") as file:
            if ends_within_line(path):
                file.write("\n")
            file.write(json.dumps(line) + "\n")

    def about(self, frame: Frame) -> dict[str, Any]:
        """Return the facts of the picture that the page names."""
        settings = self.run.settings
        model = settings.get("model")
        return {
            "prompt": wanted(frame.prompts),
            "unwanted": unwanted(frame.prompts),
            "seed": frame.seed,
            "model": model.get("name", "") if isinstance(model, dict) else "",
            "sampler": record.kind(settings.get("sampler")),
            "generator": record.kind(settings.get("generator")) or "diffusion",
        }

    def save(self, image: Image.Image, frame: Frame, kind: str, *numbers: int) -> None:
        """Write a small picture about a step."""
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        name = layout.explain_picture(frame.index, frame.step, kind, *numbers)
        files.write(self.folder / name, metadata.encode(image, "webp", QUALITY))

    def save_push(self, frame: Frame) -> float:
        """Write a heat map of the guides' shift of the prediction, and return the largest one of a
        pixel, in shares of the range of colours. Without a shift no map is written."""
        shift = (frame.prediction.guided - frame.prediction.unguided)[0].float().norm(dim=0) / 2
        largest = float(shift.max())
        if largest > 0:
            self.save(heat_map(shift / largest), frame, layout.PUSH)
        return round(largest, 6)

    def save_cutouts(self, frame: Frame) -> list[dict[str, Any]]:
        """Write cutouts, and return for each CLIP the prompts and their cosines with them."""
        if self.run.compare is None:
            return []
        seen, progress = [], frame.prediction.progress
        seed = frame.seed + frame.step
        compared = self.run.compare(frame.seen, frame.prompts, progress, seed)
        for c, one in enumerate(compared):
            views, cosines = one.views[: self.settings.cutouts], one.cosines.tolist()
            for k, view in enumerate(views):
                self.save(picture(view[None]), frame, layout.CUT, c, k)
            seen.append(
                {
                    "clip": one.clip,
                    "prompts": [said(asked.text, asked.image) for asked in one.prompts],
                    "alike": [[round(value, 4) for value in row] for row in cosines[: len(views)]],
                }
            )
        return seen

    def save_noisy(self, frame: Frame) -> list[float]:
        """Write the finished picture under more and more noise, and return the share of it that is
        left in each; none if no diffusion model has drawn it."""
        if record.kind(self.run.settings.get("generator")) not in ("", "diffusion"):
            return []
        from guided.diffusion.parametrisation import noised
        from guided.rng import RandomStreams

        noise = RandomStreams([frame.seed]).normal_like(frame.image)
        for k, share in enumerate(SHARES):
            noisy = noised(frame.image * 2 - 1, noise, math.sqrt(share), math.sqrt(1 - share))
            self.save(picture((noisy + 1) / 2), frame, layout.NOISY, k)
        return list(SHARES)


def said(text: str, image: str) -> str:
    """Return the text of a prompt, or the name of its picture's file."""
    return text or Path(image).name


def heat_map(values: Tensor) -> Image.Image:
    """Return values (H, W) in [0, 1] as colours, piecewise linear between those of HEAT."""
    import torch

    at = values.cpu() * (len(HEAT) - 1)
    weights = (1 - (at - torch.arange(len(HEAT))[:, None, None]).abs()).clamp(min=0)
    return picture(torch.einsum("khw,kc->chw", weights, torch.tensor(HEAT) / 255)[None])
