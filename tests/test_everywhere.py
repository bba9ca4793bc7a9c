"""What only one kind of device has is not used: a whole guided step, walked without numbers, asks
for nothing that Apple's GPU lacks. There is none here to try; its operators are in torch's list.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor
from torch.utils._pytree import tree_iter

from guided.complaint import composed
from guided.diffusion.multistep import PLMS, DPMSolver
from guided.diffusion.noise import Dice, timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.secondary import SecondaryModel, quick_guess
from guided.memory import need
from guided.memory.hollow import META, hollow
from guided.memory.ledger import Ledger
from guided.memory.settle import Walker, weights_of
from guided.models.loaded import Loaded
from guided.plan import Plan
from guided.studio import Studio
from guided.types import Guess, Sampler

LOADED = Loaded()  # the models, once for all tests here


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


class Apple(Ledger):
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
    # The way back through torch's own antialiased resizing, which guided/views.py goes without.
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
    studio = Studio.open(plan, LOADED)
    walker = Walker(studio, plan, weights_of(studio))
    walker.device = "mps"
    monkeypatch.setattr(need, "Ledger", Apple)
    assert walker().guides > 0


def test_the_secondary_model_asks_for_nothing_else() -> None:
    model = hollow(SecondaryModel().requires_grad_(False))
    x = torch.empty(1, 3, 64, 64, device=META, requires_grad=True)
    with Apple():
        seen = quick_guess(model, x, timeline("linear", 20), 10)
        torch.autograd.grad(seen, x, torch.empty_like(seen))


@pytest.mark.parametrize("sampler", [DDIM(), DDPM(), PLMS(order=4), DPMSolver(eta=0.5)])
def test_samplers_ask_for_nothing_else(sampler: Sampler) -> None:
    class Guessing:
        timeline = timeline("linear", 8)

        def __call__(self, x: Tensor, i: int) -> Guess:
            return Guess(torch.empty_like(x), torch.empty_like(x), torch.empty_like(x))

    with Apple():
        x = Dice([1]).normal_like(torch.empty(1, 3, 8, 8, device=META))
        assert len(list(sampler.sample(Guessing(), x, Dice([1]), 7))) == 8
