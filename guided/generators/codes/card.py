"""Cards of vector-quantised autoencoders, and their recognition by the tensors of a file.

The formats are those of taming-transformers (VQGAN; Esser, Rombach and Ommer 2021,
https://arxiv.org/abs/2012.09841) and of LlamaGen (Sun et al. 2024,
https://arxiv.org/abs/2406.06525), which differ in the names of the same layers. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from guided.errors import check_number, shown
from guided.models.cards import GeneratorCard, Recommended
from guided.models.weights_file import count_layers, find_prefix, readable

ANCHOR = "quantize.embedding.weight"  # every such network has it
MIDDLE = "decoder.mid.0.norm1.weight"  # by LlamaGen's names
CONDITION = "cond_stage_model."  # of a transformer: a network of its own, of other pictures
UNUSED = re.compile(r"loss\.|quantize\.codebook_used$")  # of their training
# Parts of the names of taming-transformers, and what LlamaGen calls them.
RENAMED = (
    (r"^encoder\.down\.(\d+)\.block\.", r"encoder.conv_blocks.\1.res."),
    (r"^encoder\.down\.", "encoder.conv_blocks."),
    (r"\.mid\.block_1\.", ".mid.0."),
    (r"\.mid\.attn_1\.", ".mid.1."),
    (r"\.mid\.block_2\.", ".mid.2."),
)
UP = re.compile(r"decoder\.up\.(\d{1,2})\.(?:block\.)?(.*)")
MOST = {
    "channels": 8192,
    "groups": 32,
    "res_blocks": 100,
    "latent": 8192,
    "code": 8192,
    "codes": 10**6,
}
IN_GROUP = 4  # channels at least: the published networks' fewest; 1 alone loses its mean


@dataclass
class VQConfig:
    """The architecture of a vector-quantised autoencoder."""

    channels: int = 128  # of the finest level
    groups: int = 32  # of channels that are normalised together
    channel_mult: list[int] = field(default_factory=lambda: [1, 1, 2, 2, 4])  # of each level
    res_blocks: int = 2  # of a level of the encoder; the decoder's have one more
    attention: list[int] = field(default_factory=lambda: [4])  # levels with attention, from 0
    latent: int = 256  # channels between the encoder and the codes
    code: int = 256  # length of a code
    codes: int = 1024  # number of codes
    normalised: bool = False  # codes are compared by their directions alone

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            check_number(name, getattr(self, name), 1, most, whole=True)
        if not 1 <= len(self.channel_mult) <= 8:
            raise ValueError(f"channel_mult={shown(self.channel_mult)} must be of 1 to 8 levels")
        for mult in self.channel_mult:
            check_number("channel_mult", mult, 1, 64, whole=True)
        if self.channels % self.groups:
            raise ValueError(
                f"channels={self.channels} must be a multiple of groups={self.groups}"
            )

    @property
    def divisor(self) -> int:
        """Return the side in pixels of the square that a code stands for."""
        return 1 << (len(self.channel_mult) - 1)


@dataclass
class CodesCard(GeneratorCard):
    """A vector-quantised autoencoder."""

    size: list[int] = field(default_factory=lambda: [256, 256], metadata={"listed": True})
    recommended: Recommended = field(
        default_factory=lambda: Recommended(steps=300, fine=600), metadata={"listed": True}
    )
    vq: VQConfig = field(default_factory=VQConfig)

    generator = "codes"

    @property
    def divisor(self) -> int:
        """Return the side in pixels of the square that a code stands for."""
        return self.vq.divisor


def renamed(key: str, last: int) -> str:
    """Return LlamaGen's name of a tensor that may have taming's, which counts the levels of the
    decoder from the finest, 0, to the `last`."""
    if found := UP.match(key):
        layer = found[2] if found[2].startswith(("attn", "upsample")) else f"res.{found[2]}"
        return f"decoder.conv_blocks.{last - int(found[1])}.{layer}"
    for pattern, name in RENAMED:
        key = re.sub(pattern, name, key)
    return key


def names_of(keys: Iterable[str]) -> dict[str, str]:
    """Return the names in a file of either format by LlamaGen's, less those of the training; empty
    if it holds no such network."""
    names = [key for key in keys if CONDITION not in key]
    prefix = find_prefix(names, ANCHOR)
    if prefix is None or f"{prefix}decoder.conv_in.weight" not in names:
        return {}
    inner = [key.removeprefix(prefix) for key in names if key.startswith(prefix)]
    last = max((int(found[1]) for key in inner if (found := UP.match(key))), default=0)
    return {renamed(key, last): prefix + key for key in inner if not UNUSED.match(key)}


def recognised(path: Path, tensors: Mapping[str, tuple[int, ...]]) -> CodesCard | None:
    """Return a card of the network in a file with these shapes; None if it is of another kind.
    BadInput if it is such a network, and cannot be read."""
    names = names_of(tensors)
    if not names:
        return None
    shapes = {ours: tensors[theirs] for ours, theirs in names.items()}
    with readable("VQGAN", path):
        config = config_of(shapes, names.get(MIDDLE, "").endswith(MIDDLE))
    return CodesCard(name=path.stem, file=str(path.absolute()), vq=config)


def config_of(shapes: Mapping[str, tuple[int, ...]], llamagen: bool) -> VQConfig:
    """Return the architecture with these shapes, by LlamaGen's names; `llamagen`: the file has
    them too. KeyError for a missing tensor, ValueError for shapes of another network."""
    channels, colours = shapes["encoder.conv_in.weight"][:2]
    if colours != 3:
        raise ValueError(f"it reads {colours} channels, not 3")
    levels = count_layers(shapes, "encoder.conv_blocks.")
    blocks = count_layers(shapes, "encoder.conv_blocks.0.res.")
    widths = [
        shapes[f"encoder.conv_blocks.{level}.res.0.conv1.weight"][0] for level in range(levels)
    ]
    if any(width % channels for width in widths):
        raise ValueError(f"its levels have {widths} channels, no multiples of {channels}")
    codes, code = shapes[ANCHOR]
    # Networks of this program's training are narrower than LlamaGen's.
    groups = max(1, min(VQConfig.groups, channels // IN_GROUP)) if llamagen else VQConfig.groups
    return VQConfig(
        channels=channels,
        groups=groups,
        channel_mult=[width // channels for width in widths],
        res_blocks=blocks,
        attention=[
            level
            for level in range(levels)
            if f"encoder.conv_blocks.{level}.attn.0.q.weight" in shapes
        ],
        latent=shapes["encoder.conv_out.weight"][0],
        code=code,
        codes=codes,
        normalised=llamagen,
    )
