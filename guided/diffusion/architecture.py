"""What one diffusion model is: its network's switches, under guided-diffusion's own names, and the
kinds of schedule, spacing and prediction that there are. Imports no torch.
"""

from dataclasses import dataclass, field

SCHEDULES = ("linear", "cosine")  # of the noise
SPACINGS = ("ddim", "even")  # of the steps
PREDICTIONS = ("eps", "v", "x0")  # what the network says

# What guided-diffusion chooses when a checkpoint's settings name no multipliers.
CHANNEL_MULT = {
    512: [0.5, 1, 1, 2, 2, 4, 4],
    256: [1, 1, 2, 2, 4, 4],
    128: [1, 1, 2, 3, 4],
    64: [1, 2, 3, 4],
}


@dataclass
class UNetConfig:
    image_size: int = 256
    num_channels: int = 256
    channel_mult: list[float] = field(default_factory=list)  # empty: chosen by image_size
    num_res_blocks: int = 2
    attention_resolutions: list[int] = field(default_factory=lambda: [32, 16, 8])  # in pixels
    num_heads: int = 1
    num_head_channels: int = -1  # overrides num_heads when positive
    resblock_updown: bool = False
    use_scale_shift_norm: bool = True
    use_new_attention_order: bool = False
    learn_sigma: bool = True
    num_classes: int = 0  # 0: unconditional
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.num_channels < 1 or self.num_res_blocks < 1:
            raise ValueError("num_channels and num_res_blocks must be at least 1")
        if not all(1 <= size <= self.image_size for size in self.attention_resolutions):
            raise ValueError(
                f"attention_resolutions={self.attention_resolutions} must be sizes in pixels from "
                f"1 to image_size={self.image_size}"
            )
        for level, mult in enumerate(self.multipliers):
            channels = self.channels(level)
            per_head = self.num_head_channels if self.num_head_channels > 0 else 1
            heads = 1 if self.num_head_channels > 0 else self.num_heads
            if channels < 1 or channels % 32 or channels % per_head or channels % heads:
                raise ValueError(
                    f"num_channels={self.num_channels} times {mult:g} gives {channels} channels, "
                    "which must be a multiple of 32 and divide into the attention heads"
                )

    @property
    def multipliers(self) -> list[float]:
        """Of num_channels, for each level from the finest to the coarsest."""
        chosen = self.channel_mult or CHANNEL_MULT.get(self.image_size)
        if chosen is None:
            known = ", ".join(map(str, CHANNEL_MULT))
            raise ValueError(
                f"image_size={self.image_size} needs channel_mult; it is known for {known} only"
            )
        return chosen

    @property
    def divisor(self) -> int:
        """Width and height of an image must be multiples of this many pixels."""
        return 2 ** (len(self.multipliers) - 1)

    def channels(self, level: int) -> int:
        return int(self.multipliers[level] * self.num_channels)

    def attends(self, level: int) -> bool:
        return 2**level in {self.image_size // size for size in self.attention_resolutions}
