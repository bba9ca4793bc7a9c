"""Measures a canvas of four times the area in windows: python -m benchmarks.windows [size=128]

Takes guided steps with random weights, of the network's own size and of twice its width and
height, in alternation, and prints the ratios of their CPU times and of their memory. The guide is
a constant gradient, so that nothing but the networks is compared. The memory is that of a step
without weights, as the program plans it (guided/memory). "again": each window is computed again in
the backward pass, as generator.checkpointing=true does and as the program does where memory is
short; the step of the own size is not.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.samplers import DDIM
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.interfaces import GuideGradient, Request, Step
from guided.memory.estimate import held, measure_step
from guided.models.cards import ModelCard
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule
from guided.training.common.settings import main

CPU = torch.device("cpu")
STEPS = 1000  # so many that a round never ends one


@dataclass
class Settings:
    size: int = 128  # own size of the network
    channels: int = 64  # of its finest level
    rounds: int = 5


class Pull:
    """A guide with a constant gradient."""

    def is_active(self, progress: float) -> bool:
        return True

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        return GuideGradient(image.new_zeros(len(image)), torch.ones_like(image))


def ways() -> dict[str, tuple[GuidanceTarget, bool]]:
    """Return how the gradient goes back, by name, and whether windows are computed again."""
    secondary = SecondaryModel().requires_grad_(False).eval()
    straight = GuidanceTarget(rho=schedule("rho", 0), mu=schedule("mu", 1))
    return {
        "straight": (straight, False),
        "secondary model": (GuidanceTarget(secondary=secondary), False),
        "through the U-Net": (GuidanceTarget(), False),
        "through the U-Net, again": (GuidanceTarget(), True),
    }


def measure(settings: Settings) -> None:
    """Print a line for each way and each kind of windows."""
    size = settings.size
    unet = network(settings)
    print(
        f"a canvas of {2 * size}x{2 * size} beside {size}x{size}: times the CPU time, the memory"
    )
    for name, (target, again) in ways().items():
        own = drawing(unet, target, "off", False)
        for tiles in ("off", "blend", "shift"):
            large = drawing(unet, target, tiles, again and tiles != "off")
            pairs = [
                tuple(steps() for steps in (stepper(own, size), stepper(large, 2 * size)))
                for _ in range(settings.rounds)
            ]
            times = statistics.median(b / a for a, b in pairs)
            bytes_ = memory(large, 2 * size) / memory(own, size)
            print(f"  {name:<26} {tiles:<6} {times:5.2f} {bytes_:5.2f}", flush=True)


def network(settings: Settings) -> UNet:
    """Return a U-Net of guided-diffusion's family with random weights."""
    config = UNetConfig(
        image_size=settings.size,
        num_channels=settings.channels,
        channel_mult=[1, 1, 2, 3, 4],
        attention_resolutions=[settings.size // 8, settings.size // 16],
        num_head_channels=32,
        resblock_updown=True,
    )
    return UNet(config).requires_grad_(False).eval().set_precision(torch.float32)


def drawing(unet: UNet, target: GuidanceTarget, tiles: str, again: bool) -> DiffusionGenerator:
    """Return a generator that draws in windows of kind `tiles`."""
    side = unet.config.image_size
    card = ModelCard(unet=unet.config, size=[side, side])
    policy = MemoryPolicy(checkpointing=again)
    made = DiffusionGenerator(unet, card, DDIM(), CPU, target=target, memory_policy=policy)
    return replace(made, tiles=tiles)


def stepper(generator: DiffusionGenerator, side: int) -> Callable[[], float]:
    """Return a function that takes a step and returns its CPU time in seconds."""
    steps: Iterator[Step] = generator.generate(Request((side, side), [1], STEPS), {"it": Pull()})

    def step() -> float:
        began = time.process_time()
        next(steps)
        return time.process_time() - began

    return step


def memory(generator: DiffusionGenerator, side: int) -> int:
    """Return the bytes of a step without weights."""
    meta, request = generator.on_meta(), Request((side, side), [1], STEPS)
    owned = held(*meta.networks().values())
    return measure_step(meta, {}, request, "cpu", owned, 0.5).step


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Settings, measure)
