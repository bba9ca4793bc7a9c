"""Diffusion of latents under guides that see the decoded pictures."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guided.diffusion.guidance import GuidedDenoiser, in_colour
from guided.diffusion.guidance_cache import GuidanceCache, GuidanceInterval
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.known_pixels import KnownPixels, MaskedDenoiser
from guided.diffusion.oom_retry import OOMRetry, repeated
from guided.diffusion.sampling_state import ResumableRun, SamplingState
from guided.generators.latent.card import LatentCard
from guided.generators.latent.config import LENGTH
from guided.generators.latent.denoiser import LatentDenoiser, LatentTarget
from guided.generators.latent.network import CHANNELS, LatentNetworks, TinyDecoder
from guided.generators.latent.noise import latent_timeline
from guided.generators.latent.text import EMPTY, EncodedTexts, encode
from guided.interfaces import Denoiser, Guide, Prediction, Request, Sampler, State, Step, StepMeter
from guided.memory.meta_copies import META, meta_copy
from guided.oom import MemoryPolicy
from guided.prompts.prompt import Prompt
from guided.rng import RandomStreams
from guided.schedule import Schedule, schedule
from guided.timeline import Timeline

ON, OFF = schedule("weight", 1), schedule("weight", 0)


@dataclass
class Recomputing:
    """The networks that gradients go back through, which can compute activations again."""

    networks: Sequence[LatentNetworks | TinyDecoder]

    @property
    def checkpointing(self) -> bool:
        """Whether they do."""
        return all(one.checkpointing for one in self.networks)

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        for one in self.networks:
            one.checkpointing = on


class KnownLatents(KnownPixels):
    """Known latents and where they are; the pictures that guides see are kept elsewhere."""

    def replaced(self, prediction: Prediction, progress: float) -> Prediction:
        """Return the prediction with the known latents as they are."""
        unseen = super().replaced(replace(prediction, seen=None), progress)
        return replace(unseen, seen=prediction.seen)


@dataclass
class DiffusionInLatents:
    """A loaded latent diffusion model with its sampler and its settings of guidance."""

    parts: LatentNetworks
    decoder: TinyDecoder | None  # for the guides; None: the model's own
    card: LatentCard
    sampler: Sampler
    device: torch.device
    cfg: Schedule
    method: GuidanceMethod = field(default_factory=GuidanceMethod)
    through_unet: bool = False  # the gradient goes back through it
    interval: GuidanceInterval = field(default_factory=GuidanceInterval)
    memory_policy: MemoryPolicy = field(default_factory=MemoryPolicy)

    @property
    def recomputes(self) -> bool:
        """True: activations of the decoder, or of the U-Net too, can be computed again."""
        return True

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks by their names."""
        own = self.parts
        found = {"U-Net": own.unet, "autoencoder": own.vae, "text encoder": own.text}
        return found if self.decoder is None else {**found, "secondary": self.decoder}

    def on_meta(self) -> DiffusionInLatents:
        """Return a copy whose networks are on the meta device."""
        decoder = self.decoder and meta_copy(self.decoder)
        return replace(self, parts=meta_copy(self.parts), decoder=decoder, device=META)

    def phase(self, progress: float) -> Hashable:
        """Return whether the U-Net sees each image twice."""
        return self.cfg(progress) != 1

    def trace_step(
        self, guides: Mapping[str, Guide], request: Request, progress: float, meter: StepMeter
    ) -> None:
        """Take one guided step at `progress`, and tell the meter of its phases; the finished
        picture's decoding counts as part of the prediction."""
        width, height = request.size
        images = len(request.seeds)
        meter.begin(torch.empty((images, 3, height, width), device=self.device))
        x = torch.empty(self._shape(request), device=self.device)
        line = Timeline((0.0, 999 - 1000 * progress, 999.0), (0.999, 0.3, 0.001))
        empty = torch.empty((1, LENGTH, self.card.unet.context), device=self.device)
        texts = [EncodedTexts([Prompt("", 1.0)], {EMPTY: empty})] * images
        self._recomputing().checkpointing = self.memory_policy.checkpointing
        with torch.no_grad():
            self.parts.decode(x[:1])
        view = self._target()(self._denoiser(line, texts), x, 1)
        meter.predicted()
        assert view.image is not None
        meter.look(guides, in_colour(view.image), progress, RandomStreams(request.seeds))
        view.backward(torch.empty_like(view.image))
        meter.finished()

    @torch.no_grad()  # as a decorator, it ends wherever the generator yields
    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """Yield one Step after each of the request's steps that it does not skip; with the state
        of one of them, those after it. Their x are latents, their predictions pictures."""
        steps = latent_timeline(request.steps)
        rng = RandomStreams(request.seeds)
        start = len(steps) - 1 - request.skip
        known = KnownPixels.of(request, self.device, steps.progress(start))
        guides = guides if known is None else known.guides(guides)
        texts = encode(self.parts, request.prompts, self.device)
        cache = GuidanceCache(self.interval)
        guided = GuidedDenoiser(
            self._denoiser(steps, texts), guides, rng, self.method, self._target(), cache
        )
        retried = OOMRetry(
            guided, self._recomputing(), rng, self.memory_policy, self.card.vae.divisor
        )
        noise = rng.normal_like(torch.empty(self._shape(request), device=self.device))
        init = self._encoded(request, rng)
        run = ResumableRun(rng, cache, self.memory_policy)
        first = SamplingState.first(noise, init, request.skip, steps)
        state = run.restored(saved, first)
        denoiser: Denoiser = retried
        if known is not None and init is not None:
            latents = KnownLatents(init, self._among_latents(known.mask), known.begin)
            denoiser = MaskedDenoiser(retried, latents, noise)
        for step in self.sampler.sample(denoiser, state.x, rng, state.at, state.memory):
            guided.warn_nonfinite()
            after = run.saved(SamplingState(step.x, step.i - 1, step.memory))
            shown = self._shown(step, request, rng, known)
            yield replace(step, prediction=shown, state=after)

    def _shape(self, request: Request) -> tuple[int, ...]:
        """Return the shape (B, 4, h, w) of a request's latents."""
        (width, height), side = request.size, self.card.vae.divisor
        return len(request.seeds), CHANNELS, height // side, width // side

    def _denoiser(self, line: Timeline, texts: Sequence[EncodedTexts]) -> LatentDenoiser:
        """Return the denoiser of the U-Net."""
        return LatentDenoiser(self.parts, line, self.card.prediction, texts, self.cfg)

    def _target(self) -> LatentTarget:
        """Return how the guides' pictures are decoded."""
        weights = (ON, OFF) if self.through_unet else (OFF, ON)
        decode = (self.decoder or self.parts).decode
        return LatentTarget("pred", None, None, *weights, decode=decode)

    def _recomputing(self) -> Recomputing:
        """Return the networks that gradients go back through."""
        small = [] if self.decoder is None else [self.decoder]
        return Recomputing([self.parts, *small])

    def _encoded(self, request: Request, rng: RandomStreams) -> Tensor | None:
        """Return the latents (1 or B, 4, h, w) of the init pictures; None if there are none."""
        if request.init is None:
            return None
        inits = request.init.to(self.device).split(1)
        return torch.cat([self._fitting(self.parts.encode, request, rng, one) for one in inits])

    def _among_latents(self, mask: Tensor) -> Tensor:
        """Return a mask (1, 1, H, W) for latents: each is drawn anew as early as any of its
        pixels."""
        return F.max_pool2d(mask, self.card.vae.divisor)

    def _shown(
        self, step: Step, request: Request, rng: RandomStreams, known: KnownPixels | None
    ) -> Prediction:
        """Return the prediction of a step as pictures: of the last one by the model's own decoder,
        of others as the guides saw it."""
        prediction = step.prediction
        image = None if prediction.seen is None else prediction.seen * 2 - 1
        small = self.decoder is not None
        if image is None or (step.i == 0 and small):
            decode = self.parts.decode if step.i == 0 else self._target().decode
            latents = prediction.unguided.split(1)
            each = [self._fitting(decode, request, rng, one) for one in latents]
            image = torch.cat(each)
        shown = replace(prediction, guided=image, unguided=image)
        return shown if known is None else known.replaced(shown, prediction.progress)

    def _fitting(
        self, work: Callable[[Tensor], Tensor], request: Request, rng: RandomStreams, one: Tensor
    ) -> Tensor:
        """Return what a network makes of one picture or its latents, tried again with less memory
        where that runs out."""
        width, height = request.size
        return repeated(
            lambda: work(one),
            *(rng, lambda: self.memory_policy.offload_from(self.device), (1, 3, height, width)),
        )
