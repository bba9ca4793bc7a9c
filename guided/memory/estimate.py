"""What drawing needs: one guided step walked on tensors without numbers, and its bytes counted.

Nothing here knows what a layer keeps: the networks, the cutouts and the guides themselves are run,
on the meta device, and a ledger looks on. So a new kind of network, guide or cutout needs no word
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import in_colour
from guided.diffusion.noise_schedule import Dice, Timeline
from guided.generators.diffusion.generator import Drawing
from guided.interfaces import Guide, Request
from guided.memory.allocations import Ledger
from guided.memory.meta_copies import META
from guided.memory.meta_kernels import kernels

IMAGES = 6  # of the size of x: of a step and the one before, in outputs and on their way to disk


@dataclass
class Need:
    """Bytes. A step's peak is the largest of three moments: the guess, with all that it keeps for
    the way back; the guides, on top of what was kept; and the way back."""

    weights: dict[str, int] = field(default_factory=dict)  # by network
    images: int = 0
    guess: int = 0  # at most while the image is guessed
    kept: int = 0  # from there to the way back
    guides: int = 0  # at most while they look, beside what is kept
    back: int = 0  # at most on the way back, what is kept included

    @property
    def step(self) -> int:
        return self.images + max(self.guess, self.kept + self.guides, self.back)

    @property
    def total(self) -> int:
        return sum(self.weights.values()) + self.step


def size_of(net: nn.Module | None) -> int:
    """Bytes of a network's weights."""
    return sum(p.numel() * p.element_size() for p in held(net)) if net is not None else 0


def held(*nets: nn.Module | None) -> list[Tensor]:
    return [t for net in nets if net is not None for t in (*net.parameters(), *net.buffers())]


def walk(
    drawing: Drawing, guides: Mapping[str, Guide], request: Request, device: str,
    owned: Iterable[Tensor], progress: float,
) -> Need:  # fmt: skip
    """One guided step, as guided/diffusion/guidance.py takes it, of a hollow drawing with guides
    that were prepared on the meta device, with the kernels of `device`: "cpu", "cuda", "mps"...
    `owned`: the weights, which are counted elsewhere. The step is at `progress` of the run."""
    width, height = request.size
    x = torch.empty(len(request.seeds), 3, height, width, device=META, requires_grad=True)
    dice = Dice(request.seeds)
    card = drawing.card
    line = Timeline((0.0, 999 - 1000 * progress, 999.0), (0.999, 0.3, 0.001))
    model = ModelDenoiser(drawing.unet, line, card.prediction, card.clip_denoised, dice)
    drawing.unet.checkpointing = drawing.thrift.checkpointing
    ledger = Ledger([*owned, x], reordering=device == "cpu")
    with kernels(device), ledger:
        view = drawing.sight(model, x, 1)
        found = Need(images=IMAGES * x.numel() * 4, guess=ledger.since(), kept=ledger.live)
        found.guides = look(guides, in_colour(view.image), progress, dice, ledger)
        view.back(torch.empty_like(view.image))
        found.back = ledger.since()
    return found


def look(
    guides: Mapping[str, Guide], image: Tensor, progress: float, dice: Dice, ledger: Ledger
) -> int:
    """At most while they look at an image (B, 3, H, W)."""
    before = ledger.live
    ledger.since()
    pulls = [guide(image, progress, dice) for guide in guides.values()]
    del pulls
    return ledger.since() - before
