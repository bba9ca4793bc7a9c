"""CLIP's image tower with quicker parts, against open_clip's and transformers' own modules."""

import copy
from pathlib import Path

import pytest
import torch
from torch import nn

import guided
from guided.clip.fast_tower import (
    ClassTokenBlock,
    MeanQueryPool,
    PatchEmbedding,
    SelfAttention,
    quicken,
)
from guided.compat.open_clip import import_open_clip

open_clip = import_open_clip()
EMBEDDED = Path(guided.__file__).parent / "models" / "embedded"


def towers(arch: str) -> tuple[nn.Module, nn.Module, int]:
    torch.manual_seed(0)
    tower = open_clip.create_model(arch).visual
    for norm in tower.modules():  # as after training: no norm leaves its input as it is
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.running_mean)
            nn.init.uniform_(norm.running_var, 0.5, 2)
            nn.init.normal_(norm.weight, 1, 0.3)
            nn.init.normal_(norm.bias)
    tower = tower.eval().double().requires_grad_(False)
    size = tower.image_size
    return tower, quicken(copy.deepcopy(tower)), size if isinstance(size, int) else size[0]


def kinds(tower: nn.Module) -> set[type]:
    return {type(part) for part in tower.modules()}


@pytest.mark.parametrize(
    "arch",
    ["ViT-S-32", "ViT-B-32-quickgelu", "RN50-quickgelu", f"local-dir:{EMBEDDED / 'clip_b'}"],
)
def test_the_same_points_and_the_same_way_back(arch: str) -> None:
    tower, quick, size = towers(arch)
    views = torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(1)).double()
    found = []
    for net in (tower, quick):
        leaf = views.clone().requires_grad_()
        point = net(leaf)
        (grad,) = torch.autograd.grad(point.square().sum(), leaf)
        found.append((point, grad))
    for before, after in zip(*found, strict=True):
        assert (after - before).abs().max() < 1e-10 * before.abs().max()
    if arch.startswith("ViT"):
        assert {SelfAttention, PatchEmbedding, ClassTokenBlock} <= kinds(quick)
        assert "QuickGELU" not in {kind.__name__ for kind in kinds(quick)}
    else:
        assert MeanQueryPool in kinds(quick) or not arch.startswith("RN50")
        norms = [part for part in quick.modules() if isinstance(part, nn.BatchNorm2d)]
        assert not norms and any(isinstance(part, nn.BatchNorm2d) for part in tower.modules())


def test_what_is_not_known_is_left_alone() -> None:
    """Attention between two sequences, overlapping patches."""
    tower = nn.ModuleDict(
        {
            "cross": nn.MultiheadAttention(8, 2, batch_first=True),
            "stem": nn.Conv2d(3, 8, 3, stride=2, padding=1),
        }
    ).eval()
    changed = quicken(copy.deepcopy(tower))
    x, y = torch.rand(2, 5, 8), torch.rand(2, 3, 8)
    assert torch.equal(
        changed["cross"](x, y, y)[0], tower["cross"](x, y, y, need_weights=False)[0]
    )
    assert type(changed["stem"]) is nn.Conv2d


def test_a_remainder_at_the_border_is_left_out_as_a_convolution_does() -> None:
    conv = nn.Conv2d(3, 4, 8, stride=8)
    x = torch.rand(1, 3, 21, 16)
    assert torch.allclose(PatchEmbedding(conv)(x), conv(x), atol=1e-5)
