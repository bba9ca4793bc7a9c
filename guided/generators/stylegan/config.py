"""The configuration of a StyleGAN2. Imports no torch."""

from dataclasses import dataclass, field

from guided.errors import check_number, shown

SMALLEST = 4  # pixels a side of the first block
MOST_BLOCKS = 11  # 4096 pixels a side


@dataclass
class StyleganConfig:
    """The architecture of a StyleGAN2; ValueError for values that cannot be built."""

    # of the blocks at 4, 8, 16, ... pixels
    channels: list[int] = field(
        default_factory=lambda: [512, 512, 512, 512, 512, 256, 128, 64, 32]
    )
    latent: int = 512  # numbers of a latent z
    width: int = 512  # numbers of a latent w
    layers: int = 8  # from z to w

    def __post_init__(self) -> None:
        if not 1 <= len(self.channels) <= MOST_BLOCKS:
            raise ValueError(
                f"channels={shown(self.channels)} must be of 1 to {MOST_BLOCKS} blocks"
            )
        for name, values, most in (
            ("channels", self.channels, 8192),
            ("latent", [self.latent], 8192),
            ("width", [self.width], 8192),
            ("layers", [self.layers], 64),
        ):
            for value in values:
                check_number(name, value, 1, most, whole=True)

    @property
    def image_size(self) -> int:
        """Return the width and height of its pictures."""
        return self.sizes[-1]

    @property
    def sizes(self) -> list[int]:
        """Return the sides of the blocks in pixels."""
        return [SMALLEST << block for block in range(len(self.channels))]

    @property
    def styles(self) -> int:
        """Return the number of layers that a latent w decides the style of: two in each block."""
        return 2 * len(self.channels)
