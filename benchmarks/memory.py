"""Estimates which models and sizes fit: python -m benchmarks.memory [gb=4,6,8,12,24]

Prints for each amount of GPU memory and each choice of models how a guided step with Disco
Diffusion's cutouts is divided to fit, and the largest of a few sizes that fits. Computed on the
CPU from the architectures (guided/memory), without weights or a GPU, for bfloat16 and CUDA.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from benchmarks.cases import Case
from guided.clip.fast_tower import quicken
from guided.clip.model import Clip
from guided.compat.open_clip import import_open_clip
from guided.cutouts.settings import DiscoCutouts
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.samplers import DDIM
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.clip import ClipGuide
from guided.interfaces import ClipModel, CutoutSettings, Guide, Request, Scene
from guided.memory.allocations import AllocationCounter
from guided.memory.available import DRIVER, GB
from guided.memory.estimate import StepMemory, held, look, measure_step, size_of
from guided.memory.meta_copies import META
from guided.memory.meta_kernels import kernels
from guided.memory.strategies import MemoryFit
from guided.models.cards import ModelCard
from guided.oom import MemoryPolicy
from guided.prompts.prompt import Prompt
from guided.rng import RandomStreams
from guided.training.common.settings import main

B32, B16, RN50, L14 = "ViT-B-32-quickgelu", "ViT-B-16-quickgelu", "RN50-quickgelu", "ViT-L-14"
CHOICES = {
    "ViT-B/32": (B32,),
    "ViT-B/32, ViT-B/16, RN50": (B32, B16, RN50),
    "ViT-B/32, ViT-L/14": (B32, L14),
}
MODELS = {"512, secondary": (512, True), "512": (512, False), "256": (256, False)}
SIZES = {
    512: ((512, 512), (1280, 768), (1920, 1088)),
    256: ((256, 256), (512, 512)),
}
TEXT, VIEWS = "a red heart", 64  # of Disco's 4 sets of 16 cutouts


@dataclass
class Settings:
    gb: str = "4,6,8,12,24"

    def amounts(self) -> list[float]:
        try:
            return [float(amount) for amount in self.gb.split(",")]
        except ValueError as error:
            raise BadInput(f"gb={self.gb} must be numbers with commas between") from error


def table(settings: Settings) -> None:
    amounts = settings.amounts()
    print("| model | CLIPs | " + " | ".join(f"{amount:g} GB" for amount in amounts) + " |")
    print("|---" * (2 + len(amounts)) + "|")
    counters: dict[tuple[int, int], Counter] = {}
    clips = {name: clip(name) for name in (B32, B16, RN50, L14)}
    for model, (image_size, quick) in MODELS.items():
        cells = {label: dict.fromkeys(amounts, "-") for label in CHOICES}
        for size in SIZES[image_size]:
            counter = counters.setdefault(size, Counter(size, clips))
            others, needs = counter.network(image_size, quick)
            for label, names in CHOICES.items():
                for amount in amounts:
                    if said := within(counter, names, others, needs, amount):
                        cells[label][amount] = said
        for label, found in cells.items():
            print(f"| {model} | {label} | " + " | ".join(found.values()) + " |", flush=True)


def clip(name: str) -> Clip:
    """Return a CLIP with random weights on the meta device."""
    open_clip = import_open_clip()
    model = open_clip.create_model(name).eval()
    found = Clip(model, open_clip.get_tokenizer(name), torch.device("cpu"), torch.bfloat16)
    found.visual = quicken(found.visual)
    found.encode_text([TEXT])
    return found.on_meta()


def generator(case: Case) -> DiffusionGenerator:
    """Return the networks of a case on the meta device, in bfloat16."""
    with META:
        unet = UNet(case.unet).requires_grad_(False).eval().set_precision(torch.bfloat16)
        secondary = SecondaryModel().requires_grad_(False).eval() if case.secondary else None
    target = GuidanceTarget("blend", secondary)
    return DiffusionGenerator(unet, ModelCard(unet=case.unet), DDIM(), META, target=target)


def clip_guide(
    clips: Mapping[str, ClipModel], cutouts: CutoutSettings, policy: MemoryPolicy | None = None
) -> dict[str, Guide]:
    """Return the guide of CLIPs, as look=disco combines them, on the device of the first."""
    device = next(iter(clips.values())).device
    scene = Scene([Prompt(TEXT)], clips, cutouts, device, memory_policy=policy)
    return {"clip": ClipGuide(combine="sum", weights="sum").prepare(scene)}


@dataclass
class Counter:
    """Counts the memory of guided steps of one size on the meta device, each part once: the
    U-Net's pass and each CLIP's follow one another."""

    size: tuple[int, int]
    clips: dict[str, Clip]

    def __post_init__(self) -> None:
        self.request = Request(self.size, [0], 250)
        self.looked: dict[str, tuple[int, int]] = {}

    def network(self, image_size: int, quick: bool) -> tuple[int, dict[bool, StepMemory]]:
        """Return the bytes of the weights, and the memory of a step without CLIPs, with and
        without recomputed activations of the U-Net."""
        drawing = generator(Case("", self.size, image_size, 256, (), quick, 4))
        networks = drawing.networks().values()
        ways = (False, True) if drawing.target.through_unet else (False,)
        needs = {
            way: measure_step(
                replace(drawing, memory_policy=MemoryPolicy(checkpointing=way)),
                {},
                self.request,
                "cuda",
                held(*networks),
                progress=0.5,
            )
            for way in ways
        }
        return sum(map(size_of, networks)), needs

    def look(self, name: str, micro_batch: int | None) -> int:
        """Return the bytes that one CLIP needs for Disco's 64 cutouts, `micro_batch` at once."""
        if name not in self.looked:
            self.looked[name] = self._look(name, None), self._look(name, VIEWS // 2)
        every, half = self.looked[name]
        return half + (every - half) * ((micro_batch or VIEWS) - VIEWS // 2) // (VIEWS // 2)

    def _look(self, name: str, micro_batch: int | None) -> int:
        clips, memory_policy = {name: self.clips[name]}, MemoryPolicy(micro_batch)
        guides = clip_guide(clips, DiscoCutouts(), memory_policy)
        image = torch.empty(1, 3, *self.size[::-1], device=META)
        with kernels("cuda"), AllocationCounter(held(self.clips[name].visual)) as ledger:
            return look(guides, image, 0.5, RandomStreams([0]), ledger)


def within(
    counter: Counter,
    names: tuple[str, ...],
    others: int,
    needs: dict[bool, StepMemory],
    amount: float,
) -> str:
    """Return the memory of a step that fits into `amount` GB and how it is divided; empty if none
    does."""
    memory_policy = MemoryPolicy(most_views=VIEWS)
    sizes = [size_of(counter.clips[name].visual) for name in names]

    def count() -> StepMemory:
        towers = max(sizes) if memory_policy.offload_clips else sum(sizes)
        guides = max(counter.look(name, memory_policy.micro_batch) for name in names)
        way = memory_policy.checkpointing and len(needs) > 1
        return replace(needs[way], weights={"networks": others + towers}, guides=guides)

    fitting = MemoryFit(
        count,
        memory_policy,
        amount * GB - DRIVER["cuda"],
        recomputing=len(needs) > 1,
        offloadable=len(names) > 1,
    )
    fitting.fit()
    if not fitting.fits:
        return ""
    marks = [str(memory_policy.micro_batch)] if memory_policy.micro_batch else []
    marks += ["again"] if memory_policy.checkpointing else []
    marks += ["waiting"] if memory_policy.offload_clips else []
    width, height = counter.size
    total = f"{width}x{height}: {fitting.need.total / GB:.1f}"
    return total + (f" ({', '.join(marks)})" if marks else "")


if __name__ == "__main__":
    main(Settings, table)
