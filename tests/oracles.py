"""guided-diffusion drives the same networks, losses and noise as we do: whole trajectories."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from unittest.mock import patch

import torch
from guided_diffusion.respace import SpacedDiffusion
from torch import Tensor

from guided.diffusion.denoiser import ModelDenoiser, Network
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.guidance_method import GuidanceMethod, clamped
from guided.diffusion.multistep_samplers import PLMS
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.parametrisation import noised
from guided.diffusion.samplers import DDIM, DDPM
from guided.guides.base import LossGuide
from guided.interfaces import Sampler, Step
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import nothing_cast_to_float32, relative

SHAPE = (1, 3, 6, 8)
SEED = 5
CLAMP = 0.05


def wavy(image: Tensor) -> Tensor:
    """Return a loss (B,) of images (B, 3, H, W) whose gradient differs everywhere."""
    return (torch.sin(3 * image) * torch.linspace(-1, 2, image.shape[3]).to(image)).sum((1, 2, 3))


def conditioning(
    diffusion: SpacedDiffusion, net: Callable[..., Tensor], clip_denoised: bool
) -> Callable[..., Tensor]:
    """Return the oracle's cond_fn: minus the direct gradient of the loss of the predicted image,
    clamped, by autograd through network and loss at once."""
    total = diffusion.original_num_steps
    bars = dict(zip(diffusion.timestep_map, diffusion.alphas_cumprod, strict=True))

    def cond_fn(x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        bar = bars[round(t[0].item() * total / 1000)]
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            pred = (x - math.sqrt(1 - bar) * net(x, t)[:, :3]) / math.sqrt(bar)
            pred = pred.clamp(-1, 1) if clip_denoised else pred
            return -clamped(torch.autograd.grad(wavy(pred).sum(), x)[0], CLAMP)

    return cond_fn


def their_trajectory(
    diffusion: SpacedDiffusion,
    net: Callable[..., Tensor],
    dtype: torch.dtype,
    sampler: DDIM | DDPM | PLMS,
    guided: bool,
    clip_denoised: bool = False,
    skip: int = 0,
    init: Tensor | None = None,
) -> Iterator[dict[str, Tensor]]:
    """Yield the oracle's steps, with noise from the same streams as ours."""
    rng = RandomStreams([SEED])
    if isinstance(sampler, DDIM):
        loop, more = diffusion.ddim_sample_loop_progressive, {"eta": sampler.eta(0)}
    elif isinstance(sampler, PLMS):
        loop, more = diffusion.plms_sample_loop_progressive, {"order": sampler.order}
    else:
        loop, more = diffusion.p_sample_loop_progressive, {}
    exact = nothing_cast_to_float32() if dtype == torch.float64 else nullcontext()
    with exact, patch.object(torch, "randn_like", rng.normal_like):
        yield from loop(
            net,
            SHAPE,
            noise=rng.normal_like(torch.empty(SHAPE, dtype=dtype)),
            clip_denoised=clip_denoised,
            cond_fn=conditioning(diffusion, net, clip_denoised) if guided else None,
            model_kwargs={},
            skip_timesteps=skip,
            init_image=init,
            **more,
        )


def our_trajectory(
    net: Network,
    steps: int,
    dtype: torch.dtype,
    sampler: Sampler,
    guided: bool,
    clip_denoised: bool = False,
    skip: int = 0,
    init: Tensor | None = None,
    name: str = "linear",
    spacing: str = "ddim",
) -> list[Step]:
    rng, line = RandomStreams([SEED]), timeline(name, steps, spacing)
    denoiser: ModelDenoiser | GuidedDenoiser = ModelDenoiser(
        net, line, clip_denoised=clip_denoised
    )
    if guided:
        guides = {"wavy": LossGuide(wavy, schedule("scale", 1.0))}
        denoiser = GuidedDenoiser(
            denoiser, guides, rng, GuidanceMethod(clamp=schedule("clamp", CLAMP))
        )
    x, start = rng.normal_like(torch.empty(SHAPE, dtype=dtype)), steps - 1 - skip
    if skip:
        init = torch.zeros_like(x) if init is None else init
    if init is not None:
        x = noised(init, x, *line.scales(start))
    with torch.no_grad():
        return list(sampler.sample(denoiser, x, rng, start))


def compare(ours: list[Step], theirs: Iterator[dict[str, Tensor]], tolerance: float) -> None:
    for mine, expected in zip(ours, theirs, strict=True):
        assert relative(mine.prediction.unguided, expected["pred_xstart"]) < tolerance, mine.i
        assert relative(mine.x, expected["sample"]) < tolerance, mine.i


def picture(dtype: torch.dtype) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(9)).to(dtype) * 2 - 1
