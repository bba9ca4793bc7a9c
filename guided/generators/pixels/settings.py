"""A picture optimised directly, without a diffusion model: settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guided.errors import check_number, not_one_of
from guided.generators.settings import GeneratorSettings, LoadContext
from guided.generators.sizes import Sizes
from guided.models.cards import GeneratorCard
from guided.schedule import always_zero, schedule

if TYPE_CHECKING:
    from guided.generators.pixels.generator import PixelGenerator

NAMES = ("fourier", "pyramid")
SIZE = (128, 128)


@dataclass
class Pixels(GeneratorSettings):
    """Adam on the coefficients of a picture in a Fourier basis or in a pyramid of sizes.

    The picture is tanh of a linear map of the coefficients, so its values lie in [-1, 1].
    """

    # coefficients that are optimised: fourier, amplitudes of waves; pyramid, images of many sizes
    # that are summed
    basis: str = "fourier"
    # step size of Adam
    rate: Any = field(default_factory=lambda: {"linear": [[0, 0.06], [1, 0.02]]})
    momentum: float = 0.9  # Adam's decay of the mean gradient, from 0 to below 1
    smoothing: float = 0.99  # Adam's decay of the mean squared gradient, from 0 to below 1
    # largest root mean square of a step's change, before tanh limits the picture to [-1, 1]; null:
    # no limit
    bound: Any = 0.1
    decay: float = 1.5  # exponent of the wavelength in a detail's amplitude: higher, smoother
    # finest detail that changes, as a share of the resolution; rises from coarse to fine. Detail
    # finer than CLIP's own resolution becomes speckle
    detail: Any = field(default_factory=lambda: {"linear": [[0, 0.08], [0.8, 0.35]]})
    colours: float = 1.2  # amplitude of colour, relative to natural images
    contrast: float = 0.1  # contrast of the initial noise

    name: ClassVar[str] = "pixels"
    masks: ClassVar[bool] = True
    uses: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.basis not in NAMES:
            raise ValueError(not_one_of("basis", self.basis, NAMES))
        self.rate = schedule("rate", self.rate, 0, 10)
        self.detail = schedule("detail", self.detail, 0, 1)
        if self.bound is not None:
            self.bound = schedule("bound", self.bound, 0)
        for name in ("momentum", "smoothing"):
            check_number(name, getattr(self, name), 0, 0.999999)
        check_number("decay", self.decay, 0, 4)
        check_number("colours", self.colours, 0, 100)
        check_number("contrast", self.contrast, 0, 10)

    @property
    def zero(self) -> str:
        """The name of the setting that is 0 all along the run."""
        sizes = {"rate": self.rate, "bound": self.bound, "detail": self.detail}
        return next((name for name, size in sizes.items() if always_zero(size)), "")

    @property
    def open_edges(self) -> str:
        """A basis that is not periodic."""
        return "" if self.basis == "fourier" else f"generator.basis={self.basis}"

    def sizes(self, model: GeneratorCard) -> Sizes:
        """Return any size."""
        return Sizes(1, SIZE)

    def load(self, context: LoadContext) -> PixelGenerator:
        """Return the generator, which has no networks to load."""
        from guided.generators.pixels.basis import basis
        from guided.generators.pixels.generator import PixelGenerator

        return PixelGenerator(
            basis_of=lambda size: basis(self.basis, size, self.decay, self.colours),
            rate=self.rate,
            momentum=self.momentum,
            smoothing=self.smoothing,
            bound=self.bound,
            detail=self.detail,
            contrast=self.contrast,
            device=context.device,
            memory_policy=context.memory_policy,
        )
