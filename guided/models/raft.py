"""Optical flow by torchvision's RAFT: Teed and Deng 2020, "RAFT: Recurrent All-Pairs Field
Transforms for Optical Flow", https://arxiv.org/abs/2003.12039
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

LEAST, MULTIPLE = 128, 8  # pixels of a side that the network sees


@lru_cache(maxsize=1)
def load(name: str, path: Path, device: str) -> nn.Module:
    """Return the network raft_small or raft_large with weights of torchvision's. Raise BadInput if
    they are others."""
    raft = import_late("torchvision.models.optical_flow")
    with torch.device("meta"):
        net: nn.Module = getattr(raft, name)(weights=None)
    tensors = read(path)
    check(net.state_dict(), tensors, path)
    net.load_state_dict(tensors, assign=True)
    return net.requires_grad_(False).eval().to(device)


def flow(card: WeightsCard, device: str, before: Tensor, after: Tensor) -> Tensor:
    """Return the flow (H, W, 2) in pixels: what is at p in `after` (1, 3, H, W) was at p + flow in
    `before`."""
    height, width = after.shape[2:]
    size = [max(LEAST, MULTIPLE * round(side / MULTIPLE)) for side in (height, width)]
    pictures = [
        F.interpolate(image, size, mode="bilinear", antialias=True).to(device) * 2 - 1
        for image in (after, before)
    ]
    with torch.no_grad():
        found = load(card.name, card.path(), device)(*pictures)[-1].cpu()
    found = F.interpolate(found, (height, width), mode="bilinear", antialias=True)
    return found[0].permute(1, 2, 0) * torch.tensor([width / size[1], height / size[0]])
