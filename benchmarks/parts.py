"""The parts of a guided step: the passes of its networks and cutouts alone, one after another, on
inputs of the same shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.clock import seconds
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.clip_loss import ClipSimilarity, Target
from guided.interfaces import Guide, Request

Work = Callable[[], None]


def parts(
    drawing: DiffusionGenerator, guides: Mapping[str, Guide], request: Request
) -> dict[str, Work]:
    """Return the work of each part of a step: U-Net (with its gradient, if guidance goes through
    it), secondary model, each CLIP and the cutouts."""
    clip = guides["clip"]
    assert isinstance(clip, ClipSimilarity)
    width, height = request.size
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, height, width, generator=rng).to(drawing.device)
    secondary = drawing.target.secondary
    works: dict[str, Work] = {"U-Net": unet(drawing, x, back=secondary is None)}
    if secondary is not None:
        works["secondary"] = back_and_forth(secondary, x, torch.full((1,), 0.5).to(x))
    for k, target in enumerate(clip.targets):
        works[f"CLIP {k + 1}"] = encoding(clip, target, x)
    works["cutouts"] = cutting(clip, x)
    return works


def unet(drawing: DiffusionGenerator, x: Tensor, back: bool) -> Work:
    """Return the U-Net's pass, with its gradient if `back`."""

    t = torch.full((1,), 500.0, device=x.device)
    if back:
        return back_and_forth(drawing.unet, x, t)

    def work() -> None:
        with torch.no_grad():
            drawing.unet(x, t)

    return work


def back_and_forth(model: torch.nn.Module, x: Tensor, t: Tensor) -> Work:
    """Return a network's pass and gradient."""

    def work() -> None:
        leaf = x.clone().requires_grad_()
        out = model(leaf.clone(), t)  # operations are not counted back to a leaf
        torch.autograd.grad(out, leaf, torch.ones_like(out))

    return work


def encoding(clip: ClipSimilarity, target: Target, image: Tensor) -> Work:
    """Return a CLIP's pass and gradient for all cutouts of a step."""
    views = clip.views(image, target.clip.size, 0.5, 0).views.detach()

    def work() -> None:
        for part in views.split(clip.memory_policy.chunk_size(len(views))):
            leaf = part.clone().requires_grad_()
            seen = target.clip.encode_image(leaf)
            torch.autograd.grad(seen, leaf, torch.ones_like(seen))

    return work


def cutting(clip: ClipSimilarity, image: Tensor) -> Work:
    """Return the cutouts of a step for every CLIP, and their gradient."""

    def work() -> None:
        for target in clip.targets:
            leaf = image.clone().requires_grad_()
            views = clip.views(leaf, target.clip.size, 0.5, 0).views
            torch.autograd.grad(views, leaf, torch.ones_like(views))

    return work


def operations(work: Work) -> int:
    """Return the floating-point operations of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def peak(device: torch.device, dtype: torch.dtype) -> float:
    """Return the measured operations per second of a large matrix product."""
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    times = [seconds(lambda: a @ b, device) for _ in range(10)]
    return 2 * side**3 / min(times)
