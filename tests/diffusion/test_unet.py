"""The U-Net against guided-diffusion's own, over every switch that its checkpoints use."""

from unittest.mock import patch

import pytest
import torch
from guided_diffusion import unet as oracle
from torch import Tensor

from guided.diffusion import group_norm
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from tests.doubles import nothing_cast_to_float32, randomised, relative

SMALL = dict(
    image_size=16,
    num_channels=32,
    channel_mult=[1, 2],
    num_res_blocks=1,
    attention_resolutions=[8],
)
CONFIGS = {
    "plain": dict(use_scale_shift_norm=False),
    "as the 256 and 512 models": dict(resblock_updown=True, num_head_channels=16),
    "updown without scale-shift": dict(
        resblock_updown=True, use_scale_shift_norm=False, num_heads=4, learn_sigma=False
    ),
    "new attention order by heads": dict(use_new_attention_order=True, num_heads=4, num_classes=5),
    "new attention order by channels": dict(
        use_new_attention_order=True, num_head_channels=32, resblock_updown=True, num_classes=3
    ),
    "half the width at the first level": dict(
        num_channels=64, channel_mult=[0.5, 1, 1], attention_resolutions=[16, 4], num_heads=2
    ),
    "attention at every level, two blocks": dict(
        num_res_blocks=2, attention_resolutions=[16, 8], num_head_channels=8
    ),
    "a width that is no power of two": dict(num_channels=96, learn_sigma=False, num_heads=3),
    "dropout, one level": dict(channel_mult=[2], dropout=0.3, num_heads=2),
}


def config(name: str) -> UNetConfig:
    return UNetConfig(**{**SMALL, **CONFIGS[name]})


def pair(chosen: UNetConfig, dtype: torch.dtype = torch.float32) -> tuple[UNet, oracle.UNetModel]:
    """Ours and theirs with the same weights."""
    theirs = oracle.UNetModel(
        image_size=chosen.image_size,
        in_channels=3,
        model_channels=chosen.num_channels,
        out_channels=6 if chosen.learn_sigma else 3,
        num_res_blocks=chosen.num_res_blocks,
        attention_resolutions=[chosen.image_size // r for r in chosen.attention_resolutions],
        dropout=chosen.dropout,
        channel_mult=chosen.channel_mult,
        num_classes=chosen.num_classes or None,
        num_heads=chosen.num_heads,
        num_head_channels=chosen.num_head_channels,
        use_scale_shift_norm=chosen.use_scale_shift_norm,
        resblock_updown=chosen.resblock_updown,
        use_new_attention_order=chosen.use_new_attention_order,
    )
    theirs = randomised(theirs, seed=1).eval().to(dtype)
    theirs.dtype = dtype
    ours = UNet(chosen).eval().requires_grad_(False).set_precision(dtype)
    ours.load_state_dict(theirs.state_dict(), strict=True)
    return ours, theirs


def inputs(chosen: UNetConfig, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor | None]:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(2, 3, 8, 16, generator=generator).to(dtype)  # not square
    y = torch.tensor([2, 0]) if chosen.num_classes else None
    return x, torch.tensor([417.5, 991.0]), y


def output_and_gradient(
    model: torch.nn.Module, x: Tensor, t: Tensor, y: Tensor | None
) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    out = model(x, t, y)
    pull = torch.linspace(-1, 2, out.numel(), dtype=out.dtype).view_as(out)
    return out.detach(), torch.autograd.grad(out, x, pull)[0]


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_and_shapes_are_those_of_guided_diffusion(name: str) -> None:
    ours, theirs = pair(config(name))
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (ours, theirs)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("large", [group_norm.LARGE, 0], ids=["as small images", "as large ones"])
@pytest.mark.parametrize("name", CONFIGS)
def test_output_and_input_gradient_equal_the_oracle_in_float32(
    name: str, large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        group_norm, "LARGE", large
    )  # the least of those that group norm does otherwise
    ours, theirs = pair(config(name))
    given = inputs(config(name), torch.float32)
    for mine, expected in zip(
        output_and_gradient(ours, *given), output_and_gradient(theirs, *given), strict=True
    ):
        assert relative(mine, expected) < 1e-5


@pytest.mark.parametrize("name", CONFIGS)
def test_output_and_input_gradient_equal_the_oracle_in_float64(name: str) -> None:
    ours, theirs = pair(config(name), torch.float64)
    given = inputs(config(name), torch.float64)
    mine = output_and_gradient(ours, *given)
    # Sinusoids are float32 in both, by definition of the checkpoints; the rest is not.
    embedding = oracle.timestep_embedding(given[1], config(name).num_channels).double()
    with (
        nothing_cast_to_float32(),
        patch.object(oracle, "timestep_embedding", lambda *_: embedding),
    ):
        expected = output_and_gradient(theirs, *given)
    assert relative(mine[0], expected[0]) < 1e-9
    assert relative(mine[1], expected[1]) < 1e-9


@pytest.mark.parametrize("learn_sigma", [False, True])
def test_patches_are_the_oracle_on_a_coarser_image(learn_sigma: bool) -> None:
    chosen = UNetConfig(**{**SMALL, "patch": 2, "learn_sigma": learn_sigma})
    ours, theirs = patched(chosen)
    x, t, _ = inputs(chosen, torch.float32)
    expected = theirs(torch.pixel_unshuffle(x, 2), t)
    assert relative(ours(x, t), torch.pixel_shuffle(expected, 2)) < 1e-5
    assert chosen.divisor == 4


def test_a_first_guess_is_three_channels_more_and_is_mended() -> None:
    """Towards the noisy image where that is nearly clean, and by what the convolutions say."""
    chosen = UNetConfig(**{**SMALL, "patch": 2, "dense": 24, "learn_sigma": False})
    ours, theirs = patched(chosen)
    x, t, _ = inputs(chosen, torch.float32)
    guess = ours.first_guess(x, t)
    expected = theirs(torch.pixel_unshuffle(torch.cat([x, guess], 1), 2), t)
    clear = torch.sigmoid(ours.clear(oracle.timestep_embedding(t, 128))).view(2, 1, 1, 1)
    base = clear * x + (1 - clear) * guess
    assert relative(ours(x, t), base + torch.pixel_shuffle(expected, 2)) < 1e-5


def patched(chosen: UNetConfig) -> tuple[UNet, oracle.UNetModel]:
    """Ours, and their network on its patches with the same convolutions."""
    theirs = oracle.UNetModel(
        image_size=8, in_channels=chosen.in_channels, model_channels=32,
        out_channels=chosen.out_channels,
        num_res_blocks=1, attention_resolutions=[1], channel_mult=(1, 2),
        use_scale_shift_norm=True,
    )  # fmt: skip
    ours = randomised(UNet(chosen), seed=1).eval().set_precision(torch.float32)
    ours.requires_grad_(False)
    names = theirs.state_dict()
    theirs.eval().load_state_dict({k: v for k, v in ours.state_dict().items() if k in names})
    return ours, theirs


def test_a_first_guess_learns_in_half_precision_too() -> None:
    """As on a GPU, under autocast, near what float32 learns."""
    chosen = UNetConfig(**{**SMALL, "patch": 2, "dense": 24, "learn_sigma": False})
    net = randomised(UNet(chosen), seed=1).set_precision(torch.float32).train()
    x, t, _ = inputs(chosen, torch.float32)
    plain = net(x, t), net.first_guess(x, t)
    with torch.autocast("cpu", torch.bfloat16):
        half = net(x, t), net.first_guess(x, t)
    for near, exact in zip(half, plain, strict=True):
        assert (near.float() - exact).norm() / exact.norm() < 0.05
        near.float().square().mean().backward()


def test_the_first_guess_has_lessons_of_its_own() -> None:
    """In training the U-Net's do not reach it; in drawing the guides' gradient passes it."""
    chosen = UNetConfig(**{**SMALL, "dense": 24, "learn_sigma": False})
    net = randomised(UNet(chosen), seed=1).set_precision(torch.float32)
    x, t, _ = inputs(chosen, torch.float32)
    net.train()(x, t).square().sum().backward()
    assert all(p.grad is None for p in net.dense.parameters())
    net.eval()(x, t).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in net.parameters())


@pytest.mark.parametrize("name", ["plain", "new attention order by channels"])
def test_every_parameter_matters(name: str) -> None:
    """Otherwise the comparisons above could not fail for it."""
    ours, _ = pair(config(name))
    ours.requires_grad_(True)
    ours(*inputs(config(name), torch.float32)).square().sum().backward()
    assert all(p.grad.abs().max() > 0 for p in ours.parameters())


def test_dropout_acts_in_training_only() -> None:
    ours, _ = pair(config("dropout, one level"))
    given = inputs(config("dropout, one level"), torch.float32)
    assert torch.equal(ours(*given), ours(*given))
    ours.train()
    assert not torch.equal(ours(*given), ours(*given))


@pytest.mark.parametrize("name", ["as the 256 and 512 models", "new attention order by heads"])
def test_checkpointing_gives_equal_gradients_and_keeps_less(name: str) -> None:
    ours, _ = pair(config(name), torch.float64)
    given = inputs(config(name), torch.float64)
    kept, results = [], []
    for ours.checkpointing in (False, True):
        sizes: list[int] = []

        def keep(tensor: Tensor, sizes: list[int] = sizes) -> Tensor:
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            x = given[0].clone().requires_grad_()
            out = ours(x, *given[1:])
        kept.append(sum(sizes))
        results.append(torch.autograd.grad(out.square().sum(), x)[0])
    assert relative(results[1], results[0]) < 1e-12
    assert kept[1] < kept[0] / 2


def test_bfloat16_runs_the_blocks_only_and_is_near_float32() -> None:
    chosen = config("as the 256 and 512 models")
    ours, _ = pair(chosen)
    given = inputs(chosen, torch.float32)
    out, grad = output_and_gradient(ours, *given)
    ours.set_precision(torch.bfloat16)
    assert {p.dtype for p in ours.input_blocks.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in ours.time_embed.parameters()} == {torch.float32}
    near_out, near_grad = output_and_gradient(ours, *given)
    assert near_out.dtype == torch.float32
    assert (near_out - out).norm() / out.norm() < 0.03
    assert (near_grad - grad).norm() / grad.norm() < 0.06


def test_labels_are_demanded_by_a_class_conditional_network() -> None:
    ours, _ = pair(config("new attention order by heads"))
    x, t, _ = inputs(ours.config, torch.float32)
    with pytest.raises(ValueError, match="class-conditional"):
        ours(x, t)


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="32 channels do not divide"):
        UNet(UNetConfig(**{**SMALL, "channel_mult": [1], "num_heads": 5}))
