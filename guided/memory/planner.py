"""Before the first step: what a plan needs of its device's memory, and how it is made to fit.

Knows the loaded models of a studio, and nothing about how they draw.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from guided.interfaces import Request
from guided.memory.available import DRIVER, GB, room
from guided.memory.estimate import Need, held, size_of, walk
from guided.memory.meta_copies import HollowClip, hollow_drawing
from guided.memory.strategies import Fitting
from guided.schedule import AUTO

if TYPE_CHECKING:
    from guided.config.plan import Plan
    from guided.diffusion.guidance_target import Sight
    from guided.pipeline import Studio

# What is smaller than all of this fits anywhere, and is not counted.
LITTLE, FEW_PIXELS, ENOUGH = 256 * 2**20, 256 * 256, 4 * GB


def settle(studio: Studio, plan: Plan) -> str | None:
    """Make the studio's thrift fit; a line that says how, or None where that needs no word."""
    if plan.memory == "off":
        return None
    weights = weights_of(studio)
    there = sum(weights.values())
    device = torch.device(studio.device)
    limit = limit_of(plan, device, there)
    if limit is None or (plan.memory == "auto" and obvious(plan, there, limit)):
        return None
    fitting = Fitting(
        Walker(studio, plan, weights),
        studio.thrift,
        limit,
        cuttable=plan.cutouts.micro_batch is None,
        recomputing=plan.generator.checkpointing == AUTO and studio.generator.sight.through_unet,
        waiting=device.type != "cpu" and len(studio.clips) > 1,
    )
    fitting.fit()
    if studio.thrift.one_by_one:
        studio.thrift.send_away()
    return fitting.line()


def limit_of(plan: Plan, device: torch.device, there: int) -> float | None:
    """Bytes for weights, which are there already, and for what a step needs beside them."""
    most = room(device, there)
    limits = [] if most is None else [most]
    if plan.memory != "auto":
        limits.append(float(plan.memory) * GB - DRIVER[device.type])
    return min(limits, default=None)


def obvious(plan: Plan, weights: int, limit: float) -> bool:
    width, height = plan.size
    pixels = width * height * plan.batch_size
    return weights <= LITTLE and pixels <= FEW_PIXELS and limit >= ENOUGH


def weights_of(studio: Studio) -> dict[str, int]:
    drawing, clips = studio.generator, [*studio.clips.values(), *studio.judges.values()]
    towers = {id(clip): clip.visual for clip in clips}
    return {
        "U-Net": size_of(drawing.unet),
        "secondary": size_of(drawing.sight.secondary),
        "CLIP": sum(map(size_of, towers.values())),
        "upscaler": size_of(studio.enlarger.upscaler),
    }


class Walker:
    """Counts a step of a plan as its thrift cuts it."""

    def __init__(self, studio: Studio, plan: Plan, weights: dict[str, int]) -> None:
        self.thrift, self.weights = studio.thrift, weights
        self.device = torch.device(studio.device).type
        clips = {name: HollowClip(clip) for name, clip in studio.clips.items()}
        self.drawing = hollow_drawing(studio.generator)
        shell = replace(studio, generator=self.drawing, clips=clips, device="meta")
        seeds = [plan.seed + k for k in range(min(plan.batch_size, plan.count))]
        _, _, self.guides = shell.asked(plan, seeds)
        self.request = Request(plan.size, seeds, plan.steps)
        towers = [clip.visual for clip in clips.values()]
        self.owned = held(self.drawing.unet, self.drawing.sight.secondary, *towers)
        sizes = [size_of(tower) for tower in towers]
        self.waiting = sum(sizes) - max(sizes, default=0)
        self.moments = moments(plan, self.drawing.sight)

    def __call__(self) -> Need:
        step = partial(walk, self.drawing, self.guides, self.request, self.device, self.owned)
        need = max(map(step, self.moments), key=lambda need: need.step)
        need.weights = dict(self.weights)
        if self.thrift.one_by_one:
            need.weights["CLIP"] -= self.waiting
        return need


def moments(plan: Plan, sight: Sight) -> list[float]:
    """Where a step may be at its largest: of all in which the same CLIPs look at the guess of the
    same network, the progress of one with most cutouts."""
    chosen, weights = plan.cutouts, [card.weight for card in plan.clips.values()]
    most: dict[tuple[bool, ...], tuple[float, float]] = {}
    for progress in (k / 100 for k in range(100)):
        who = (sight.quick(progress), *(weight(progress) > 0 for weight in weights))
        cutouts = chosen.overview(progress) + chosen.inner(progress)
        most[who] = max(most.get(who, (-1, 0)), (cutouts * chosen.batches(progress), progress))
    return [progress for _, progress in most.values()]
