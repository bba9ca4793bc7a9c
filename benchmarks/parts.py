"""What a guided step is made of: the bare passes of its networks and cutouts, one after another on
inputs of the same shapes, and what is left is everything else."""

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
    """Each does its share of one step: U-Net (and back, where guidance goes through it), the
    secondary model, each CLIP and the cutouts."""
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
    t = torch.full((1,), 500.0, device=x.device)
    if back:
        return back_and_forth(drawing.unet, x, t)

    def work() -> None:
        with torch.no_grad():
            drawing.unet(x, t)

    return work


def back_and_forth(model: torch.nn.Module, x: Tensor, t: Tensor) -> Work:
    def work() -> None:
        leaf = x.clone().requires_grad_()
        out = model(leaf.clone(), t)  # operations are not counted back to a leaf
        torch.autograd.grad(out, leaf, torch.ones_like(out))

    return work


def encoding(clip: ClipSimilarity, target: Target, image: Tensor) -> Work:
    views = clip.views(image, target.clip.size, 0.5, 0).views.detach()

    def work() -> None:
        for part in views.split(clip.memory_policy.chunk_size(len(views))):
            leaf = part.clone().requires_grad_()
            seen = target.clip.encode_image(leaf)
            torch.autograd.grad(seen, leaf, torch.ones_like(seen))

    return work


def cutting(clip: ClipSimilarity, image: Tensor) -> Work:
    def work() -> None:
        for target in clip.targets:
            leaf = image.clone().requires_grad_()
            views = clip.views(leaf, target.clip.size, 0.5, 0).views
            torch.autograd.grad(views, leaf, torch.ones_like(views))

    return work


def operations(work: Work) -> int:
    """Floating-point operations of matrix products and convolutions."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def peak(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of a large product of matrices: what the chip can do, measured."""
    side = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    times = [seconds(lambda: a @ b, device) for _ in range(10)]
    return 2 * side**3 / min(times)
