"""The configuration of a latent diffusion model: U-Net, autoencoder and text encoder. Imports no
torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from guided.errors import check_number, not_one_of, shown

GROUPS = 32  # of normalisations, by which channels are divisible
ACTIVATIONS = ("quick_gelu", "gelu")
WORDS, END = 49408, 49407  # tokens of CLIP's vocabulary, and the one that ends a text
LENGTH = 77  # tokens that a text encoder reads


@dataclass
class UNetShape:
    """A U-Net on latents that sees texts by cross-attention."""

    channels: list[int] = field(default_factory=lambda: [320, 640, 1280, 1280])  # of each level
    attention: list[int] = field(default_factory=lambda: [0, 1, 2])  # levels with attention
    layers: int = 2  # residual blocks of a level on the way down; one more on the way up
    context: int = 768  # numbers for each token of a text
    heads: list[int] = field(default_factory=lambda: [8, 8, 8, 8])  # of each level
    linear: bool = False  # fully connected layers around attention, not convolutions

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_numbers(layers=self.layers, context=self.context)
        if len(self.heads) != len(self.channels):
            raise ValueError(f"heads={shown(self.heads)} must be one number for each level")
        for heads, channels in zip(self.heads, self.channels, strict=True):
            check_number("heads", heads, 1, channels, whole=True)
            if channels % heads:
                raise ValueError(f"heads={shown(self.heads)} must divide channels={self.channels}")
        for level in self.attention:
            check_number("attention", level, 0, len(self.channels) - 1, whole=True)


@dataclass
class VAEShape:
    """An autoencoder of pictures."""

    channels: list[int] = field(default_factory=lambda: [128, 256, 512, 512])  # of each level
    layers: int = 2  # residual blocks of a level of the encoder; the decoder's have one more
    scaling: float = 0.18215  # factor of latents, so that their variance is about 1

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_numbers(layers=self.layers)
        check_number("scaling", self.scaling, 1e-6, 1e6)

    @property
    def divisor(self) -> int:
        """Return the side in pixels of what a latent stands for."""
        return 1 << (len(self.channels) - 1)


@dataclass
class TextShape:
    """The text encoder of a CLIP, with CLIP's vocabulary."""

    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072  # width inside of a layer
    activation: str = "quick_gelu"
    padding: int = END  # the token behind the end of a text

    def __post_init__(self) -> None:
        check_numbers(width=self.width, layers=self.layers, heads=self.heads, hidden=self.hidden)
        check_number("padding", self.padding, 0, WORDS - 1, whole=True)
        if self.activation not in ACTIVATIONS:
            raise ValueError(not_one_of("activation", self.activation, ACTIVATIONS))
        if self.width % self.heads:
            raise ValueError(f"heads={self.heads} must divide width={self.width}")


def check_channels(channels: Sequence[int]) -> None:
    """Raise ValueError unless these are the channels of 1 to 8 levels."""
    if not 1 <= len(channels) <= 8:
        raise ValueError(f"channels={shown(channels)} must be of 1 to 8 levels")
    for number in channels:
        check_number("channels", number, GROUPS, 8192, whole=True)
        if number % GROUPS:
            raise ValueError(f"channels={shown(channels)} must be multiples of {GROUPS}")


def check_numbers(**numbers: int) -> None:
    """Raise ValueError unless each is a whole number from 1 to 8192."""
    for name, number in numbers.items():
        check_number(name, number, 1, 8192, whole=True)
