"""Modules of open_clip's and timm's image towers, recognised by class.

guided.clip.fast_tower replaces them by faster ones of the same mathematics, for which it relies on
their attributes and on the order in which they call their children. tests/compat says which.
"""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

from torch import nn

from guided.compat.open_clip import import_open_clip


def normed_blocks() -> tuple[type[nn.Module], ...]:
    """Return the classes that call a batch norm `bn`, `bn1`, ... right after the convolution
    `conv`, `conv1`, ... of the same number. timm's are left out while it is not imported."""
    modified_resnet = import_open_clip().modified_resnet
    own = (modified_resnet.ModifiedResNet, modified_resnet.Bottleneck)
    if "timm" not in sys.modules:
        return own
    from timm.layers import ConvNormAct
    from timm.models import resnet

    return (*own, resnet.Bottleneck, ConvNormAct)


def is_attention_pool(module: nn.Module) -> bool:
    """Return whether this is the attention pooling at the end of open_clip's ResNets."""
    return type(module) is import_open_clip().modified_resnet.AttentionPool2d


def is_quick_gelu(module: nn.Module) -> bool:
    """Return whether this is open_clip's x * sigmoid(1.702 x)."""
    return type(module) is import_open_clip().transformer.QuickGELU


def returns_class_token(tower: Any) -> TypeGuard[Any]:
    """Return whether this is open_clip's vision transformer, whose output depends on the first
    position of its last block alone."""
    transformer = import_open_clip().transformer
    if type(tower) is not transformer.VisionTransformer:
        return False
    blocks = tower.transformer.resblocks
    return (
        tower.pool_type == "tok"
        and tower.attn_pool is None
        and not tower.output_tokens
        and len(blocks) > 1
        and type(blocks[-1]) is transformer.ResidualAttentionBlock
    )
