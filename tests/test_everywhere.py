"""What only one kind of device has is not used: a whole guided step, walked without numbers, asks
for nothing that Apple's GPU lacks. There is none here to try; its operators are in torch's list.
Nor does it wait for a GPU anywhere, so that its next orders are given while it works.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.utils._pytree import tree_iter

from guided.config.plan import Plan
from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.guidance_cache import GuidanceCache
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.secondary import SecondaryModel, secondary_prediction
from guided.interfaces import Prediction, Sampler
from guided.memory import estimate
from guided.memory.allocations import AllocationCounter
from guided.memory.meta_copies import META, meta_copy
from guided.memory.meta_kernels import kernels
from guided.models.model_cache import ModelCache
from guided.pipeline import Pipeline
from guided.rng import RandomStreams
from tests.composing import composed
from tests.doubles import counter_of

LOADED = ModelCache()  # the models, once for all tests here


@cache
def operators() -> set[str]:
    """Those that have a kernel for Apple's GPU, or are made of others."""
    text = files("torchgen").joinpath("packaged/ATen/native/native_functions.yaml").read_text()
    rows = {row["func"].split("(")[0]: row for row in yaml.safe_load(text)}

    def has(name: str) -> bool:
        row = rows[name]
        if "structured_delegate" in row:
            return has(row["structured_delegate"])
        keys = [key.strip() for keys in row.get("dispatch", {}) for key in keys.split(",")]
        return not keys or any(key == "MPS" or key.startswith("Composite") for key in keys)

    return {name for name in rows if has(name)}


class Apple(AllocationCounter):
    """Refuses what Apple's GPU has not: float64, and operators without a kernel. The meta device
    stands for it."""

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = super().__torch_dispatch__(op, types, args, kwargs)
        there = [t for t in tree_iter((args, out)) if isinstance(t, Tensor) and t.is_meta]
        if there:
            name = op.name().removeprefix("aten::")
            assert name in operators(), f"{name} has no kernel for Apple's GPU"
            assert all(t.dtype != torch.float64 for t in there), f"{name} is asked for float64"
        return out


def test_the_list_knows_what_apples_gpu_can_do() -> None:
    assert {"convolution_overrideable", "mm", "native_layer_norm", "silu"} <= operators()
    # The gradient of torch's own antialiased resizing, which guided.cutouts does not use.
    assert "_upsample_bicubic2d_aa_backward" not in operators()


def test_what_it_has_not_is_refused() -> None:
    x = torch.empty(1, 3, 8, 8, device=META, requires_grad=True)
    with Apple(), pytest.raises(AssertionError, match=r"bicubic2d_aa"):
        small = torch.nn.functional.interpolate(x, (4, 4), mode="bicubic", antialias=True)
        torch.autograd.grad(small.sum(), x)
    with Apple(), pytest.raises(AssertionError, match="float64"):
        torch.empty(2, device=META, dtype=torch.float64).sum()


@pytest.mark.parametrize(
    "words",
    [
        ["guide=[clip,range,saturation,smooth,palette]"],
        ["cutouts=disco", "cutouts.batches=1", "generator.sees=blend", "size=64x32"],
        ["cutouts=discoart", "cutouts.batches=1", "generator.checkpointing=true"],
        ["cutouts.grayscale=0.5", "cutouts.jitter=0.1", "size=32x64"],
    ],
)
def test_a_guided_step_asks_for_nothing_else(
    words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan.read(composed(["prompt=a red heart", "seed=1", *words]))
    pipeline = Pipeline.open(plan, LOADED)
    walker = counter_of(pipeline, plan)
    walker.device = "mps"
    monkeypatch.setattr(estimate, "AllocationCounter", Apple)
    assert walker().guides > 0


def test_the_secondary_model_asks_for_nothing_else() -> None:
    model = meta_copy(SecondaryModel().requires_grad_(False))
    x = torch.empty(1, 3, 64, 64, device=META, requires_grad=True)
    with Apple():
        seen = secondary_prediction(model, x, timeline("linear", 20), 10)
        torch.autograd.grad(seen, x, torch.empty_like(seen))


@pytest.mark.parametrize("sampler", [DDIM(), DDPM(), PLMS(order=4), DPMSolver(eta=0.5)])
def test_samplers_ask_for_nothing_else(sampler: Sampler) -> None:
    class Guessing:
        timeline = timeline("linear", 8)

        def __call__(self, x: Tensor, i: int) -> Prediction:
            return Prediction(torch.empty_like(x), torch.empty_like(x), torch.empty_like(x))

    with Apple():
        x = RandomStreams([1]).normal_like(torch.empty(1, 3, 8, 8, device=META))
        assert len(list(sampler.sample(Guessing(), x, RandomStreams([1]), 7))) == 8


STAGED = 64 * 1024  # bytes that CUDA takes from ordinary memory without waiting (its API's word)


class Unhurried(AllocationCounter):
    """Refuses what waits until a GPU has done all that it was told, as the CUDA documentation
    says ("API synchronization behavior"): reading what it has, and copies to it from memory that
    it cannot read by itself. The meta device stands for it."""

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        tensors = [t for t in tree_iter((args, kwargs)) if isinstance(t, Tensor)]
        there = [t.is_meta for t in tensors]
        out = super().__torch_dispatch__(op, types, args, kwargs)
        name = op.name().removeprefix("aten::")
        if any(there):
            reads = ("_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "equal")
            assert not name.startswith(reads), f"{name} waits for what it reads"
        if name.startswith(("_to_copy", "copy_")) and isinstance(out, Tensor):
            source = tensors[-1]
            assert out.is_meta or not source.is_meta, f"{name} waits for what it brings back"
            if out.is_meta and not source.is_meta and not (kwargs or {}).get("non_blocking"):
                assert source.nbytes <= STAGED, f"{name} of {tuple(source.shape)} waits"
        return out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["cutouts=disco", "cutouts.batches=1", "generator.sees=blend"],
        ["cutouts=discoart", "cutouts.batches=1", "guide=[clip,range,saturation,smooth]"],
        ["generator=tfg", "generator.samples=2", "generator.relative=0.1"],
        ["generator=dsg"],
    ],
)
def test_a_guided_step_waits_for_no_gpu(words: list[str]) -> None:
    plan = Plan.read(composed(["prompt=a red heart", "seed=1", "size=96x192", *words]))
    pipeline = Pipeline.open(plan, LOADED)
    walker = counter_of(pipeline, plan)
    drawing, rng, line = walker.generator, RandomStreams([1]), timeline("cosine", 20)
    model = ModelDenoiser(drawing.unet, line, "x0", rng=rng)
    guides, sight = walker.guides, drawing.target
    guided = GuidedDenoiser(
        model, guides, rng, drawing.method, sight, GuidanceCache(drawing.interval)
    )
    with kernels("cuda"), Unhurried():
        x = rng.normal_like(torch.empty(1, 3, 192, 96, device=META))
        guess = guided(x, 10)
        step = drawing.sampler.step(x, guess, line, 10, rng)
    assert step.shape == x.shape and guess.grad_norm is not None


def test_what_waits_is_refused() -> None:
    large, there = torch.zeros(STAGED), torch.empty(3, device=META)
    for waits in (lambda: large.to(META), lambda: torch.equal(there, there), there.nonzero):
        with Unhurried(), pytest.raises((AssertionError, NotImplementedError)):
            waits()
