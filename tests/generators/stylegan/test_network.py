"""A StyleGAN2 beside an implementation of the paper's formulas that shares nothing with it: the
weights of each picture written out, enlarging by explicit convolution."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.generators.stylegan.config import StyleganConfig
from guided.generators.stylegan.network import StyleGAN2
from tests.doubles import randomised

SMALL = StyleganConfig(channels=[6, 5, 4], latent=7, width=8, layers=3)
Weights = dict[str, Tensor]


def network(config: StyleganConfig = SMALL) -> StyleGAN2:
    """Return a network of random weights, noise and mean latent, in float64."""
    net = randomised(StyleGAN2(config), seed=3)
    generator = torch.Generator().manual_seed(4)
    for buffer in net.buffers():
        buffer.copy_(torch.randn(buffer.shape, generator=generator))
    return net.double().eval().requires_grad_(False)


def normal(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


# ---- the paper's formulas ------------------------------------------------------------------


def dense(w: Weights, name: str, x: Tensor, rate: float = 1.0) -> Tensor:
    """Equalised learning rate: weights are stored with a standard deviation of 1 / rate."""
    weight = w[f"{name}.weight"]
    return weight @ x * rate / math.sqrt(len(x)) + w[f"{name}.bias"] * rate


def lrelu(x: Tensor) -> Tensor:
    return math.sqrt(2) * torch.where(x > 0, x, 0.2 * x)


def latent_w(w: Weights, config: StyleganConfig, z: Tensor) -> Tensor:
    x = z / math.sqrt(float((z**2).mean()) + 1e-8)
    for k in range(config.layers):
        x = lrelu(dense(w, f"mapping.fc{k}", x, 0.01))
    return x


def convolved(x: Tensor, weight: Tensor) -> Tensor:
    """The correlation of x (C, H, W) with (O, C, 3, 3), of the same size, place by place."""
    padded = torch.zeros(len(x), x.shape[1] + 2, x.shape[2] + 2, dtype=x.dtype)
    padded[:, 1:-1, 1:-1] = x
    out = torch.zeros(len(weight), *x.shape[1:], dtype=x.dtype)
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            out[:, i, j] = (weight * padded[:, i : i + 3, j : j + 3]).sum((1, 2, 3))
    return out


def spread(x: Tensor) -> Tensor:
    """Zeros between the pixels of (C, H, W)."""
    out = torch.zeros(len(x), 2 * x.shape[1], 2 * x.shape[2], dtype=x.dtype)
    out[:, ::2, ::2] = x
    return out


def fir(x: Tensor, left: int, right: int) -> Tensor:
    """The filter 1 3 3 1 along both axes, with four times the sum, of x (C, H, W) padded."""
    x = F.pad(x, (left, right, left, right))
    taps = torch.tensor([1.0, 3, 3, 1], dtype=x.dtype) / 4
    rows = sum(taps[k] * x[:, k : x.shape[1] - 3 + k] for k in range(4))
    return sum(taps[k] * rows[:, :, k : x.shape[2] - 3 + k] for k in range(4))


def styled(w: Weights, name: str, x: Tensor, latent: Tensor, up: bool) -> Tensor:
    style = dense(w, f"{name}.affine", latent)
    weight = w[f"{name}.weight"] * style[None, :, None, None]  # of this picture alone
    weight = weight / torch.sqrt((weight**2).sum((1, 2, 3), keepdim=True) + 1e-8)
    if up:  # a convolution of the spread image, then the filter
        around = F.pad(spread(x), (1, 1, 1, 1))
        x = fir(convolved(around, weight.flip(2, 3)), 1, 0)
    else:
        x = convolved(x, weight)
    x = x + w[f"{name}.noise_const"] * w[f"{name}.noise_strength"]
    return lrelu(x + w[f"{name}.bias"][:, None, None])


def colours(w: Weights, name: str, x: Tensor, latent: Tensor) -> Tensor:
    style = dense(w, f"{name}.affine", latent) / math.sqrt(len(x))
    weight = w[f"{name}.weight"][:, :, 0, 0] * style
    return torch.einsum("oc,chw->ohw", weight, x) + w[f"{name}.bias"][:, None, None]


def picture(w: Weights, config: StyleganConfig, latents: Tensor) -> Tensor:
    """One picture of latents (styles, width), taken in order by convolutions; the colours of a
    block take the next one, which the following block begins with."""
    x, at = w["synthesis.b4.const"], 0
    image = None
    for size in config.sizes:
        block = f"synthesis.b{size}"
        if size > 4:
            x, at = styled(w, f"{block}.conv0", x, latents[at], True), at + 1
        x, at = styled(w, f"{block}.conv1", x, latents[at], False), at + 1
        added = colours(w, f"{block}.torgb", x, latents[at])
        image = added if image is None else fir(spread(image), 2, 1) + added
    return image


# ---- the network ---------------------------------------------------------------------------


def test_latents_are_those_of_the_paper() -> None:
    net, z = network(), normal(3, 7)
    expected = torch.stack([latent_w(net.state_dict(), SMALL, one) for one in z])
    assert torch.allclose(net.mapping(z), expected, atol=1e-12)
    assert expected.std() > 1e-4


@pytest.mark.parametrize("config", [SMALL, StyleganConfig([3], 4, 5, 1)])
def test_pictures_are_those_of_the_paper(config: StyleganConfig) -> None:
    net, latents = network(config), normal(2, config.styles, config.width)
    expected = torch.stack([picture(net.state_dict(), config, one) for one in latents])
    made = net(latents)
    assert made.shape == (2, 3, config.image_size, config.image_size)
    assert torch.allclose(made, expected, atol=1e-10)
    assert expected.std() > 0.01


def test_one_latent_is_that_of_every_layer() -> None:
    net, latent = network(), normal(2, 1, 8)
    assert torch.equal(net(latent), net(latent.expand(-1, SMALL.styles, -1)))


def test_every_layers_latent_counts() -> None:
    net, latents = network(), normal(1, SMALL.styles, 8)
    for k in range(SMALL.styles):
        other = latents.clone()
        other[:, k] += 0.5
        assert (net(other) - net(latents)).abs().max() > 1e-6


def test_checkpointing_changes_neither_the_picture_nor_the_gradient() -> None:
    net = network()
    found = []
    for checkpointing in (False, True):
        net.checkpointing = checkpointing
        latents = normal(2, SMALL.styles, 8).requires_grad_()
        image = net(latents)
        found.append((image.detach(), torch.autograd.grad(image.square().sum(), latents)[0]))
    assert torch.equal(found[0][0], found[1][0]) and torch.equal(found[0][1], found[1][1])
    assert found[0][1].abs().min() > 0


def test_the_published_network_has_its_parameters() -> None:
    with torch.device("meta"):
        net = StyleGAN2(StyleganConfig())
    count = {
        name: sum(w.numel() for w in part.parameters()) for name, part in net.named_children()
    }
    assert count["mapping"] == 8 * (512 * 512 + 512)
    assert sum(count.values()) == 30_370_060
