"""The three small CLIPs as open_clip describes them: two that guide and one that judges, each of
another architecture so that what fools one does not fool the others.

Knows nothing about training or pictures.

a: He et al., "Deep Residual Learning", 2015, https://arxiv.org/abs/1512.03385 (CLIP's own variant)
b: Radosavovic et al., "Designing Network Design Spaces" (RegNetX), 2020,
   https://arxiv.org/abs/2003.13678
judge: Wang et al., "CSPNet", 2019, https://arxiv.org/abs/1911.11929
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guided.compat.open_clip import import_open_clip
from guided.training.clip import bpe
from guided.training.common import checkpoint

WEIGHTS = "open_clip_model.safetensors"
CONTEXT = 48  # tokens; a Chinese character outside the names is up to three
WIDTH = 256  # of the space that pictures and sentences share
PREPROCESS = {
    "mean": [0.5] * 3,
    "std": [0.3] * 3,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}


def _timm(name: str, size: int) -> dict:
    pooled = {"timm_pool": "avg", "timm_proj": "linear", "timm_model_pretrained": False}
    return {"timm_model_name": name, "image_size": size, **pooled}


def _text(width: int) -> dict:
    words = {"context_length": CONTEXT, "vocab_size": bpe.VOCABULARY, "layers": 2}
    return {**words, "width": width, "heads": width // 64}


VISION = {
    "a": {"layers": [1, 1, 1, 1], "width": 32, "image_size": 32},
    "b": _timm("regnetx_002", 32),
    "judge": _timm("cs3darknet_focus_s", 48),
}
TEXT = {"a": _text(192), "b": _text(128), "judge": _text(128)}


def size(tower: str) -> int:
    return VISION[tower]["image_size"]


def config(tower: str) -> dict:
    return {"embed_dim": WIDTH, "vision_cfg": VISION[tower], "text_cfg": TEXT[tower]}


def build(tower: str) -> nn.Module:
    parts = config(tower)
    model = import_open_clip().CLIP(parts["embed_dim"], parts["vision_cfg"], parts["text_cfg"])
    return model.to(memory_format=torch.channels_last)


def normalised(images: Tensor) -> Tensor:
    """[0, 1] -> what the image towers take."""
    return ((images - PREPROCESS["mean"][0]) / PREPROCESS["std"][0]).to(
        memory_format=torch.channels_last
    )


def read(model: nn.Module, tokens: Tensor, groups: int = 4) -> Tensor:
    """tokens (B, CONTEXT) -> (B, WIDTH) of unit length: encode_text in groups of like length,
    without the padding behind each group's longest."""
    order = tokens.argmax(1).argsort()
    found = [_read(model, part) for part in tokens[order].chunk(groups)]
    return torch.cat(found)[order.argsort()]


def _read(model: nn.Module, tokens: Tensor) -> Tensor:
    ends = tokens.argmax(1)  # the end has the highest number
    length = int(ends.max()) + 1
    h = model.token_embedding(tokens[:, :length]) + model.positional_embedding[:length]
    h = model.transformer(h, attn_mask=model.attn_mask[:length, :length])
    h = model.ln_final(h)[torch.arange(len(h)), ends] @ model.text_projection
    return F.normalize(h, dim=-1)


def ship(weights: Mapping[str, Tensor], tower: str, merges: Path, folder: Path) -> None:
    """The folder that open_clip reads as `local-dir:`, in half precision."""
    folder.mkdir(parents=True, exist_ok=True)
    about = {"model_cfg": config(tower), "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(about, indent=2) + "\n")
    if merges.resolve() != (folder / bpe.FILE).resolve():
        (folder / bpe.FILE).write_bytes(merges.read_bytes())
    checkpoint.ship(weights, folder / WEIGHTS, {"format": "pt"})
