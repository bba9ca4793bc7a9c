"""The autoencoder against an implementation from the papers and the names of the tensors."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.errors import BadInput
from guided.generators.codes.card import CodesCard, VQConfig, names_of, recognised
from guided.generators.codes.network import Autoencoder, Codebook, load
from guided.models.recognise import shapes
from tests.generators.codes import published
from tests.generators.codes.test_card import CARDS, PUBLISHED

CPU = torch.device("cpu")
SMALL = dict(ch=32, mult=(1, 2), blocks=1, latent=6)


def random(form: str) -> dict[str, Tensor]:
    """Weights of a small network with as much going on in each layer as in a trained one."""
    rng = torch.Generator().manual_seed(3)
    shapes = published.tensors(form, 12, 4, **SMALL)
    found = {}
    for key, shape in shapes.items():
        scale = (shape[1] * 9) ** -0.5 if len(shape) == 4 else 0.3
        found[key] = scale * torch.randn(shape, generator=rng)
        if "norm" in key and key.endswith("weight"):
            found[key] += 1
    return found


class Oracle:
    """VQGAN's and LlamaGen's autoencoder as functions of named tensors."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.weights = {key: tensor.double() for key, tensor in weights.items()}
        self.taming = "encoder.mid.block_1.norm1.weight" in weights
        self.middle = ("block_1", "attn_1", "block_2") if self.taming else ("0", "1", "2")
        self.levels = len(SMALL["mult"])
        # Four channels together in narrow networks of this program, which have LlamaGen's names.
        self.groups = 32 if self.taming else SMALL["ch"] // 4

    def conv(self, name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = self.weights[f"{name}.weight"]
        padding = 0 if stride > 1 else weight.shape[-1] // 2
        return F.conv2d(x, weight, self.weights[f"{name}.bias"], stride, padding)

    def norm(self, name: str, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        groups = x.reshape(b, self.groups, -1)
        mean = groups.mean(2, keepdim=True)
        variance = (groups - mean).square().mean(2, keepdim=True)
        x = ((groups - mean) / (variance + 1e-6).sqrt()).reshape(b, c, h, w)
        weight, bias = (self.weights[f"{name}.{part}"] for part in ("weight", "bias"))
        return x * weight[:, None, None] + bias[:, None, None]

    def swish(self, x: Tensor) -> Tensor:
        return x / (1 + (-x).exp())

    def res(self, name: str, x: Tensor) -> Tensor:
        h = self.conv(f"{name}.conv1", self.swish(self.norm(f"{name}.norm1", x)))
        h = self.conv(f"{name}.conv2", self.swish(self.norm(f"{name}.norm2", h)))
        short = f"{name}.nin_shortcut"
        return h + (self.conv(short, x) if f"{short}.weight" in self.weights else x)

    def attention(self, name: str, x: Tensor) -> Tensor:
        h = self.norm(f"{name}.norm", x)
        q, k, v = (self.conv(f"{name}.{part}", h).flatten(2) for part in "qkv")
        scores = torch.einsum("bci,bcj->bij", q, k) * q.shape[1] ** -0.5
        seen = torch.einsum("bij,bcj->bci", scores.softmax(2), v).reshape(x.shape)
        return x + self.conv(f"{name}.proj_out", seen)

    def level(self, name: str, x: Tensor) -> Tensor:
        k = 0
        block = "block" if self.taming else "res"
        while f"{name}.{block}.{k}.norm1.weight" in self.weights:
            x = self.res(f"{name}.{block}.{k}", x)
            if f"{name}.attn.{k}.q.weight" in self.weights:
                x = self.attention(f"{name}.attn.{k}", x)
            k += 1
        return x

    def mid(self, part: str, x: Tensor) -> Tensor:
        x = self.res(f"{part}.mid.{self.middle[0]}", x)
        x = self.attention(f"{part}.mid.{self.middle[1]}", x)
        return self.res(f"{part}.mid.{self.middle[2]}", x)

    def out(self, part: str, x: Tensor) -> Tensor:
        return self.conv(f"{part}.conv_out", self.swish(self.norm(f"{part}.norm_out", x)))

    def encode(self, x: Tensor) -> Tensor:
        h = self.conv("encoder.conv_in", x.double())
        for k in range(self.levels):
            name = f"encoder.{'down' if self.taming else 'conv_blocks'}.{k}"
            h = self.level(name, h)
            if k < self.levels - 1:
                h = self.conv(f"{name}.downsample.conv", F.pad(h, (0, 1, 0, 1)), stride=2)
        return self.conv("quant_conv", self.out("encoder", self.mid("encoder", h)))

    def quantise(self, z: Tensor) -> Tensor:
        codes = self.weights["quantize.embedding.weight"]
        if not self.taming:  # LlamaGen's are unit vectors
            codes, z = (v / v.norm(dim=1, keepdim=True) for v in (codes, z.double()))
        vectors = z.double().permute(0, 2, 3, 1)
        nearest = (vectors[..., None, :] - codes).square().sum(-1).argmin(-1)
        return codes[nearest].permute(0, 3, 1, 2)

    def decode(self, z: Tensor) -> Tensor:
        h = self.conv("decoder.conv_in", self.conv("post_quant_conv", z.double()))
        h = self.mid("decoder", h)
        for k in range(self.levels):
            level = self.levels - 1 - k
            name = f"decoder.up.{level}" if self.taming else f"decoder.conv_blocks.{k}"
            h = self.level(name, h)
            if level:
                doubled = h.repeat_interleave(2, 2).repeat_interleave(2, 3)
                h = self.conv(f"{name}.upsample.conv", doubled)
        return self.out("decoder", h)


def loaded(weights: dict[str, Tensor], path: Path) -> Autoencoder:
    torch.save({"state_dict": weights, "epoch": 3}, path)
    card = recognised(path, shapes(path))
    assert card is not None
    return load(card, CPU, torch.float32)


@pytest.mark.parametrize("form", ["taming", "llamagen"])
def test_pictures_codes_and_latents_are_those_of_the_formulas(form: str, tmp_path: Path) -> None:
    weights = random(form)
    ours, theirs = (
        loaded(weights | {"loss.x": torch.ones(1)}, tmp_path / "x.ckpt"),
        Oracle(weights),
    )
    images = torch.randn(2, 3, 8, 12, generator=torch.Generator().manual_seed(1))
    latents = ours.encode(images)
    assert (latents - theirs.encode(images)).abs().max() < 1e-4
    codes = ours.quantize(latents)
    assert (codes - theirs.quantise(latents)).abs().max() < 1e-5
    drawn = ours.decode(codes)
    assert drawn.shape == images.shape and drawn.std() > 0.1
    assert (drawn - theirs.decode(codes)).abs().max() < 1e-4


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_tensors_are_all_of_the_network_s(name: str) -> None:
    """Nothing is missing, nothing is left over but what only training needs."""
    card = CARDS[name]
    with torch.device("meta"):
        ours = {key: tuple(t.shape) for key, t in Autoencoder(card.vq).state_dict().items()}
    names = names_of(PUBLISHED[name])
    assert {key: PUBLISHED[name][theirs] for key, theirs in names.items()} == ours
    left = PUBLISHED[name].keys() - names.values()
    assert all(key.startswith(("loss.", "quantize.codebook")) for key in left)


def test_the_gradient_passes_straight_through_the_choice_of_codes() -> None:
    """Without directions it is that of the latents themselves; with, that of their directions."""
    rng = torch.Generator().manual_seed(2)
    latents = torch.randn(1, 4, 2, 2, generator=rng, requires_grad=True)
    grad = torch.randn(1, 4, 2, 2, generator=rng)
    plain = Codebook(VQConfig(codes=9, code=4))
    (found,) = torch.autograd.grad(plain(latents), latents, grad)
    assert torch.equal(found, grad)
    unit = Codebook(VQConfig(codes=9, code=4, normalised=True))
    (found,) = torch.autograd.grad(unit(latents), latents, grad)
    length = latents.detach().norm(dim=1, keepdim=True)
    along = latents.detach() / length
    expected = (grad - along * (grad * along).sum(1, keepdim=True)) / length
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_file_that_does_not_fit_its_card_is_told(tmp_path: Path) -> None:
    torch.save(random("taming"), tmp_path / "x.ckpt")
    with pytest.raises(BadInput, match="does not fit its card"):
        load(CodesCard(name="x", file=str(tmp_path / "x.ckpt")), CPU, torch.float32)


def test_recomputed_activations_change_no_gradient(tmp_path: Path) -> None:
    network = loaded(random("taming"), tmp_path / "x.ckpt")
    latents = torch.randn(1, 4, 3, 2, generator=torch.Generator().manual_seed(1))
    found = []
    for network.checkpointing in (False, True):
        z = latents.clone().requires_grad_()
        found.append(torch.autograd.grad(network.decode(z).square().sum(), z)[0])
    assert torch.equal(*found)
