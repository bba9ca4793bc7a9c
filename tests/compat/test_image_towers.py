"""The assumptions about open_clip's and timm's modules on which guided.clip.fast_tower relies."""

import copy

import pytest
import torch
from torch import nn

from guided.clip.fast_tower import quicken
from guided.compat import image_towers
from guided.compat.open_clip import import_late, import_open_clip

open_clip = import_open_clip()


def order_of_calls(block: nn.Module, views: torch.Tensor) -> list[str]:
    """Return the names of the block's children in the order in which its forward calls them."""
    calls: list[str] = []
    for name, part in block.named_children():
        part.register_forward_hook(lambda *_, name=name: calls.append(name))
    block(views)
    return calls


def blocks() -> list[tuple[nn.Module, torch.Tensor]]:
    import_late("timm")
    stem, resnet, timm_resnet, conv_norm = image_towers.normed_blocks()
    whole = stem([1, 1, 1, 1], 8, 2, image_size=32, width=8)
    return [
        (whole, torch.rand(1, 3, 32, 32)),
        (resnet(8, 2), torch.rand(1, 8, 8, 8)),
        (timm_resnet(32, 8), torch.rand(1, 32, 8, 8)),
        (conv_norm(3, 4, 3), torch.rand(1, 3, 8, 8)),
    ]


@pytest.mark.parametrize("number", range(4))
def test_a_norm_is_called_right_after_the_convolution_of_its_number(number: int) -> None:
    block, views = blocks()[number]
    names = [name for name, _ in block.named_children() if name.startswith("conv")]
    calls = order_of_calls(block.eval(), views)
    assert names
    for name in names:
        assert calls[calls.index(name) + 1] == "bn" + name.removeprefix("conv")


def test_only_the_first_position_of_a_vision_transformer_is_read() -> None:
    torch.manual_seed(0)
    tower = open_clip.create_model("ViT-S-32").visual.eval()
    assert image_towers.returns_class_token(tower)
    views = torch.rand(1, 3, 224, 224)
    expected = tower(views)

    def blank(block: nn.Module, given: object, states: torch.Tensor) -> torch.Tensor:
        return torch.cat([states[:, :1], torch.zeros_like(states[:, 1:])], 1)

    tower.transformer.resblocks[-1].register_forward_hook(blank)
    assert torch.equal(tower(views), expected)


def test_modules_of_the_same_name_in_another_library_are_left_alone() -> None:
    """timm has classes named as open_clip's, with other attributes."""
    import_late("timm")
    from timm.layers.activations import QuickGELU
    from timm.layers.attention_pool2d import AttentionPool2d

    tower = nn.ModuleDict(
        {
            "mlp": nn.Sequential(nn.Linear(4, 8), QuickGELU(), nn.Linear(8, 4)),
            "pool": AttentionPool2d(8, feat_size=4, num_heads=2),
        }
    ).eval()
    quick = quicken(copy.deepcopy(tower))
    points, views = torch.rand(2, 4), torch.rand(1, 8, 4, 4)
    assert type(quick["mlp"][1]) is QuickGELU and type(quick["pool"]) is AttentionPool2d
    assert torch.allclose(quick["mlp"](points), tower["mlp"](points))
    assert torch.allclose(quick["pool"](views), tower["pool"](views))
