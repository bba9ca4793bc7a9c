"""The three small CLIPs as open_clip describes them, two for guidance and one for evaluation, of
different architectures, so that a picture that deceives one does not deceive the others.

a: He et al., "Deep Residual Learning", 2015, https://arxiv.org/abs/1512.03385 (CLIP's own variant)
b: Radosavovic et al., "Designing Network Design Spaces" (RegNetX), 2020,
   https://arxiv.org/abs/2003.13678
judge: Wang et al., "CSPNet", 2019, https://arxiv.org/abs/1911.11929
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from guided.compat.open_clip import import_open_clip
from guided.training.clip import bpe
from guided.training.common import checkpoint

if TYPE_CHECKING:
    from open_clip.model import CLIP

WEIGHTS = "open_clip_model.safetensors"
CONTEXT = 48  # tokens; a Chinese character outside the names takes up to three
WIDTH = 256  # of the embedding space
MEAN, STD = 0.5, 0.3  # of pixels, for the image towers
PREPROCESS = {
    "mean": [MEAN] * 3,
    "std": [STD] * 3,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def _timm(name: str, size: int) -> dict:
    pooled = {"timm_pool": "avg", "timm_proj": "linear", "timm_model_pretrained": False}
    return {"timm_model_name": name, "image_size": size, **pooled}


def _text(width: int) -> dict:
    words = {"context_length": CONTEXT, "vocab_size": bpe.VOCABULARY, "layers": 2}
    return {**words, "width": width, "heads": width // 64}


VISION: dict[str, dict[str, Any]] = {
    "a": {"layers": [1, 1, 1, 1], "width": 32, "image_size": 32},
    "b": _timm("regnetx_002", 32),
    "judge": _timm("cs3darknet_focus_s", 48),
}
TEXT = {"a": _text(192), "b": _text(128), "judge": _text(128)}


def size(tower: str) -> int:
    """Return the side of a tower's pictures in pixels."""
    side: int = VISION[tower]["image_size"]
    return side


def config(tower: str) -> dict[str, Any]:
    """Return open_clip's configuration of a tower."""
    return {"embed_dim": WIDTH, "vision_cfg": VISION[tower], "text_cfg": TEXT[tower]}


def build(tower: str) -> CLIP:
    """Return a new CLIP with random weights."""
    parts = config(tower)
    model: CLIP = import_open_clip().CLIP(
        parts["embed_dim"], parts["vision_cfg"], parts["text_cfg"]
    )
    model.to(memory_format=torch.channels_last)
    return model


def normalised(images: Tensor) -> Tensor:
    """Return images (B, 3, S, S) in [0, 1] as inputs of the image towers."""
    return ((images - MEAN) / STD).to(memory_format=torch.channels_last)


def ship(weights: Mapping[str, Tensor], tower: str, merges: Path, folder: Path) -> None:
    """Write the folder that open_clip reads as `local-dir:`, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    description = {"model_cfg": config(tower), "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(description, indent=2) + "\n")
    if merges.resolve() != (folder / bpe.FILE).resolve():
        (folder / bpe.FILE).write_bytes(merges.read_bytes())
    checkpoint.ship(weights, folder / WEIGHTS, {"format": "pt"})
