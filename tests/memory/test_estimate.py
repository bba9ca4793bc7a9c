"""The memory plan against what torch's own allocator counts while the same step is drawn."""

import gc
from collections.abc import Callable
from weakref import ref

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from guided.config.messages import composed
from guided.config.plan import Plan
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.interfaces import Request
from guided.memory.allocations import AllocationCounter
from guided.memory.estimate import held
from guided.memory.meta_copies import meta_copy
from guided.memory.meta_kernels import kernels
from guided.memory.planner import moments
from guided.models.model_cache import ModelCache
from guided.pipeline import Pipeline
from guided.schedule import schedule
from tests.doubles import counter_of, on_one_thread

LOADED = ModelCache()  # the models, once for the tests that only count


def allocated(work: Callable[[], object]) -> int:
    """The most that PyTorch's CPU allocator had given out at once, in bytes."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        kept = work()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda e: e.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    del kept
    return peak


def back_and_forth(net: UNet, x: torch.Tensor) -> torch.Tensor:
    out = net(x, torch.full((1,), 500.0, device=x.device))
    return torch.autograd.grad(out, x, torch.empty_like(out))[0]


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_a_u_net_needs_what_was_counted_without_numbers(checkpointing: bool, old: bool) -> None:
    config = UNetConfig(
        image_size=64,
        num_channels=32,
        channel_mult=[1, 2, 2],
        attention_resolutions=[32, 16],
        num_head_channels=32,
        resblock_updown=not old,
        use_scale_shift_norm=not old,
    )
    net = UNet(config).requires_grad_(False).eval().set_precision(torch.float32)
    net.checkpointing = checkpointing
    shell = meta_copy(net)
    x = torch.empty(1, 3, 64, 64, device="meta", requires_grad=True)
    with kernels("cpu"), AllocationCounter([*held(shell), x]) as ledger:
        back_and_forth(shell, x)
    real = torch.randn(1, 3, 64, 64, requires_grad=True)
    with on_one_thread():
        measured = allocated(lambda: back_and_forth(net, real))
    assert ledger.peak == pytest.approx(measured, rel=0.15)
    assert ledger.live == 0  # and nothing is left


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["cutouts.overview=24", "cutouts.inner=8"],
        ["size=128"],
        ["size=128", "generator.checkpointing=true"],
        ["cutouts=disco", "cutouts.batches=2", "cutouts.micro_batch=8", "guide=[clip,palette]"],
    ],
)
def test_a_guided_step_needs_what_was_planned(words: list[str]) -> None:
    plan = Plan.read(composed(["prompt=a red heart", "seed=1", "steps=12", *words]))
    pipeline = Pipeline.open(plan, LOADED)
    walker = counter_of(pipeline, plan)
    need = walker()
    request = Request(plan.size, [1], plan.steps, skip=6)
    _, _, guides = pipeline.asked(plan, [1])
    steps = pipeline.generator.generate(request, guides)
    with on_one_thread():
        next(steps)
        measured = allocated(lambda: next(steps))
    assert need.step == pytest.approx(measured, rel=0.15)


def test_a_network_without_numbers_shares_none_with_the_real_one() -> None:
    net = UNet(UNetConfig(image_size=8, num_channels=32, channel_mult=[1], num_res_blocks=1))
    shell = meta_copy(net)
    assert all(t.is_meta for t in held(shell)) and not any(t.is_meta for t in held(net))
    assert [t.shape for t in held(shell)] == [t.shape for t in held(net)]


def test_a_limit_cuts_the_step_and_draws_the_same_picture() -> None:
    words = ["prompt=a red heart", "seed=1", "steps=12", "skip=9", "cutouts=disco"]
    words += ["cutouts.batches=1", "generator.checkpointing=false"]
    frames, said = [], []
    for more in ("memory=off", "memory=0.067"):
        plan = Plan.read(composed([*words, more]))
        pipeline = Pipeline.open(plan)
        frames.append(list(pipeline.frames(plan))[-1])
        said.append(pipeline.said)
    assert said[0] is None and "cutouts.micro_batch=" in said[1]
    assert 1 <= pipeline.memory_policy.micro_batch < 16
    assert torch.allclose(frames[0].image, frames[1].image, atol=1e-3)


def test_a_row_like_the_one_before_is_not_counted_again() -> None:
    words = ["prompt=a red heart", "seed=1", "steps=20", "memory=3"]
    loaded = ModelCache()
    rows = [
        Pipeline.open(Plan.read(composed([*words, *more])), loaded)
        for more in ([], ["prompt=a sun"], ["cutouts.inner=3"])
    ]
    assert [row.said is None for row in rows] == [False, True, False]
    assert rows[0].memory_policy is rows[1].memory_policy is not rows[2].memory_policy
    assert rows[1].generator.memory_policy is rows[0].memory_policy


def test_a_row_of_more_images_is_counted_for_itself() -> None:
    words = ["prompt=a red heart", "seed=1", "steps=20", "memory=3", "batch_size=2"]
    loaded = ModelCache()
    one, two = (
        Pipeline.open(Plan.read(composed([*words, f"count={count}"])), loaded) for count in (1, 2)
    )
    assert one.said and two.said and one.said != two.said


def test_a_row_lets_go_of_the_clips_of_rows_before() -> None:
    words, loaded = ["prompt=a red heart", "seed=1", "steps=20"], ModelCache()
    before = Pipeline.open(Plan.read(composed(words)), loaded)
    clip = ref(before.clips["embedded_a"])
    del before
    Pipeline.open(Plan.read(composed([*words, "precision=bfloat16"])), loaded)
    gc.collect()
    assert clip() is None


def test_a_clip_that_comes_later_is_counted() -> None:
    """The larger one alone, and after the smaller one."""
    early, late = "[[0,1],[0.5,1],[0.51,0]]", "[[0,0],[0.5,0],[0.51,1]]"
    needs = []
    for a, b in ((1, 0), (0, 1), (late, early), (early, late)):
        weights = [f"clip.embedded_a.weight={a}", f"clip.embedded_b.weight={b}"]
        plan = Plan.read(composed(["prompt=a red heart", "seed=1", "steps=20", *weights]))
        pipeline = Pipeline.open(plan, LOADED)
        needs.append(counter_of(pipeline, plan)().guides)
    assert needs[0] != needs[1]
    assert needs[2] == needs[3] == max(needs[:2])


def test_a_secondary_model_that_ends_early_leaves_the_way_back_through_the_u_net() -> None:
    plan = Plan.read(composed(["prompt=a red heart", "seed=1", "steps=20"]))
    sight = GuidanceTarget(
        secondary=SecondaryModel(), when=schedule("secondary", [[0, 1], [0.5, 0]])
    )
    weights = [card.weight for card in plan.clips.values()]
    found = moments(plan.cutouts, weights, sight.uses_secondary)
    assert {sight.uses_secondary(progress) for progress in found} == {True, False}
