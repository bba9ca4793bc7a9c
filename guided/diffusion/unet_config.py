"""The configuration of a U-Net, with guided-diffusion's names, and the choices of noise schedule,
spacing and parametrisation. Imports no torch.
"""

from dataclasses import dataclass, field

from guided.errors import check_number, shown

SCHEDULES = ("linear", "cosine")  # of the noise
FLOW = "flow"  # the one of networks trained by flow matching
SPACINGS = ("ddim", "even")  # of the steps
PREDICTIONS = ("eps", "v", "x0")  # parametrisations of the network's output

# guided-diffusion's defaults by image_size.
CHANNEL_MULT: dict[int, list[float]] = {
    512: [0.5, 1, 1, 2, 2, 4, 4],
    256: [1, 1, 2, 2, 4, 4],
    128: [1, 1, 2, 3, 4],
    64: [1, 2, 3, 4],
}
DEEPEST = 12  # levels
MOST = {
    **{"num_channels": 8192, "num_res_blocks": 100, "num_heads": 1024},
    **{"image_size": 8192, "patch": 64},
}


@dataclass
class UNetConfig:
    """The architecture of a U-Net; ValueError for values that cannot be built."""

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
    patch: int = 1  # side in pixels of the patches that the network works on
    dense: int = 0  # width of fully connected layers that estimate the image first; 0: none
    dense_hidden: int = 0  # width of the layer between them; 0: twice `dense`
    ddpm: bool = False  # details of the first DDPMs: normalisation, time embedding, downsampling

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            check_number(name, getattr(self, name), 1, most, whole=True)
        check_number("num_classes", self.num_classes, 0, 10**6, whole=True)
        check_number("dropout", self.dropout, 0, 1)
        check_number("dense", self.dense, 0, 10**5, whole=True)
        if len(self.channel_mult) > DEEPEST:
            raise ValueError(f"channel_mult={shown(self.channel_mult)}: at most {DEEPEST} levels")
        for mult in self.channel_mult:
            check_number("channel_mult", mult, 0, 64)
        if min(self.attention_resolutions, default=1) < 1:
            raise ValueError(
                f"attention_resolutions={self.attention_resolutions} must be sizes in pixels"
            )
        check_number("dense_hidden", self.dense_hidden, 0, 10**5, whole=True)
        if self.dense_hidden and not self.dense:
            raise ValueError(f"dense_hidden={self.dense_hidden} needs dense above 0")
        if self.dense and self.learn_sigma:
            raise ValueError(f"dense={self.dense} needs learn_sigma=false: it has no variance")
        step = max(2, self.divisor)
        if self.dense and self.image_size % step:
            raise ValueError(
                f"dense={self.dense} needs an image_size that is a multiple of {step}, "
                f"not {self.image_size}"
            )
        for level, mult in enumerate(self.multipliers):
            channels = self.channels(level)
            product = f"num_channels={self.num_channels} times {mult:g}: {channels} channels"
            if channels < 1 or channels % 32:
                raise ValueError(f"{product} are not a multiple of 32")
            per_head = self.num_head_channels
            if channels % (per_head if per_head > 0 else self.num_heads):
                raise ValueError(f"{product} do not divide into attention heads")

    @property
    def multipliers(self) -> list[float]:
        """Return the multiplier of num_channels for each level from the finest to the coarsest."""
        chosen = self.channel_mult or CHANNEL_MULT.get(self.image_size)
        if chosen is None:
            known = ", ".join(map(str, CHANNEL_MULT))
            raise ValueError(
                f"image_size={self.image_size} needs channel_mult; it is known for {known} only"
            )
        return chosen

    @property
    def divisor(self) -> int:
        """Return the number of pixels that width and height of an image must be multiples of."""
        return self.patch * 2 ** (len(self.multipliers) - 1)

    @property
    def epsilon(self) -> float:
        """Return the epsilon that normalisations add to the variance."""
        return 1e-6 if self.ddpm else 1e-5

    @property
    def hidden(self) -> int:
        """Return the width of the widest fully connected layer."""
        return self.dense_hidden or 2 * self.dense

    @property
    def in_channels(self) -> int:
        """Return the channels of the first layer: an image, and its estimate if `dense`."""
        return (6 if self.dense else 3) * self.patch**2

    @property
    def out_channels(self) -> int:
        """Return the channels of the last layer: an image, and its variance if it is learned."""
        return (6 if self.learn_sigma else 3) * self.patch**2

    def channels(self, level: int) -> int:
        """Return the number of channels at a level, 0 the finest."""
        return int(self.multipliers[level] * self.num_channels)

    def attends(self, level: int) -> bool:
        """Return whether the blocks of a level have attention."""
        pixels = self.patch * 2**level
        return pixels in {self.image_size // size for size in self.attention_resolutions}
