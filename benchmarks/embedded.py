"""Measures the embedded pair's picture, at the program's defaults, against the passes of its
models alone: the difference is this program's overhead.
"""

from __future__ import annotations

import statistics
from functools import partial
from typing import Any

import torch

from benchmarks.clock import seconds
from benchmarks.parts import Work, parts
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.diffusion.samplers import DDIM
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.interfaces import Request
from guided.pipeline import Pipeline

CASE = "embedded"
WORDS = ("prompt=a red heart", "seed=0")


def compared(device: torch.device, precision: str) -> dict[str, Any]:
    """Every step of one picture, and after each the passes of the U-Net and the CLIPs that it is
    made of, forward and back, as often as the step needs them."""
    words = [*WORDS, f"device={device}", f"precision={precision}"]
    plan = Plan.read(compose(words))
    pipeline = Pipeline.open(plan)
    guides = pipeline.guides(plan, plan.prompts_of(plan.seed), None)
    request = Request(plan.size, [plan.seed], plan.steps)
    assert isinstance(pipeline.generator, DiffusionGenerator)
    assert isinstance(plan.sampler, DDIM)
    works = parts(pipeline.generator, guides, request)
    cutouts = works.pop("cutouts")
    first = seconds(lambda: next(pipeline.generator.generate(request, guides)), device)
    ours, bare, evaluations = [], [], 0
    steps, taken = pipeline.generator.generate(request, guides), []
    for _ in range(request.drawn):
        ours.append(seconds(lambda: taken.append(next(steps)), device))
        times = int(plan.sampler.recurrence(taken[-1].prediction.progress))
        bare.append(seconds(partial(again, list(works.values()), times), device))
        evaluations += times
    return {
        "case": CASE,
        "size": list(plan.size),
        "first step": {"guided": first},
        "seconds": {"guided": sum(ours), "bare": sum(bare)},
        "evaluations": evaluations,
        "times the bare passes": sum(ours) / sum(bare),
        "of one step": statistics.median(a / b for a, b in zip(ours, bare, strict=True)),
        "parts": {
            name: statistics.median(seconds(work, device) for _ in range(9))
            for name, work in [*works.items(), ("cutouts", cutouts)]
        },
    }


def again(works: list[Work], times: int) -> None:
    for _ in range(times):
        for work in works:
            work()


def report(results: dict[str, Any]) -> None:
    """Print the results."""
    width, height = results["size"]
    took = results["seconds"]
    print(
        f"{results['case']}: {width}x{height}, a picture of {results['evaluations']} evaluations: "
        f"{took['guided']:.2f} s, {took['bare']:.2f} s for its models' passes alone; "
        f"{results['times the bare passes']:.3f} times as long "
        f"(a step {results['of one step']:.3f})"
    )
    print(
        "  " + ", ".join(f"{name} {took * 1e3:.1f} ms" for name, took in results["parts"].items())
    )
