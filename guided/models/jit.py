"""The card of a JiT, and recognising one by the names and shapes of its tensors.

Its files have the authors' names of tensors, or those of the conversion to diffusers' format at
https://huggingface.co/BiliSakura/JiT-diffusers. Imports no torch.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from guided.diffusion.jit_config import JiTConfig
from guided.diffusion.unet_config import FLOW, SCHEDULES
from guided.models.cards import DiffusionCard, Recommended
from guided.models.weights_file import find_prefix, readable

log = logging.getLogger(__name__)
Shapes = Mapping[str, tuple[int, ...]]
ANCHOR = "x_embedder.proj1.weight"  # every JiT has it
TABLE = re.compile(r"feat_rope.*")  # of angles, which are computed here
# The block from which on there are tokens of the class, by the number of blocks.
STARTS = {12: 4, 24: 8, 32: 10}
LARGE = 256  # pixels a side, above which the published networks have noise of twice the size
# Diffusers' names and the authors'.
NAMES = (
    (re.compile(r"adaLN_modulation_final\.(\w+)"), r"final_layer.adaLN_modulation.1.\1"),
    (re.compile(r"(blocks\.\d+\.adaLN_modulation)\.(weight|bias)"), r"\1.1.\2"),
    (re.compile(r"linear_final\.(\w+)"), r"final_layer.linear.\1"),
    (re.compile(r"norm_final\.(\w+)"), r"final_layer.norm_final.\1"),
)


def recommended() -> Recommended:
    """Return the authors' number of steps, and limits that suit noise so near to pure."""
    reach = [[0, 0.8], [0.4, 0.2], [0.7, 0.03], [1, 0.01]]
    return Recommended(steps=50, fine=100, reach=reach)


@dataclass
class JiTCard(DiffusionCard):
    """A JiT: a transformer that predicts the image, trained by flow matching."""

    prediction: str = "x0"
    schedule: str = FLOW
    spacing: str = "even"
    size: list[int] = field(default_factory=lambda: [256, 256], metadata={"listed": True})
    recommended: Recommended = field(default_factory=recommended, metadata={"listed": True})
    jit: JiTConfig = field(default_factory=JiTConfig)

    KNOWN: ClassVar[tuple[str, ...]] = (FLOW, *SCHEDULES)

    def __post_init__(self) -> None:
        super().__post_init__()
        side = self.jit.image_size
        if list(self.size) != [side, side]:
            raise ValueError(f"size={self.size} must be [{side},{side}], which its network takes")
        if self.prediction != "x0":
            raise ValueError(f"prediction={self.prediction} must be x0: it predicts the image")

    @property
    def fixed_size(self) -> bool:
        """Return True: every patch has its place."""
        return True

    @property
    def rigid(self) -> bool:
        """Return True: it has as many places as its size has patches."""
        return True

    @property
    def noise(self) -> float:
        """Return the standard deviation of the noise of flow matching."""
        return self.jit.noise


def recognised(path: Path, tensors: Shapes) -> JiTCard | None:
    """Return the card of a JiT's file; None if it is of something else. BadInput if its tensors
    have other shapes than a JiT's."""
    names = names_of(tensors)
    if not names:
        return None
    with readable("JiT", path):
        config = configuration({ours: tensors[theirs] for ours, theirs in names.items()})
    log.warning(
        "model=%s: what the file does not say is taken by guess: tokens of the class from block "
        "%d on, noise of size %g; model.jit.context_start=... and model.jit.noise=... change it",
        *(path, config.context_start, config.noise),
    )
    size = [config.image_size] * 2
    return JiTCard(name=path.stem, file=str(path.absolute()), size=size, jit=config)


def configuration(shapes: Shapes) -> JiTConfig:
    """Return the architecture with these shapes. KeyError for a missing tensor, IndexError or
    ValueError for shapes of another network."""
    bottleneck, colours, patch, _ = shapes[ANCHOR]
    if colours != 3:
        raise ValueError(f"it reads {colours} channels, not 3")
    _, patches, width = shapes["pos_embed"]
    depth = len({name.split(".")[1] for name in shapes if name.startswith("blocks.")})
    side = patch * math.isqrt(patches)
    return JiTConfig(
        image_size=side,
        patch=patch,
        width=width,
        depth=depth,
        heads=width // shapes["blocks.0.attn.q_norm.weight"][0],
        bottleneck=bottleneck,
        classes=shapes["y_embedder.embedding_table.weight"][0] - 1,
        context=shapes["in_context_posemb"][1],
        context_start=STARTS.get(depth, depth // 3),
        noise=2 if side > LARGE else 1,
    )


def names_of(tensors: Iterable[str]) -> dict[str, str]:
    """Return the names in a file by those of our network; empty if it holds no JiT."""
    names = list(tensors)
    prefix = find_prefix(names, ANCHOR)
    if prefix is None:
        return {}
    inside = [name for name in names if name.startswith(prefix)]
    found = {published(name.removeprefix(prefix)): name for name in inside}
    return {ours: theirs for ours, theirs in found.items() if not TABLE.fullmatch(ours)}


def published(name: str) -> str:
    """Return the authors' name of a tensor that diffusers calls `name`; the name itself if it is
    the authors'."""
    for pattern, theirs in NAMES:
        if match := pattern.fullmatch(name):
            return match.expand(theirs)
    return name
