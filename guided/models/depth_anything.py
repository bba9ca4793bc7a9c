"""Estimation of depth by Depth Anything V2 Small, through transformers: Yang et al. 2024, "Depth
Anything V2", https://arxiv.org/abs/2406.09414

Its estimates are of inverse distance, larger is nearer, in a unit of its own for each picture.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guided.compat.open_clip import import_late
from guided.models.cards import WeightsCard
from guided.models.load import check
from guided.models.weights import read

MODULE = "transformers.models.depth_anything.modeling_depth_anything"
SIDE, PATCH = 518, 14  # pixels that one side is resized to, and multiples of both
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's
BACKBONE = {  # as published; all else is transformers' default
    "model_type": "dinov2",
    "hidden_size": 384,
    "num_attention_heads": 6,
    "image_size": 518,
    "out_features": ["stage3", "stage6", "stage9", "stage12"],
    "reshape_hidden_states": False,
}
LATER = {  # names in the published file, and those of later releases of transformers
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
}


@lru_cache(maxsize=1)
def load(path: Path, device: str) -> nn.Module:
    """Return the network with the published weights. Raise BadInput if they are others."""
    module = import_late(MODULE)
    with torch.device("meta"):
        config = module.DepthAnythingConfig(backbone_config=BACKBONE)
        net: nn.Module = module.DepthAnythingForDepthEstimation(config)
    wanted = net.state_dict()
    tensors = {fitting(name, wanted): tensor.float() for name, tensor in read(path).items()}
    check(wanted, tensors, path)
    net.load_state_dict(tensors, assign=True)
    return net.requires_grad_(False).eval().to(device)


def fitting(name: str, wanted: dict[str, Tensor]) -> str:
    """Return the name that the present release of transformers has for a tensor of the file."""
    for published, later in LATER.items():
        renamed = name.replace(published, later)
        if name not in wanted and renamed in wanted:
            return renamed
    return name


def nearness(card: WeightsCard, device: str, image: Tensor) -> Tensor:
    """Return the estimate (1, 1, h, w) for an image (1, 3, H, W) in [0, 1], at the size that the
    network sees."""
    size = seen_size((image.shape[2], image.shape[3]))
    resized = F.interpolate(image.to(device), size, mode="bicubic", antialias=True)
    mean, deviation = resized.new_tensor([MEAN, DEVIATION])[:, None, :, None, None]
    with torch.no_grad():
        found: Tensor = load(card.path(), device)((resized - mean) / deviation).predicted_depth
    return found.cpu()[None]


def seen_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width at which the network sees a picture of a height and width: one
    is SIDE, that which changes the picture less, and both are multiples of PATCH."""
    scale = min((SIDE / side for side in size), key=lambda scale: abs(1 - scale))
    height, width = (max(1, round(scale * side / PATCH)) * PATCH for side in size)
    return height, width
