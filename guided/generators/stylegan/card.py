"""The card of a StyleGAN2, and recognising one by the names and shapes of its tensors.

Two formats are read: the names of NVIDIA's networks in PyTorch, and those of
https://github.com/rosinality/stylegan2-pytorch. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guided.errors import BadInput
from guided.generators.stylegan.config import MOST_BLOCKS, SMALLEST, StyleganConfig
from guided.models.cards import GeneratorCard, Recommended
from guided.models.weights_file import find_prefix, readable

Shapes = Mapping[str, tuple[int, ...]]
NVIDIA, ROSINALITY = "synthesis.b4.const", "to_rgb1.conv.weight"  # a name that each format has
AVERAGE = "mapping.w_avg"
UNUSED = re.compile(r"(.*\.)?(kernel|resample_filter)")  # filters, which are all the same
# Parts of names that networks have which are not drawn.
OTHERS = {
    "synthesis.input.freqs": "a StyleGAN3; StyleGAN2 is drawn",
    "mapping.embed.weight": "a StyleGAN2 with classes; those without are drawn",
    "synthesis.b8.skip.weight": 'of architecture "resnet"; "skip" is drawn',
}
LAYER = (
    (re.compile(r"conv\.weight"), "weight"),
    (re.compile(r"conv\.modulation\.(weight|bias)"), r"affine.\1"),
    (re.compile(r"noise\.weight"), "noise_strength"),
    (re.compile(r"(?:activate\.)?bias"), "bias"),
)


@dataclass
class StyleganCard(GeneratorCard):
    """A StyleGAN2 without classes."""

    size: list[int] = field(default_factory=lambda: [1024, 1024], metadata={"listed": True})
    recommended: Recommended = field(
        default_factory=lambda: Recommended(steps=200, fine=400), metadata={"listed": True}
    )
    network: StyleganConfig = field(default_factory=StyleganConfig)

    generator = "stylegan"

    def __post_init__(self) -> None:
        super().__post_init__()
        side = self.network.image_size
        if list(self.size) != [side, side]:
            raise ValueError(f"size={self.size} must be [{side},{side}], which its network draws")


def recognised(path: Path, tensors: Shapes) -> StyleganCard | None:
    """Return the card of a StyleGAN2's file; None if it is of something else. BadInput for a
    StyleGAN of a kind that is not drawn."""
    generates = any("synthesis." in name for name in tensors)
    for part, kind in OTHERS.items():
        if generates and any(name.endswith(part) for name in tensors):
            raise BadInput(f"model={path} is {kind}")
    names = names_of(tensors)
    if not names:
        return None
    shapes = {ours: tensors[theirs] for ours, theirs in names.items()}
    with readable("StyleGAN2", path):
        network = configuration(shapes)
    side = network.image_size
    return StyleganCard(
        name=path.stem, file=str(path.absolute()), size=[side, side], network=network
    )


def configuration(shapes: Shapes) -> StyleganConfig:
    """Return the architecture with these shapes. KeyError for a missing tensor, ValueError for
    shapes of another network."""
    blocks = sum(
        re.fullmatch(r"synthesis\.b\d+\.conv1\.weight", name) is not None for name in shapes
    )
    sizes = [SMALLEST << block for block in range(min(blocks, MOST_BLOCKS + 1))]
    layers = sum(re.fullmatch(r"mapping\.fc\d+\.weight", name) is not None for name in shapes)
    _, latent = shapes["mapping.fc0.weight"]
    return StyleganConfig(
        channels=[axis(shapes[f"synthesis.b{size}.conv1.weight"], -4) for size in sizes],
        latent=latent,
        width=axis(shapes["synthesis.b4.conv1.affine.weight"], 1),
        layers=layers,
    )


def axis(shape: tuple[int, ...], k: int) -> int:
    """Return the length of an axis; ValueError if there is none."""
    if not -len(shape) <= k < len(shape):
        raise ValueError(f"a tensor has the shape {shape}")
    return shape[k]


def names_of(tensors: Iterable[str]) -> dict[str, str]:
    """Return the names in a file of either format by NVIDIA's, which our network has; empty if it
    holds no StyleGAN2."""
    names = list(tensors)
    prefix = find_prefix(names, NVIDIA)
    if prefix is not None:
        inside = [name for name in names if name.startswith(prefix)]
        found = {name.removeprefix(prefix): name for name in inside}
    else:
        prefix = find_prefix(names, ROSINALITY)
        if prefix is None:
            return {}
        inside = [name for name in names if name.startswith(prefix)]
        found = {renamed(name.removeprefix(prefix)): name for name in inside}
        average = next((name for name in names if name.split(".")[-1] == "latent_avg"), None)
        found |= {AVERAGE: average} if average else {}
    return {ours: theirs for ours, theirs in found.items() if not UNUSED.fullmatch(ours)}


def renamed(name: str) -> str:
    """Return NVIDIA's name of a tensor that rosinality's program calls `name`; the name itself if
    it has none, as with numbers of more digits than networks have."""
    if match := re.fullmatch(r"style\.(\d{1,2})\.(weight|bias)", name):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}"
    if name == "input.input":
        return NVIDIA
    if match := re.fullmatch(r"noises\.noise_(\d{1,2})", name):
        return f"{layer(int(match[1]))}.noise_const"
    if match := re.fullmatch(r"(?:conv1|convs\.(\d{1,2}))\.(.+)", name):
        return f"{layer(0 if match[1] is None else int(match[1]) + 1)}.{inside_layer(match[2])}"
    if match := re.fullmatch(r"to_rgb(?:1|s\.(\d{1,2}))\.(.+)", name):
        size = SMALLEST if match[1] is None else 2 * SMALLEST << int(match[1])
        return f"synthesis.b{size}.torgb.{inside_layer(match[2])}"
    return name


def layer(number: int) -> str:
    """Return the name of a convolution, counted from the smallest pictures on."""
    if number == 0:
        return "synthesis.b4.conv1"
    return f"synthesis.b{2 * SMALLEST << (number - 1) // 2}.conv{(number - 1) % 2}"


def inside_layer(name: str) -> str:
    """Return the name of a tensor inside of a layer."""
    for pattern, ours in LAYER:
        if match := pattern.fullmatch(name):
            return match.expand(ours)
    return name
