"""Small exact stand-ins for networks, denoisers, CLIPs and guides, and the oracle in float64."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from guided.config.plan import Plan
from guided.diffusion.samplers import posterior_variance, step_variance
from guided.diffusion.unet_config import UNetConfig
from guided.guides import clip_loss
from guided.interfaces import GuideGradient, Prediction, Sampler
from guided.memory.planner import StepCounter
from guided.pipeline import Pipeline
from guided.rng import RandomStreams
from guided.timeline import Timeline

# ---- memory --------------------------------------------------------------------------------


def allocated(work: Callable[[], object]) -> int:
    """Return the most that PyTorch's CPU allocator had given out at once, in bytes."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        kept = work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    del kept
    return peak


def counter_of(pipeline: Pipeline, plan: Plan) -> StepCounter:
    """What counts a step of the plan."""
    job = pipeline.memory_request(plan)
    return StepCounter(job, pipeline.memory_policy, job.weights())


# ---- networks ------------------------------------------------------------------------------


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter drawn at random: a layer left at zero would hide what comes before it."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
            else:  # biases around 0, the scales of norms around 1
                parameter.copy_(0.2 * noise + (0 if name.endswith("bias") else 1))
    return module


def smallest_unet(classes: int = 0) -> UNetConfig:
    """Of one level with attention, for images of 8 pixels."""
    return UNetConfig(
        image_size=8,
        num_channels=32,
        channel_mult=[1],
        num_res_blocks=1,
        attention_resolutions=[8],
        num_classes=classes,
    )


class TinyNet(nn.Module):
    """A smooth function of (x, t) with a U-Net's signature: 3 or 6 channels out."""

    def __init__(self, channels: int = 6, seed: int = 0) -> None:
        super().__init__()
        self.config = SimpleNamespace(num_classes=0, divisor=1, dense=0)
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.last = nn.Conv2d(8, channels, 3, padding=1)
        randomised(self, seed)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        time = (t.to(torch.float32) / 1000).to(x.dtype).view(-1, 1, 1, 1)  # as U-Nets hear it
        return torch.tanh(self.last(torch.tanh(self.first(x) + time)) + 0.5 * time)


# ---- denoisers -----------------------------------------------------------------------------


class GaussianDenoiser:
    """The exact denoiser of images whose pixels are N(mu, s**2), independent of each other.

    x at a noise level is N(alpha * mu, alpha**2 s**2 + sigma**2), and everything is closed form.
    With `exact_spread` it also knows the variance of a reverse step, so that ancestral sampling
    is exact with any number of steps.
    """

    def __init__(
        self, timeline: Timeline, mu: float, s: float, exact_spread: bool = False
    ) -> None:
        self.timeline, self.mu, self.s, self.exact_spread = timeline, mu, s, exact_spread
        self.calls: list[int] = []

    def variance(self, i: int) -> float:
        alpha, sigma = self.timeline.scales(i)
        return alpha**2 * self.s**2 + sigma**2

    def __call__(self, x: Tensor, i: int) -> Prediction:
        self.calls.append(i)
        alpha, _ = self.timeline.scales(i)
        pred = self.mu + alpha * self.s**2 / self.variance(i) * (x - alpha * self.mu)
        return Prediction(pred, pred, self.spread(x, i) if self.exact_spread else None)

    def spread(self, x: Tensor, i: int) -> Tensor:
        """Where the true variance of x at i - 1, given x at i, lies between the fixed two."""
        beta = torch.tensor(step_variance(self.timeline, i), dtype=torch.float64)
        least = torch.tensor(posterior_variance(self.timeline, i), dtype=torch.float64)
        true = beta * self.variance(i - 1) / self.variance(i)
        share = (true / least).log() / (beta / least).log()
        return torch.full_like(x, float(2 * share - 1))

    def ode(self, x: Tensor, i: int) -> Tensor:
        """Where the probability-flow ODE carries x from position i to the clean image: it keeps
        the distance from the mean in standard deviations."""
        alpha, _ = self.timeline.scales(i)
        return self.mu + self.s * (x - alpha * self.mu) / self.variance(i) ** 0.5


class FixedDenoiser:
    """Always guesses `image`, with the gradient d pred / d x = slope."""

    def __init__(self, timeline: Timeline, image: Tensor, slope: float = 1.0) -> None:
        self.timeline, self.image, self.slope = timeline, image, slope

    def __call__(self, x: Tensor, i: int) -> Prediction:
        pred = self.image + self.slope * (x - x.detach())
        return Prediction(pred, pred)


class UnitStreams(RandomStreams):
    """Random streams whose every draw is the next unit vector. With a linear denoiser the result
    holds the share of each draw in it, so that the sum of their squares is the variance of a
    sample, exactly."""

    def __init__(self) -> None:
        super().__init__([0])
        self.drawn = 0

    def normal_like(self, x: Tensor) -> Tensor:
        unit = torch.zeros_like(x)
        unit[0, 0, 0, self.drawn] = 1
        self.drawn += 1
        return unit


def variance(sampler: Sampler, denoiser: GaussianDenoiser) -> float:
    """Return the variance of the sampler's result with this denoiser, whose mu must be 0, relative
    to s**2."""
    rng, most = UnitStreams(), len(denoiser.timeline) * 6
    x = rng.normal_like(torch.zeros(1, 1, 1, most, dtype=torch.float64))
    *_, last = sampler.sample(denoiser, x, rng, len(denoiser.timeline) - 1)
    return float(last.x.square().sum()) / denoiser.s**2


# ---- guides and CLIPs ----------------------------------------------------------------------


class FixedGuide:
    """Pulls with a given gradient, whatever it sees."""

    def __init__(self, grad: Tensor) -> None:
        self.grad = grad

    def is_active(self, progress: float) -> bool:
        return True

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        return GuideGradient(
            image.new_zeros(len(image)), self.grad.to(image).expand_as(image).clone()
        )


class LinearClip:
    """A CLIP that is one linear map onto the sphere. Works in any precision, and remembers how
    many views it was shown at once."""

    kind, logit_scale, logit_bias = "contrastive", 100.0, 0.0

    def __init__(
        self, size: tuple[int, int] = (8, 8), width: int = 6, dtype: torch.dtype = torch.float64
    ) -> None:
        generator = torch.Generator().manual_seed(width)
        self.size = size
        self.lexicon: list[str] = []
        self.map = torch.randn(3 * size[0] * size[1], width, generator=generator).to(dtype)
        self.batches: list[int] = []

    def encode_image(self, views: Tensor) -> Tensor:
        assert tuple(views.shape[2:]) == self.size
        self.batches.append(len(views))
        return F.normalize((views - 0.4).flatten(1).to(self.map) @ self.map, dim=-1)

    def colours(self, text: str) -> None:
        """None: it has no lexicon of things."""

    def alternatives(self, text: str) -> Tensor:
        """The points of `lexicon` but the text's own."""
        others = [word for word in self.lexicon if word != text]
        return self.encode_text(others) if others else self.map.new_empty(0, self.map.shape[1])

    def split(self, text: str) -> list[str]:
        """It reads any length."""
        return [text]

    def encode_text(self, texts: list[str]) -> Tensor:
        """A point for each text that depends on its letters only."""
        points = []
        for text in texts:
            generator = torch.Generator().manual_seed(sum(map(ord, text)))
            points.append(torch.randn(self.map.shape[1], generator=generator))
        return F.normalize(torch.stack(points).to(self.map), dim=-1)


# ---- comparing -----------------------------------------------------------------------------


def relative(ours: Tensor, theirs: Tensor) -> float:
    """Largest difference, as a share of the largest value."""
    return float(((ours - theirs).abs().max() / theirs.abs().max()).detach())


def numerical(function: Callable[[Tensor], Tensor], x: Tensor, h: float = 1e-6) -> Tensor:
    """The gradient of a scalar function by central differences."""
    grad = torch.zeros_like(x)
    for k in range(x.numel()):
        step = torch.zeros_like(x).view(-1)
        step[k] = h
        step = step.view_as(x)
        grad.view(-1)[k] = (function(x + step) - function(x - step)) / (2 * h)
    return grad


@contextmanager
def nothing_cast_to_float32() -> Iterator[None]:
    """guided-diffusion casts to float32 by hand in group norm, softmax, tables and guidance, so in
    float64 it would be exact to 1e-7 only. Here those casts become casts to float64, and the
    oracle computes the same formulas exactly."""
    with patch.object(torch.Tensor, "float", torch.Tensor.double):
        yield


@contextmanager
def towers_one_by_one() -> Iterator[None]:
    """Towers of CLIPs work one after the other, as large ones do, for which memory is planned."""
    with patch.object(clip_loss, "SMALL", 0):
        yield


@contextmanager
def on_one_thread() -> Iterator[None]:
    """For networks that are too small for two threads to help each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass
class ColourClip:
    """A CLIP whose embeddings are colours: of the name in a text, and a picture's mean."""

    size, logit_scale = (8, 8), 10.0

    def encode_text(self, texts: Sequence[str]) -> Tensor:
        names = ["red", "green", "blue"]
        return torch.eye(3)[[names.index(text) for text in texts]]

    def encode_image(self, views: Tensor) -> Tensor:
        return views.mean((2, 3))
