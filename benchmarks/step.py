"""How much of a guided step is spent outside the models: python -m benchmarks.step [size=256]

Times whole guided steps and, alternating with them, the bare forward and backward passes of the
same U-Net and CLIPs on inputs of the same shapes; prints medians and their ratio. Takes the words
of a run's command line.
"""

import statistics
import sys
import time
from collections.abc import Callable

import torch

from guided.command import compose
from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.noise import Dice, timeline
from guided.plan import Plan
from guided.studio import Studio

ROUNDS = 15


def main(words: list[str]) -> None:
    plan = Plan.read(compose(['prompt="a red heart"', "seed=0", *words]))
    studio = Studio.open(plan)
    step, bare = guided_step(plan, studio), bare_models(plan, studio)
    step(), bare()  # warm up
    pairs = [(seconds(step), seconds(bare)) for _ in range(ROUNDS)]
    whole, models = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratios = sorted((a - b) / a for a, b in pairs)
    print(f"size {plan.size[0]}x{plan.size[1]}, {torch.get_num_threads()} threads")
    print(f"guided step {whole * 1000:.1f} ms, its models alone {models * 1000:.1f} ms")
    print(
        f"outside the models {statistics.median(ratios):.1%} "
        f"(from {ratios[0]:.1%} to {ratios[-1]:.1%})"
    )


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def guided_step(plan: Plan, studio: Studio) -> Callable[[], None]:
    """One denoising step of a run: guess, guides, gradient, sampler."""
    drawing = studio.generator
    steps = timeline(plan.model.schedule, 50, plan.model.spacing)
    dice = Dice([0])
    model = ModelDenoiser(drawing.unet, steps, plan.model.prediction)
    guided = GuidedDenoiser(model, studio.guides, dice, drawing.clamp)
    x = noise(plan, studio)

    def work() -> None:
        guess = guided(x, 25)
        plan.sampler.step(x, guess, steps, 25, dice)

    return work


def bare_models(plan: Plan, studio: Studio) -> Callable[[], None]:
    """The forward and backward passes of U-Net and CLIPs, and nothing else."""
    unet = studio.generator.unet
    similarity = studio.guides["clip"]
    dice = Dice([0])
    image = noise(plan, studio)
    views = [
        similarity.views(image, target.clip.size, 0.5, dice.seeds()[0])
        for target in similarity.targets
    ]
    x, t = noise(plan, studio), torch.tensor([500.0], device=studio.device)

    def work() -> None:
        leaf = x.detach().requires_grad_()
        out = unet(leaf, t)
        for target, seen in zip(similarity.targets, views, strict=True):
            part = seen.detach().requires_grad_()
            encoded = target.clip.encode_image(part)
            torch.autograd.grad(encoded, part, torch.ones_like(encoded))
        torch.autograd.grad(out, leaf, torch.ones_like(out))

    return work


def noise(plan: Plan, studio: Studio) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, 3, plan.size[1], plan.size[0], generator=generator)
    return x.to(studio.device)


if __name__ == "__main__":
    main(sys.argv[1:])
