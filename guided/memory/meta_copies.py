"""Copies of networks on torch's meta device, which take no memory."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

META = torch.device("meta")
Net = TypeVar("Net", bound=nn.Module)


def meta_copy(net: Net) -> Net:
    """Return a copy of the network with its weights on the meta device, in the same formats."""
    memo = {id(p): nn.Parameter(p.to(META), requires_grad=False) for p in net.parameters()}
    return copy.deepcopy(net, memo | {id(b): b.to(META) for b in net.buffers()})
