"""Correctness of reduced precision on a device, against float32 on the CPU: the outputs and
gradients of the networks, a guided step, and 25 steps; whether anything is not finite or close to
the largest number of its format; and whether the same step twice is bit-identical.

Cutouts are not augmented here, because GPUs draw other noise for them than CPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from benchmarks.cases import Case
from benchmarks.gpu.bench import CPU, Bench, Row
from benchmarks.sides import ours
from guided.cutouts.settings import DiscoCutouts
from guided.devices import set_deterministic
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.clip_loss import ClipSimilarity
from guided.interfaces import Guide, Request

# The largest relative errors of one pass; float32 products of a GPU may have TF32's 10 bits.
LIMITS = {torch.float32: 5e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}
GROWTH = 5  # of the limits for gradients and for several steps
VIEWS = 4
Setup = tuple[DiffusionGenerator, dict[str, Guide], Request]


def rows(bench: Bench) -> Iterator[Row]:
    """Yield a row for each comparison."""
    dtypes = [torch.bfloat16, torch.float16]
    if bench.device.type != "cpu":
        dtypes.insert(0, torch.float32)
    networks = replace(bench.case("512-through-unet"), size=(64, 64) if bench.tiny else (256, 256))
    narrow = bench.case("256-narrow")
    steps = 2 if bench.tiny else 25
    yield from compared(bench, networks, dtypes)
    yield from stepped(bench, narrow, dtypes, steps, 1)
    yield from stepped(bench, narrow, dtypes, steps, steps)
    yield from repeated(bench, narrow)


def setup(
    bench: Bench, case: Case, device: torch.device, dtype: torch.dtype, steps: int = 25
) -> Setup:
    """Return our side of a case, with few cutouts, so that a CPU draws it in seconds."""
    cutouts = DiscoCutouts(overview=2, inner=2, batches=1, augment=False)
    generator, guides, request = ours(bench.weights(case, device, dtype), case, cutouts)
    return generator, guides, replace(request, steps=steps)


def compared(bench: Bench, case: Case, dtypes: list[torch.dtype]) -> Iterator[Row]:
    """Yield the errors of the U-Net and the CLIPs, and of their gradients."""
    expected = outputs(setup(bench, case, CPU, torch.float32), {})
    for dtype in dtypes:
        highest: dict[str, float] = {}
        found = outputs(setup(bench, case, bench.device, dtype), highest)
        for name, tensor in found.items():
            kind = name.removesuffix(" gradient")
            most = 1 if name == kind else GROWTH
            row = error_row(name, dtype, tensor, expected[name], most)
            yield {**row, "share of range": highest[kind] / torch.finfo(dtype).max}


def outputs(setup: Setup, highest: dict[str, float]) -> dict[str, Tensor]:
    """Return the outputs and gradients of each network for fixed inputs, and put the largest
    absolute value of any activation of each into `highest`."""
    generator, guides, (width, height) = *setup[:2], setup[2].size
    clip = guides["clip"]
    assert isinstance(clip, ClipSimilarity)
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, height, width, generator=rng).to(generator.device)
    found = {}

    def passed(name: str, net: nn.Module, x: Tensor, work: Callable[[Tensor], Tensor]) -> None:
        x = x.clone().requires_grad_()
        with watched(net) as peaks:
            out = work(x)
            (grad,) = torch.autograd.grad(out, x, torch.ones_like(out))
        highest[name] = float(torch.stack(peaks).max())
        found[name], found[f"{name} gradient"] = out.detach().float().cpu(), grad.float().cpu()

    t = torch.full((1,), 500.0, device=generator.device)
    passed("U-Net", generator.unet, x, lambda x: generator.unet(x, t))
    for k, target in enumerate(clip.targets):
        views = torch.rand(VIEWS, 3, *target.clip.size, generator=rng).to(generator.device)
        passed(f"CLIP {k + 1}", target.clip.towers(), views, target.clip.encode_image)
    return found


@contextmanager
def watched(net: nn.Module) -> Iterator[list[Tensor]]:
    """Yield a list that gets the largest absolute value of each layer's output; infinity stands
    for what is not a number."""
    peaks: list[Tensor] = []

    def look(_: nn.Module, inputs: object, out: object) -> None:
        if isinstance(out, Tensor):
            peaks.append(out.detach().abs().max().float().nan_to_num(nan=torch.inf))

    leaves = [module for module in net.modules() if not any(module.children())]
    handles = [module.register_forward_hook(look) for module in leaves]
    try:
        yield peaks
    finally:
        for handle in handles:
            handle.remove()


def error_row(
    name: str, dtype: torch.dtype, found: Tensor, expected: Tensor, most: float = 1
) -> Row:
    """Return the row of a comparison, with the relative error and whether it is small enough."""
    error = float((found - expected).norm() / expected.norm())
    finite, limit = bool(found.isfinite().all()), most * LIMITS[dtype]
    precision = str(dtype).removeprefix("torch.")
    return {
        "of": name,
        "precision": precision,
        "relative error": error,
        "at most": limit,
        "finite": finite,
        "ok": finite and error <= limit,
    }


def stepped(
    bench: Bench, case: Case, dtypes: list[torch.dtype], steps: int, taken: int
) -> Iterator[Row]:
    """Yield the errors of the predictions after `taken` guided steps of `steps`, and those of the
    last shift by the guides."""
    name = "a guided step" if taken == 1 else f"{taken} guided steps"
    expected = walked(setup(bench, case, CPU, torch.float32, steps), taken)
    for dtype in dtypes:
        found = walked(setup(bench, case, bench.device, dtype, steps), taken)
        for part in expected if taken == 1 else ["picture"]:
            most = 1 if taken == 1 and part == "picture" else GROWTH
            yield error_row(f"{name}, {part}", dtype, found[part], expected[part], most)


def walked(setup: Setup, taken: int) -> dict[str, Tensor]:
    """Return the picture that the last of `taken` steps predicts, and its shift by the guides."""
    generator, guides, request = setup
    steps = generator.generate(request, guides)
    for _ in range(taken):
        prediction = next(steps).prediction
    shift = prediction.guided - prediction.unguided
    return {"picture": prediction.unguided.float().cpu(), "shift": shift.float().cpu()}


def repeated(bench: Bench, case: Case) -> Iterator[Row]:
    """Yield whether two runs of the same step are bit-identical, with torch's default algorithms
    and with deterministic ones, which must be."""
    for deterministic in (False, True):
        set_deterministic(deterministic)
        try:
            first, second = (
                walked(setup(bench, case, bench.device, bench.dtype, 2), 2) for _ in range(2)
            )
        finally:
            set_deterministic(False)
        same = all(torch.equal(first[name], second[name]) for name in first)
        kind = "deterministic" if deterministic else "default"
        row: Row = {"of": f"the same steps twice, {kind} algorithms", "bit-identical": same}
        yield {**row, "ok": same} if deterministic else row
