"""Networks without numbers: copies on the meta device, which have every shape and take no room."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from guided.clip.model import Clip
from guided.generators.diffusion.generator import Drawing

META = torch.device("meta")
Net = TypeVar("Net", bound=nn.Module)


def hollow(net: Net) -> Net:
    """The same network, its weights without numbers, in the same formats."""
    memo = {id(p): nn.Parameter(p.to(META), requires_grad=False) for p in net.parameters()}
    return copy.deepcopy(net, memo | {id(b): b.to(META) for b in net.buffers()})


class HollowClip(Clip):
    """Its image tower is hollow; texts are read by the real one, which will need them anyway."""

    def __init__(self, real: Clip) -> None:
        self.__dict__ |= real.__dict__
        self.real, self.visual, self.device = real, hollow(real.visual), META
        self.mean, self.std = real.mean.to(META), real.std.to(META)

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        return self.real.encode_text(texts).to(META)


def hollow_drawing(real: Drawing) -> Drawing:
    secondary = real.sight.secondary
    sight = replace(real.sight, secondary=hollow(secondary) if secondary is not None else None)
    return replace(real, unet=hollow(real.unet), sight=sight, device=META)
