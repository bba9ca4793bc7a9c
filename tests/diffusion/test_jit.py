"""A JiT beside an implementation of the paper's formulas that shares nothing with it."""

import math

import pytest
import torch
from torch import Tensor

from guided.diffusion.jit import JiT
from guided.diffusion.jit_config import JiTConfig
from tests.doubles import randomised

SMALL = JiTConfig(
    image_size=12, patch=4, width=24, depth=3, heads=3, bottleneck=5, classes=4, context=2,
    context_start=1,
)  # fmt: skip
Weights = dict[str, Tensor]


def network(config: JiTConfig = SMALL, dtype: torch.dtype = torch.float64) -> JiT:
    """Return a network of random weights; norms' scales are around 1, all else around 0."""
    return randomised(JiT(config), seed=5).eval().requires_grad_(False).set_precision(dtype)


def noisy(count: int = 2, config: JiTConfig = SMALL) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    shape = (count, 3, config.image_size, config.image_size)
    z = torch.randn(shape, generator=generator, dtype=torch.float64)
    return z, torch.linspace(0.1, 0.83, count, dtype=torch.float64)


# ---- the paper's formulas ------------------------------------------------------------------


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def rms(w: Weights, name: str, x: Tensor) -> Tensor:
    return w[f"{name}.weight"] * x / ((x**2).mean(-1, keepdim=True) + 1e-6) ** 0.5


def turned(x: Tensor, position: tuple[int, int] | None) -> Tensor:
    """A head's vector (C,) of the token at (row, column), as complex numbers times phases."""
    if position is None:  # a token of the class has no place
        return x
    pairs = torch.complex(x[0::2], x[1::2])
    half = len(pairs) // 2
    speeds = torch.tensor([10000 ** (-k / half) for k in range(half)], dtype=x.dtype)
    angles = torch.cat([position[0] * speeds, position[1] * speeds])
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten()


def attention(w: Weights, name: str, x: Tensor, places: list, heads: int) -> Tensor:
    """One image's tokens (N, D), head by head and token by token."""
    size = x.shape[1] // heads
    q, k, v = linear(w, f"{name}.qkv", x).split(x.shape[1], dim=1)
    out = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        queries = rms(w, f"{name}.q_norm", q[:, part])
        keys = rms(w, f"{name}.k_norm", k[:, part])
        queries = torch.stack([turned(one, at) for one, at in zip(queries, places, strict=True)])
        keys = torch.stack([turned(one, at) for one, at in zip(keys, places, strict=True)])
        weights = torch.exp(queries @ keys.T / math.sqrt(size))
        out.append(weights / weights.sum(1, keepdim=True) @ v[:, part])
    return linear(w, f"{name}.proj", torch.cat(out, 1))


def clean_image(w: Weights, config: JiTConfig, z: Tensor, t: float, label: int) -> Tensor:
    """One image (3, S, S) predicted for z at time t."""
    patch, side = config.patch, config.image_size // config.patch
    angles = [t * 10000 ** (-k / 128) for k in range(128)]
    waves = torch.tensor([*map(math.cos, angles), *map(math.sin, angles)], dtype=z.dtype)
    time = linear(w, "t_embedder.mlp.2", silu(linear(w, "t_embedder.mlp.0", waves)))
    name = w["y_embedder.embedding_table.weight"][label]
    condition = silu(time + name)
    places: list = [(row, column) for row in range(side) for column in range(side)]
    tokens = []
    for row, column in places:
        rows = slice(row * patch, (row + 1) * patch)
        pixels = z[:, rows, column * patch : (column + 1) * patch].flatten()
        narrow = w["x_embedder.proj1.weight"].flatten(1) @ pixels
        wide = w["x_embedder.proj2.weight"].flatten(1) @ narrow + w["x_embedder.proj2.bias"]
        tokens.append(wide)
    h = torch.stack(tokens) + w["pos_embed"][0]
    for i in range(config.depth):
        if i == config.context_start:
            h = torch.cat([name + w["in_context_posemb"][0], h])
            places = [None] * config.context + places
        block = f"blocks.{i}"
        modulation = linear(w, f"{block}.adaLN_modulation.1", condition)
        shift, scale, gate, shift2, scale2, gate2 = modulation.chunk(6)
        inner = rms(w, f"{block}.norm1", h) * (1 + scale) + shift
        h = h + gate * attention(w, f"{block}.attn", inner, places, config.heads)
        inner = rms(w, f"{block}.norm2", h) * (1 + scale2) + shift2
        first, second = linear(w, f"{block}.mlp.w12", inner).chunk(2, dim=1)
        h = h + gate2 * linear(w, f"{block}.mlp.w3", silu(first) * second)
    shift, scale = linear(w, "final_layer.adaLN_modulation.1", condition).chunk(2)
    h = rms(w, "final_layer.norm_final", h[config.context :]) * (1 + scale) + shift
    image = torch.empty_like(z)
    for token, (row, column) in zip(linear(w, "final_layer.linear", h), places[-side * side :],
                                    strict=True):  # fmt: skip
        pixels = token.view(patch, patch, 3).permute(2, 0, 1)
        image[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = pixels
    return image


# ---- the network ---------------------------------------------------------------------------


@pytest.mark.parametrize("start", [0, 1, 2])
def test_it_computes_the_formulas_of_the_paper(start: int) -> None:
    config = JiTConfig(**{**vars(SMALL), "context_start": start})
    net, (z, t) = network(config), noisy()
    labels = torch.tensor([3, 0])
    expected = [
        clean_image(net.state_dict(), config, *one)
        for one in zip(z, t.tolist(), labels.tolist(), strict=True)
    ]
    # Angles are float32, as in the authors' code.
    assert torch.allclose(net(z, t, labels), torch.stack(expected), atol=1e-5)
    assert torch.stack(expected).std() > 0.1


def test_without_a_class_it_is_the_null_class() -> None:
    net, (z, t) = network(), noisy()
    null = torch.full((2,), SMALL.classes)
    assert torch.equal(net(z, t), net(z, t, null))
    assert not torch.allclose(net(z, t), net(z, t, null - 1))


def test_images_of_a_batch_do_not_see_each_other() -> None:
    net, (z, t) = network(), noisy()
    alone = torch.cat([net(z[b : b + 1], t[b : b + 1]) for b in range(2)])
    assert torch.allclose(net(z, t), alone, atol=1e-12)


def test_patches_see_each_other_and_know_their_places() -> None:
    net, (z, t) = network(), noisy(1)
    changed = z.clone()
    changed[:, :, :4, :4] += 1
    assert (net(changed, t) - net(z, t))[:, :, 8:, 8:].abs().max() > 1e-4
    moved = net(z.roll(4, 3), t)
    assert not torch.allclose(moved, net(z, t).roll(4, 3), atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_other_precisions_give_nearly_the_same(dtype: torch.dtype) -> None:
    z, t = noisy()
    near = network(dtype=dtype)(z, t)
    assert near.dtype == torch.float32  # the last layer's
    exact = network()(z, t)
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    assert (near - exact).abs().max() < tolerance * exact.abs().max()


def test_checkpointing_changes_neither_the_image_nor_the_gradient() -> None:
    net, (z, t) = network(), noisy()
    found = []
    for checkpointing in (False, True):
        net.checkpointing = checkpointing
        x = z.clone().requires_grad_()
        out = net(x, t)
        found.append((out.detach(), torch.autograd.grad(out.square().sum(), x)[0]))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
    assert found[0][1].abs().min() > 0


# Millions of parameters that the paper names.
SIZES = {
    "B/16": (dict(width=768, depth=12, heads=12, bottleneck=128), 131),
    "L/16": (dict(width=1024, depth=24, heads=16, bottleneck=128, context_start=8), 459),
    "H/16": (dict(width=1280, depth=32, heads=16, bottleneck=256, context_start=10), 953),
    "B/32": (dict(width=768, depth=12, heads=12, image_size=512, patch=32, noise=2), 133),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_sizes_have_the_parameters_that_the_paper_counts(name: str) -> None:
    settings, millions = SIZES[name]
    with torch.device("meta"):
        net = JiT(JiTConfig(**settings))
    count = sum(weight.numel() for weight in net.parameters())
    assert round(count / 1e6) == pytest.approx(millions, abs=2)
