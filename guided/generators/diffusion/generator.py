"""Guided diffusion: noise, a guided denoiser and a sampler put together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from guided.diffusion.closed_edges import ClosedEdges
from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import GuidedDenoiser, auto_clamp, in_colour
from guided.diffusion.guidance_cache import GuidanceCache, GuidanceInterval
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.jit import JiT
from guided.diffusion.known_pixels import KnownPixels, MaskedDenoiser
from guided.diffusion.likelihood import STEPS, prediction_error
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.null_space import constrained
from guided.diffusion.oom_retry import Checkpointed, OOMRetry
from guided.diffusion.region_windows import RegionWindows
from guided.diffusion.sampling_state import ResumableRun, SamplingState
from guided.diffusion.symmetry import Mirror
from guided.diffusion.tiles import divided
from guided.diffusion.unet import UNet
from guided.diffusion.windows import Windows
from guided.images import masked_box
from guided.interfaces import Denoiser, Guide, Request, Sampler, State, Step, StepMeter
from guided.memory.meta_copies import META, meta_copy
from guided.models.cards import DiffusionCard, SecondaryCard
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule
from guided.timeline import Timeline


@dataclass
class DiffusionGenerator:
    """A loaded diffusion model with its sampler and its settings of guidance."""

    unet: UNet | JiT
    card: DiffusionCard
    sampler: Sampler
    device: torch.device
    method: GuidanceMethod = field(default_factory=GuidanceMethod)
    auto_clamp: bool = False  # of the method, by the number of steps
    target: GuidanceTarget = field(default_factory=GuidanceTarget)
    interval: GuidanceInterval = field(default_factory=GuidanceInterval)
    mirror: Mirror = field(default_factory=Mirror)
    tiles: str = "off"
    memory_policy: MemoryPolicy = field(default_factory=MemoryPolicy)

    @property
    def recomputes(self) -> bool:
        """Whether gradients ever go back through the U-Net, which could recompute for them."""
        return self.target.through_unet

    def networks(self) -> dict[str, nn.Module]:
        """Return the network, and the secondary model where there is one."""
        secondary = {} if self.target.secondary is None else {"secondary": self.target.secondary}
        return {"JiT" if isinstance(self.unet, JiT) else "U-Net": self.unet, **secondary}

    def on_meta(self) -> DiffusionGenerator:
        """Return a copy whose networks are on the meta device."""
        secondary = self.target.secondary
        target = replace(self.target, secondary=secondary and meta_copy(secondary))
        return replace(self, unet=meta_copy(self.unet), target=target, device=META)

    def phase(self, progress: float) -> Hashable:
        """Return which networks predict and are differentiated at `progress`."""
        return self.target.phase(progress)

    def trace_step(
        self, guides: Mapping[str, Guide], request: Request, progress: float, meter: StepMeter
    ) -> None:
        """Take one guided step at `progress` as guidance.py does, and tell the meter of its
        phases."""
        width, height = request.size
        shape = (len(request.seeds), 3, height, width)
        x = torch.empty(shape, device=self.device, requires_grad=True)
        meter.begin(x)
        rng = RandomStreams(request.seeds)
        line = Timeline((0.0, 999 - 1000 * progress, 999.0), (0.999, 0.3, 0.001))
        windows = self._windows(request, rng)
        model = self._model(line, rng, windows)
        self._recomputing(windows).checkpointing = self.memory_policy.checkpointing
        view = replace(self.target, windows=windows)(closing(model, request, windows), x, 1)
        meter.predicted()
        assert view.image is not None
        meter.look(guides, in_colour(view.image), progress, rng)
        view.backward(torch.empty_like(view.image))
        meter.finished()

    def prediction_error(self, image: Tensor) -> float:
        """Return the mean squared error of the network's predictions of an image (1, 3, H, W) in
        [-1, 1] under noise; see likelihood.py."""
        steps = timeline(self.card.schedule, STEPS)
        denoiser = ModelDenoiser(self.unet, steps, self.card.prediction)
        return prediction_error(denoiser, image.to(self.device))

    @torch.no_grad()  # as a decorator, it ends wherever the generator yields
    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """Yield one Step after each of the request's steps that it does not skip; with the state
        of one of them, those after it."""
        card = self.card
        steps = timeline(card.schedule, request.steps, card.spacing, card.noise or 1)
        rng = RandomStreams(request.seeds)
        windows = self._windows(request, rng)
        model = self._model(steps, rng, windows)
        start = len(steps) - 1 - request.skip
        masked = KnownPixels.of(request, self.device, steps.progress(start))
        guides = guides if masked is None else masked.guides(guides)
        cache, method = GuidanceCache(self.interval), self._method(request.steps)
        target = replace(self.target, windows=windows)
        regional = self._of_regions(model, request)
        if request.regions and isinstance(regional, RegionWindows):
            method = replace(method, parts=regional.boxes)  # each is guided as a picture alone
        denoiser = closing(regional, request, windows)
        denoiser = constrained(denoiser, request.constraints)
        guided = GuidedDenoiser(denoiser, guides, rng, method, target, cache)
        recomputing = self._recomputing(windows) if self.target.through_unet else None
        retried = OOMRetry(guided, recomputing, rng, self.memory_policy)
        noise = self._noise(request, rng)
        run = ResumableRun(rng, cache, self.memory_policy)
        first = SamplingState.first(noise, request.init, request.skip, steps)
        state = run.restored(saved, first)
        mirrored = self.mirror.positions(steps, start)
        denoiser = constrained(retried, request.constraints)
        if masked is not None:
            denoiser = MaskedDenoiser(denoiser, masked, noise)
        for step in self._walk(denoiser, run, state, mirrored):
            guided.warn_nonfinite()
            yield step if masked is None else masked.kept_in(step)

    def _walk(
        self,
        denoiser: Denoiser,
        run: ResumableRun,
        state: SamplingState,
        mirrored: set[int],
    ) -> Iterator[Step]:
        """Yield the sampler's steps. It begins anew wherever x is mirrored, because the memory of
        a sampler or a guide belongs to the image before."""
        while state.at >= 0:
            if state.at in mirrored:
                state = SamplingState(self.mirror(state.x), state.at)
                run.cache.reset()
            for step in self.sampler.sample(denoiser, state.x, run.rng, state.at, state.memory):
                if step.i == 0 and -1 in mirrored:
                    step = finished(step, self.mirror)
                state = SamplingState(step.x, step.i - 1, step.memory)
                yield replace(step, state=run.saved(state))
                if state.at in mirrored:
                    break

    def _model(self, line: Timeline, rng: RandomStreams, windows: Windows) -> ModelDenoiser:
        """Return the denoiser of the network."""
        card = self.card
        return ModelDenoiser(
            self.unet, line, card.prediction, card.clip_denoised, rng, windows, card.noise
        )

    def _of_regions(self, model: ModelDenoiser, request: Request) -> Denoiser:
        """Return the denoiser of a picture, with a window for each of `_regions` if there are
        any."""
        if not (regions := self._regions(request)):
            return model
        width, height = self.card.size
        return RegionWindows.of(model, (width, height), request.size, regions, request.init)

    def _regions(self, request: Request) -> Sequence[Sequence[tuple[int, int, int, int]]]:
        """Return for each image the boxes that a model of single objects draws in windows of its
        own size: its regions, or a masked part of a larger picture."""
        if not self.card.draws_one_object:
            return ()
        if request.mask is None or request.regions:
            return request.regions
        width, height = self.card.size
        left, top, right, bottom = box = masked_box(request.mask)
        fits = right - left <= width and bottom - top <= height
        return [[box]] * len(request.seeds) if fits and request.size != (width, height) else ()

    def _method(self, steps: int) -> GuidanceMethod:
        """Return the method, with the automatic clamp for a number of steps."""
        if not self.auto_clamp:
            return self.method
        clamp = auto_clamp(steps, self.target.secondary is not None)
        return replace(self.method, clamp=schedule("clamp", clamp))

    def _windows(self, request: Request, rng: RandomStreams) -> Windows:
        """Return the windows of the canvas, whose shifts `rng` draws."""
        card, (width, height) = self.card, self.card.size
        apart = bool(self._regions(request))
        secondary = 1 if self.target.secondary is None else SecondaryCard.DIVISOR
        needed = request.in_windows or card.rigid
        tiles = "blend" if needed and self.tiles in ("auto", "off") else self.tiles
        across, down = divided(
            "off" if apart else tiles,
            request.size,
            (width, height),
            math.lcm(card.divisor, secondary),
            fixed=apart or card.fixed_size,
            rings=request.rings,
        )
        return Windows(down, across, rng if self.tiles == "shift" else None)

    def _recomputing(self, windows: Windows) -> Checkpointed:
        """Return what can be computed again in the backward pass to save memory: the blocks of the
        U-Net or, if there are several, each window."""
        self.unet.checkpointing = False
        return self.unet if windows.single else windows

    def _noise(self, request: Request, rng: RandomStreams) -> Tensor:
        """Return the noise (B, 3, H, W) that the images begin with."""
        width, height = request.size
        noise = rng.normal_like(
            torch.empty(len(request.seeds), 3, height, width, device=self.device)
        )
        return noise if request.noise is None else request.noise.to(noise).expand_as(noise)


def closing(denoiser: Denoiser, request: Request, windows: Windows) -> Denoiser:
    """Return the denoiser with predictions whose edges meet, along the axes on which the request
    wants it and no window goes on at the other end."""
    axes = windows.across, windows.down
    across, down = (ring and not axis.ring for ring, axis in zip(request.rings, axes, strict=True))
    return ClosedEdges(denoiser, (across, down)) if across or down else denoiser


def finished(step: Step, mirror: Mirror) -> Step:
    """Return the last step with a symmetric picture."""
    made, plain = mirror(step.prediction.guided), mirror(step.prediction.unguided)
    prediction = replace(step.prediction, guided=made, unguided=plain)
    return replace(step, x=mirror(step.x), prediction=prediction)
