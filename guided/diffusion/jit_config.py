"""The configuration of a JiT, a transformer on the pixels of a picture. Imports no torch."""

from dataclasses import dataclass

from guided.errors import check_number

MOST = {
    **{"image_size": 8192, "patch": 1024, "width": 8192, "depth": 200, "heads": 1024},
    **{"bottleneck": 8192, "context": 4096},
}


@dataclass
class JiTConfig:
    """The architecture of a JiT; ValueError for values that cannot be built."""

    image_size: int = 256  # width and height of the only pictures that it takes
    patch: int = 16  # side in pixels of the patches that are its tokens
    width: int = 768
    depth: int = 12  # blocks
    heads: int = 12
    bottleneck: int = 128  # width between the two layers that embed a patch
    classes: int = 1000  # it was trained with, beside the null class, which it is used with
    context: int = 32  # tokens of the class beside those of the picture
    context_start: int = 4  # block from which on they are there
    noise: float = 1  # standard deviation of its noise at time 0, for pictures in [-1, 1]

    def __post_init__(self) -> None:
        for name, most in MOST.items():
            check_number(name, getattr(self, name), 1, most, whole=True)
        check_number("classes", self.classes, 0, 10**6, whole=True)
        check_number("context_start", self.context_start, 0, self.depth - 1, whole=True)
        check_number("noise", self.noise, 0.01, 100)
        if self.image_size % self.patch:
            raise ValueError(f"image_size={self.image_size} is no multiple of patch={self.patch}")
        if self.width % (4 * self.heads):
            raise ValueError(
                f"width={self.width} is no multiple of 4 times heads={self.heads}, as its rotary "
                "embedding needs"
            )

    @property
    def num_classes(self) -> int:
        """Return 0: no class is drawn at random, because the null class stands for all."""
        return 0

    @property
    def side(self) -> int:
        """Return the number of patches along a side of the picture."""
        return self.image_size // self.patch

    @property
    def hidden(self) -> int:
        """Return the width inside a block's gated layers: two thirds of four times `width`."""
        return 8 * self.width // 3
