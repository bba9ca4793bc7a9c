"""StyleGANs read back from the names and shapes of their tensors, in either format."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from guided.errors import BadInput
from guided.generators.stylegan.card import StyleganCard, recognised
from guided.generators.stylegan.config import StyleganConfig
from guided.generators.stylegan.network import StyleGAN2

SMALL = StyleganConfig(channels=[6, 5, 4], latent=7, width=8, layers=3)
Tensors = dict[str, Tensor]


def in_rosinalitys_names(tensors: Tensors, config: StyleganConfig = SMALL) -> Tensors:
    """Return tensors as https://github.com/rosinality/stylegan2-pytorch saves them: beside raw
    weights, with filters, and axes of length 1."""
    found = {"latent_avg": tensors["mapping.w_avg"]}
    for k in range(config.layers):
        for part in ("weight", "bias"):
            found[f"g_ema.style.{k + 1}.{part}"] = tensors[f"mapping.fc{k}.{part}"]
    found["g_ema.input.input"] = tensors["synthesis.b4.const"][None]
    numbers = iter(range(100))
    for size in config.sizes:
        block = f"synthesis.b{size}"
        for conv in ("conv1",) if size == 4 else ("conv0", "conv1"):
            ours, number = f"{block}.{conv}", next(numbers)
            theirs = "g_ema.conv1" if number == 0 else f"g_ema.convs.{number - 1}"
            found |= {
                f"{theirs}.conv.weight": tensors[f"{ours}.weight"][None],
                f"{theirs}.conv.modulation.weight": tensors[f"{ours}.affine.weight"],
                f"{theirs}.conv.modulation.bias": tensors[f"{ours}.affine.bias"],
                f"{theirs}.noise.weight": tensors[f"{ours}.noise_strength"][None],
                f"{theirs}.activate.bias": tensors[f"{ours}.bias"],
                f"g_ema.noises.noise_{number}": tensors[f"{ours}.noise_const"][None, None],
            }
            if conv == "conv0":
                found[f"{theirs}.conv.blur.kernel"] = torch.ones(4, 4)
        ours = f"{block}.torgb"
        theirs = "g_ema.to_rgb1" if size == 4 else f"g_ema.to_rgbs.{config.sizes.index(size) - 1}"
        found |= {
            f"{theirs}.conv.weight": tensors[f"{ours}.weight"][None],
            f"{theirs}.conv.modulation.weight": tensors[f"{ours}.affine.weight"],
            f"{theirs}.conv.modulation.bias": tensors[f"{ours}.affine.bias"],
            f"{theirs}.bias": tensors[f"{ours}.bias"].view(1, 3, 1, 1),
        }
        if size > 4:
            found[f"{theirs}.upsample.kernel"] = torch.ones(4, 4)
    raw = {name.replace("g_ema.", "g."): torch.zeros_like(t) for name, t in found.items()}
    return raw | found


def in_nvidias_names(tensors: Tensors, config: StyleganConfig = SMALL) -> Tensors:
    """Return tensors as of a network of NVIDIA's, with its filters."""
    filters = {
        f"G_ema.synthesis.b{size}.resample_filter": torch.ones(4, 4) for size in config.sizes
    }
    return {f"G_ema.{name}": tensor for name, tensor in tensors.items()} | filters


NAMINGS = {"rosinality": in_rosinalitys_names, "nvidia": in_nvidias_names}


def shapes(tensors: Tensors) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("config", [SMALL, StyleganConfig()])
def test_an_architecture_is_recognised_in_either_format(naming: str, config) -> None:
    with torch.device("meta"):
        tensors = NAMINGS[naming](StyleGAN2(config).state_dict(), config)
        card = recognised(Path("faces.pt"), shapes(tensors))
    assert card is not None and card.network == config
    assert card.size == [config.image_size] * 2 and card.name == "faces"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("synthesis.input.freqs", "a StyleGAN3"),
        ("mapping.embed.weight", "with classes"),
        ("synthesis.b8.skip.weight", 'architecture "resnet"'),
    ],
)
def test_other_networks_of_nvidias_are_refused_by_kind(name: str, said: str) -> None:
    tensors = StyleGAN2(SMALL).state_dict() | {name: torch.zeros(1)}
    with pytest.raises(BadInput, match=f"^model=x.pt is .*{said}"):
        recognised(Path("x.pt"), shapes(in_nvidias_names(tensors)))


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("mapping.fc0.weight", None, "mapping.fc0.weight is missing"),
        ("mapping.fc0.weight", (3,), "not enough values"),
        ("synthesis.b4.conv1.weight", (6, 6), "a tensor has the shape"),
        ("synthesis.b16.conv1.weight", (0, 4, 3, 3), "channels=0"),
    ],
)
def test_other_shapes_are_refused_in_one_line(name: str, shape, said: str) -> None:
    found = shapes(StyleGAN2(SMALL).state_dict())
    found.pop(name)
    if shape is not None:
        found[name] = shape
    with pytest.raises(BadInput, match=f"^model=x.pt is no StyleGAN2 that can be read: .*{said}"):
        recognised(Path("x.pt"), found)


@pytest.mark.parametrize("number", ["99999999999999", "9" * 5000])
@pytest.mark.parametrize("name", ["noises.noise_{}", "convs.{}.conv.weight", "to_rgbs.{}.bias"])
def test_large_numbers_in_names_cost_no_memory(name: str, number: str) -> None:
    found = {"to_rgb1.conv.weight": (1, 3, 6, 1, 1), name.format(number): (1,)}
    with pytest.raises(BadInput, match=r"mapping.fc0.weight is missing"):
        recognised(Path("x.pt"), found)


def test_other_files_are_no_stylegan() -> None:
    assert recognised(Path("x.pt"), {"time_embed.0.weight": (4, 1)}) is None


def test_a_card_of_another_size_than_its_network_s_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \[1024,1024\]"):
        StyleganCard(name="x", file="x.pt", size=[512, 512])
