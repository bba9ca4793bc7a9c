"""Protocols and records that the parts of the program share.

Imports torch for type checkers only, because modules of settings import this one and must not pay
for torch's start-up.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, runtime_checkable

from guided.schedule import Schedule

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from guided.oom import MemoryPolicy
    from guided.prompts.prompt import Prompt
    from guided.rng import RandomStreams
    from guided.timeline import Timeline

# What can be written down in the middle of a picture, and gone on from.
State = dict[str, "Tensor"]


@dataclass
class Heading:
    """A direction in which guidance turns the fresh noise of a step, instead of shifting the
    prediction."""

    direction: Tensor  # (B, 3, H, W), each of root mean square 1, or 0: the noise stays
    share: float  # of the way from the noise to the direction, 0..1

    def turned(self, noise: Tensor) -> Tensor:
        """Return standard normal noise (B, 3, H, W), turned, with a root mean square of 1: on the
        sphere where nearly all of a Gaussian's mass lies. DSG, Yang et al. 2024, equation 15,
        https://arxiv.org/abs/2402.03201"""
        mixed = noise + self.share * (self.direction - noise)
        mixed = mixed / mixed.square().mean((1, 2, 3), keepdim=True).sqrt()
        kept = self.direction.square().sum((1, 2, 3), keepdim=True) == 0
        return noise.where(kept, mixed)


@dataclass
class Prediction:
    """A denoiser's guess of the clean image at one step. Images are (B, 3, H, W) in [-1, 1]."""

    guided: Tensor  # bent by the guides: what the sampler goes on with
    unguided: Tensor  # as the model made it: what a person looks at
    variance: Tensor | None = None  # learned variance, in [-1, 1] between the two fixed ones
    losses: dict[str, Tensor] = field(default_factory=dict)  # per guide, (B,)
    similarity: Tensor | None = None  # cosine of image and prompts, (B,)
    grad_norm: Tensor | None = None  # root mean square of the gradient before clamping, (B,)
    seen: Tensor | None = None  # what the guides looked at, nominally in [0, 1]
    progress: float = 0.0  # of the run, 0..1, as schedules count it
    heading: Heading | None = None  # of the step's fresh noise

    def for_image(self, b: int) -> Prediction:
        """The one about image b of the batch."""
        one = slice(b, b + 1)
        return Prediction(
            self.guided[one],
            self.unguided[one],
            None if self.variance is None else self.variance[one],
            {name: loss[one] for name, loss in self.losses.items()},
            None if self.similarity is None else self.similarity[one],
            None if self.grad_norm is None else self.grad_norm[one],
            None if self.seen is None else self.seen[one],
            self.progress,
            self.heading and Heading(self.heading.direction[one], self.heading.share),
        )

    def fresh_noise(self, x: Tensor, rng: RandomStreams) -> Tensor:
        """Return the noise of a sampler's step, standard normal, of the shape of x; turned where
        guidance turns it."""
        noise = rng.normal_like(x)
        return noise if self.heading is None else self.heading.turned(noise)


class PartSettings(Protocol):
    """Settings of a part of the program, with defaults of the optional methods."""

    def resolve_auto(self, size: tuple[int, int], steps: int) -> Self:
        """Return the settings with every `auto` replaced by a value for pictures of `size`
        (width, height) and that many steps. These settings do not change."""
        return self


class Denoiser(Protocol):
    """Predicts the clean image from a noisy one at a position of the timeline."""

    @property
    def timeline(self) -> Timeline:
        """Return the noise levels of the run."""
        ...

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x (B, 3, H, W) at position i."""
        ...


@dataclass
class Step:
    """One finished step: position i of the timeline, and the image on its way to i - 1."""

    i: int
    x: Tensor
    prediction: Prediction
    memory: State = field(default_factory=dict)  # of the sampler: what its next step looks back at
    state: State = field(default_factory=dict)  # of the generator: see Generator.generate


class Sampler(Protocol):
    """Takes x from a position of the denoiser's timeline to the clean image, step by step."""

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        """Yield the steps from position `start` to the clean image. With the `memory` of the step
        before, they are bit-identical to those of an uninterrupted run; None begins a new one."""
        ...


class SamplerSettings(PartSettings, Sampler, Protocol):
    """The settings of a sampler, which are the sampler itself."""

    @property
    def draws_noise(self) -> bool:
        """Whether steps add fresh noise, by `Prediction.fresh_noise`."""
        return False

    def repeats(self, progress: float) -> int:
        """Return how often the step at `progress` (0..1) is taken."""
        return 1

    def begun(self, progress: float) -> Self:
        """Return the settings with which steps are repeated in a run that begins at `progress`
        as often as in one that begins at 0."""
        return self


@dataclass
class GuideGradient:
    """The loss of an image under a guide, and its gradient."""

    loss: Tensor  # (B,)
    grad: Tensor  # (B, 3, H, W), d loss / d image
    similarity: Tensor | None = None  # (B,)


class Guide(Protocol):
    """A loss and its gradient for an image (B, 3, H, W), nominally in [0, 1], not clamped."""

    def is_active(self, progress: float) -> bool:
        """Return whether the guide may act there. Without an active guide no graph is saved."""
        ...

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient: ...


@dataclass
class CutoutBatch:
    """Cutouts (N, 3, h, w), and the weight of each: for how many it stands. Their sum is the
    same for every image."""

    views: Tensor
    counts: Sequence[float]  # N of them


class CutoutSampler(Protocol):
    """Makes cutouts of an image (1, 3, H, W) in [0, 1], at CLIP's (height, width)."""

    def __call__(
        self, image: Tensor, size: tuple[int, int], progress: float, seed: int
    ) -> CutoutBatch: ...


class CutoutSettings(PartSettings, Protocol):
    """Settings of a cutout sampler."""

    micro_batch: int | None  # cutouts through CLIP at once
    overview: Schedule  # cutouts of the whole image in a set
    inner: Schedule  # cutouts of parts of it in a set
    batches: Schedule  # sets a step

    @property
    def centred(self) -> bool:
        """Whether they show the middle of the image only, where its object has to stay."""
        return False

    def prepare(self, mask: Tensor | None = None) -> CutoutSampler:
        """Return the sampler of cutouts; with a mask (1, 1, H, W) in [0, 1], those that show parts
        of the image are around what it has."""
        ...


class ClipModel(Protocol):
    """A frozen CLIP, which embeds texts and views as unit vectors."""

    size: tuple[int, int]  # (height, width) of the views that it takes
    kind: str  # "contrastive" or "sigmoid" (SigLIP)
    logit_scale: float
    logit_bias: float
    device: torch.device
    offloaded: bool  # whether it is on the CPU while it is not used

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return (P, D) unit vectors, float32, on the device."""
        ...

    def alternatives(self, text: str) -> Tensor:
        """Return (K, D) unit vectors, float32, on the device, of texts that show something else
        and that it can tell apart; K is 0 for a CLIP without a lexicon."""
        ...

    def colours(self, text: str) -> tuple[str, ...] | None:
        """Return the colours, in English, that the text gives its thing, for a CLIP with a
        lexicon; None without one, and for a text without a known thing."""
        ...

    def encode_image(self, views: Tensor) -> Tensor:
        """Return (N, D) unit vectors, float32, of views (N, 3, *size) in [0, 1]."""
        ...

    def split(self, text: str) -> list[str]:
        """Return the text in parts that the text encoder reads whole."""
        ...

    def set_offloaded(self, offloaded: bool) -> None:
        """Keep the image tower on the CPU while it is not used, or always on its device."""
        ...

    def on_device(self) -> AbstractContextManager[None]:
        """Keep the image tower on its device for as long as the block lasts."""
        ...

    def towers(self) -> nn.Module:
        """Return the network on the device, for counting its memory."""
        ...

    def on_meta(self) -> ClipModel:
        """Return a copy whose image tower is on torch's meta device, for counting memory."""
        ...


@dataclass
class Scene:
    """The inputs of guides, made once per image."""

    prompts: list[Prompt]
    clips: Mapping[str, ClipModel]
    cutouts: CutoutSettings
    device: torch.device
    clip_weights: dict[str, Schedule] = field(default_factory=dict)  # those not named count 1
    init: Tensor | None = None  # (1, 3, H, W) in [0, 1], what the image starts from
    mask: Tensor | None = None  # (1, 1, H, W) in [0, 1], where the image is drawn anew
    memory_policy: MemoryPolicy | None = None  # how much is held at once; None: as the cutouts say
    rings: tuple[bool, bool] = (False, False)  # whether opposite edges meet (across, down)


class NeededWeights(Protocol):
    """The card of a network that a part of the program loads for itself."""

    GROUP: str
    name: str
    file: str
    urls: list[str]
    sha256: str

    def missing(self) -> str | None:
        """Return a line that says which file is missing or damaged; None if it is there."""
        ...


class GuideSettings(PartSettings, Protocol):
    """Settings of a guide."""

    @property
    def divides_by_weights(self) -> bool:
        """Whether the sum of the prompts' weights must not be 0."""
        return False

    @property
    def zero(self) -> str:
        """The name of a setting that makes the gradient 0 all along the run; empty: none does."""
        return ""

    @property
    def weak(self) -> str:
        """A setting and its value by which it hardly guides; empty: none."""
        return ""

    @property
    def contrasts(self) -> bool:
        """Whether prompts are told from their alternatives at any time of the run."""
        return False

    def check(self, has_init: bool) -> None:
        """Raise BadInput, before anything is loaded, if the guide cannot work; `has_init`: there
        is a picture to start from."""
        return

    def networks(self) -> Sequence[NeededWeights]:
        """Return the cards of the networks that the guide loads for itself."""
        return ()

    def prepare(self, scene: Scene) -> Guide | None:
        """Return the guide for the images of a scene; None if it has nothing to do there."""
        ...


class Constraint(Protocol):
    """Known facts about the picture."""

    def __call__(self, image: Tensor, progress: float) -> Tensor:
        """Return the nearest image to a predicted one, both (B, 3, H, W) in [-1, 1], that agrees
        with the known part."""
        ...


@dataclass
class Request:
    """Images asked for, one for each seed. `init` is (1 or B, 3, H, W) in [-1, 1]; `skip` drops
    the noisiest steps; `regions` are those of each image, (left, top, right, bottom) in pixels;
    `mask` is (1, 1, H, W) in [0, 1], and `init` is kept where it is 0. `noise` (1, 3, H, W) is
    what they begin with, None: that of their seeds."""

    size: tuple[int, int]  # width, height
    seeds: Sequence[int]
    steps: int
    init: Tensor | None = None
    skip: int = 0
    constraints: Sequence[Constraint] = ()
    in_windows: bool = False  # of the network's own size, whatever the canvas
    regions: Sequence[Sequence[tuple[int, int, int, int]]] = ()
    mask: Tensor | None = None
    rings: tuple[bool, bool] = (False, False)  # whether opposite edges meet (across, down)
    noise: Tensor | None = None
    # Of each image, for generators whose networks read texts themselves.
    prompts: Sequence[Sequence[Prompt]] = ()

    @property
    def drawn(self) -> int:
        """How many steps are taken."""
        return self.steps - self.skip


@dataclass
class Frame:
    """The image after one step."""

    index: int  # number of the image in the run, from 0
    seed: int
    step: int  # 1 .. steps
    steps: int  # number of steps that are taken, without skipped ones
    progress: float  # 0 .. 1
    image: Tensor  # (1, 3, H, W), nominally in [0, 1], not clamped
    prediction: Prediction
    seconds: float  # duration of the step, divided by the number of images drawn together
    prompts: list[Prompt] = field(default_factory=list)  # of this image, as encoded by the CLIPs
    decided: list[str] = field(default_factory=list)  # prompts, wildcards replaced
    understood: dict[str, str] = field(default_factory=dict)  # texts as small CLIPs read them
    score: float | None = None  # CLIP similarity of the finished picture
    doubt: str = ""  # the thing that the finished picture was to show, if it may be a smear
    larger: Tensor | None = None  # the finished picture drawn again at a larger size
    manner: str = ""  # that the finished picture is rendered in, of outputs.manner_names
    # State from which drawing can resume after this frame; of all images that are drawn together,
    # on the last of their frames. None if no step follows.
    state: State | None = None

    @property
    def last(self) -> bool:
        return self.step == self.steps

    @property
    def seen(self) -> Tensor:
        """Return the image that the guides looked at, (1, 3, H, W), nominally in [0, 1]."""
        return self.image if self.prediction.seen is None else self.prediction.seen


class StepMeter(Protocol):
    """Measures the memory of one guided step of `LoadedGenerator.trace_step`."""

    def begin(self, x: Tensor) -> None:
        """Leave x, the generator's state (B, ...), out of the count: it is counted apart."""
        ...

    def predicted(self) -> None:
        """Mark that the image is predicted, and what the backward pass needs is kept."""
        ...

    def look(
        self, guides: Mapping[str, Guide], image: Tensor, progress: float, rng: RandomStreams
    ) -> None:
        """Call the guides with the image (B, 3, H, W)."""
        ...

    def finished(self) -> None:
        """Mark the end of the backward pass."""
        ...


class LoadedGenerator(Protocol):
    """A generator whose networks are loaded."""

    memory_policy: MemoryPolicy

    @property
    def recomputes(self) -> bool:
        """Whether recomputing activations in the backward pass would save memory."""
        ...

    def networks(self) -> dict[str, nn.Module]:
        """Return its networks by the name that people know them by."""
        ...

    def on_meta(self) -> LoadedGenerator:
        """Return a copy whose networks are on torch's meta device, for counting memory."""
        ...

    def phase(self, progress: float) -> Hashable:
        """Return which of its networks a step at `progress` (0..1) uses: steps of one phase need
        the same memory."""
        ...

    def trace_step(
        self, guides: Mapping[str, Guide], request: Request, progress: float, meter: StepMeter
    ) -> None:
        """Take one guided step at `progress` on the meta device, and tell the meter of its
        phases."""
        ...

    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """One Step after each of the request's steps. With the state of one of them, the steps
        after it, bit for bit as if nothing had stopped; its tensors may be on any device.
        ValueError when the state belongs to another request."""
        ...


@runtime_checkable
class PredictsPictures(LoadedGenerator, Protocol):
    """A generator whose network predicts pictures from noisy ones."""

    def prediction_error(self, image: Tensor) -> float:
        """Return the mean squared error of its predictions of an image (1, 3, H, W) in [-1, 1]
        under noise; see diffusion/likelihood.py."""
        ...


@dataclass
class Run:
    """The folder of a run and how its pictures are made, for outputs."""

    folder: Path
    settings: dict[str, Any]  # the resolved configuration
    prompts: list[Prompt]
    count: int
    steps: int  # of each image, that are taken
    enlarge: Enlarge
    look: Look | None = None
    compare: Compare | None = None
    overall: Overall | None = None  # how the batch is doing that this is a part of
    shares: Sequence[float] = ()  # of a picture's work after each step; empty: all take as long
    upscale: int = 1  # factor of the finished picture's size, beside that of the output
    seed: int | None = None  # of the film, where that is not the seed of the picture's noise


class Overall(Protocol):
    """The progress of a batch."""

    pictures: int
    unit: str  # what they are called
    done: int
    closed: int  # done, failed or skipped

    def time_left(self, part: float = 0.0) -> str:
        """Return the time left as text, empty if unknown; `part` of the pictures at hand is
        drawn."""
        ...


@dataclass
class ComparedCutouts:
    """Cutouts of an image for a CLIP, and how alike it finds each to each of its prompts."""

    clip: str  # its name
    prompts: list[Prompt]
    views: Tensor  # (N, 3, h, w)
    cosines: Tensor  # (N, P)


class Compare(Protocol):
    """Makes cutouts of an image (1, 3, H, W) for each CLIP that reads a prompt, and compares them
    with its prompts."""

    def __call__(
        self, image: Tensor, prompts: list[Prompt], progress: float, seed: int
    ) -> list[ComparedCutouts]: ...


class Look(Protocol):
    """Makes the cutouts of an image (1, 3, H, W) for each CLIP: a list of (N, 3, h, w)."""

    def __call__(self, image: Tensor, progress: float, seed: int) -> list[Tensor]: ...


class Enlarge(Protocol):
    """Enlarges an image: (1, 3, H, W) -> (1, 3, times * H, times * W)."""

    def __call__(self, image: Tensor, times: int) -> Tensor: ...


class Viewer(Protocol):
    """An open output, which receives every frame of a run."""

    def see(self, frame: Frame) -> None: ...


class Output(PartSettings, Protocol):
    """Settings of an output, which is opened once for a run, receives every frame, and is closed
    also if the run stops early."""

    keeps: ClassVar[bool] = True  # whether its files show the picture

    def check(self, size: tuple[int, int]) -> None:
        """Raise ValueError, before anything is loaded, if pictures of `size` (width, height)
        cannot be written."""

    def open(self, run: Run) -> AbstractContextManager[Viewer]:
        """Return a context that shows frames to the output while it lasts."""
        ...
