"""One step after another as Disco Diffusion 5 and DiscoArt take them, on the libraries that they
drew with: guided-diffusion, resize-right, torchvision and open_clip.

Nothing of ours is in it but the random numbers, so that a test can follow both value by value
(tests/generators/test_trajectory.py) and a benchmark can time both on the same weights.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import resize_right
import torch
import torch.nn.functional as F
from guided_diffusion.gaussian_diffusion import (
    LossType,
    ModelMeanType,
    ModelVarType,
    get_named_beta_schedule,
)
from guided_diffusion.respace import SpacedDiffusion, space_timesteps
from torch import Tensor

from guided.compat.open_clip import import_late
from guided.rng import RandomStreams

if TYPE_CHECKING:
    from open_clip.model import CLIP

import_late()  # knows how to import torchvision where its operators are missing
from torchvision import transforms as T  # noqa: E402
from torchvision.transforms import functional as TF  # noqa: E402

CLIP_SCALE, RANGE_SCALE, ETA, CLAMP = 5000, 150, 0.8, 0.05  # their defaults
EARLY, LATE = (12, 4, 0.2), (4, 12, 0.0)  # overview cutouts, inner ones, share of grey


def spaced(
    steps: int, learned: bool, name: str = "linear", spacing: str = "ddim"
) -> SpacedDiffusion:
    """Return guided-diffusion's process, respaced as in Disco Diffusion."""
    total = 1000 // steps * steps if spacing == "ddim" else 1000
    respacing = f"ddim{steps}" if spacing == "ddim" else str(steps)
    return SpacedDiffusion(
        use_timesteps=space_timesteps(total, respacing),
        betas=get_named_beta_schedule(name, total),
        model_mean_type=ModelMeanType.EPSILON,
        model_var_type=ModelVarType.LEARNED_RANGE if learned else ModelVarType.FIXED_LARGE,
        loss_type=LossType.MSE,
        rescale_timesteps=True,
    )


@dataclass
class Look:
    """A CLIP, the text embeddings (P, D), and mean and deviation of its pixels."""

    clip: CLIP
    targets: Tensor
    mean: Sequence[float]
    std: Sequence[float]


@dataclass
class Reference:
    """What Disco Diffusion (`art` false) or DiscoArt does, with everything at its defaults but
    what is set here."""

    unet: torch.nn.Module  # guided-diffusion's own
    secondary: Mapping[str, Tensor] | None  # weights, where the small network guesses
    looks: Sequence[Look]
    weights: Sequence[float]  # of the texts
    size: tuple[int, int]  # width, height
    rng: RandomStreams
    device: torch.device
    art: bool = False
    steps: int = 250
    skip: int = 10
    batches: int = 4  # sets of cutouts in a step
    augment: bool = True
    tv: float = 0.0
    saturation: float = 0.0

    def trajectory(self) -> Iterator[dict[str, Any]]:
        self.diffusion = spaced(self.steps, learned=True)
        self.at = self.steps - self.skip - 1
        shape = (1, 3, self.size[1], self.size[0])
        noise = self.rng.normal_like(torch.empty(shape, device=self.device))
        with patch.object(torch, "randn_like", self.rng.normal_like):
            for out in self.diffusion.ddim_sample_loop_progressive(
                self.unet,
                noise.shape,
                noise=noise,
                clip_denoised=False,
                cond_fn=self.conditioned,
                model_kwargs={},
                skip_timesteps=self.skip,
                eta=ETA,
            ):
                self.at -= 1
                yield out

    def conditioned(self, x: Tensor, t: Tensor) -> Tensor:
        """Section by section what both call cond_fn."""
        step = 999 - int(t.item())
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            pred = self.slow(x) if self.secondary is None else self.quick(x)
            fac = self.diffusion.sqrt_one_minus_alphas_cumprod[self.at]
            seen = pred * fac + x * (1 - fac)
            grad = torch.zeros_like(seen)
            (seed,) = self.rng.seeds()
            for k, look in enumerate(self.looks):
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(seed + k)
                    for _ in range(self.batches):
                        loss = CLIP_SCALE * self.distance(look, (seen + 1) / 2, step)
                        grad += torch.autograd.grad(loss, seen)[0] / self.batches
            outside = seen - seen.clamp(-1, 1)
            rest = self.tv * variation(seen) + self.saturation * outside.abs().mean()
            if self.art:  # Disco's range looks at what this gradient does not depend on
                rest = rest + RANGE_SCALE * outside.pow(2).mean()
            grad += torch.autograd.grad(rest, seen)[0]
            grad = -torch.autograd.grad(seen, x, grad)[0]
        magnitude = grad.square().mean().sqrt()
        return grad * magnitude.clamp(max=CLAMP) / magnitude

    def distance(self, look: Look, image: Tensor, step: int) -> Tensor:
        """Squared great-circle distance of cutouts and texts, weighted."""
        image_size: int | tuple[int, int] = look.clip.visual.image_size
        size = image_size if isinstance(image_size, int) else image_size[0]
        cuts = self.cutouts(image, size, *(EARLY if step < 400 else LATE))
        cuts = TF.normalize(cuts, look.mean, look.std)
        seen = look.clip.encode_image(cuts.to(dtype(look.clip))).to(cuts)
        seen, targets = F.normalize(seen[:, None], dim=-1), F.normalize(look.targets, dim=-1)
        apart = (seen - targets[None]).norm(dim=-1).div(2).arcsin().pow(2).mul(2)
        weights = torch.tensor(self.weights).to(apart)
        weights = F.normalize(weights, dim=0) if self.art else weights / weights.sum().abs()
        return apart.mul(weights).sum(1).mean()

    def cutouts(self, image: Tensor, size: int, overview: int, inner: int, gray: float) -> Tensor:
        augment = T.Compose(
            [
                T.RandomHorizontalFlip(p=0.5),
                T.Lambda(noisy),
                T.RandomAffine(10, (0.05, 0.05), interpolation=T.InterpolationMode.BILINEAR),
                T.Lambda(noisy),
                T.RandomGrayscale(p=0.1),
                T.Lambda(noisy),
                T.ColorJitter(brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1),
            ]
        )
        if not self.augment:
            return torch.cat(list(self.cut(image, size, overview, inner, gray)))
        if self.art:
            return torch.cat([augment(c) for c in self.cut(image, size, overview, inner, gray)])
        return augment(torch.cat(list(self.cut(image, size, overview, inner, gray))))

    def cut(
        self, image: Tensor, size: int, overview: int, inner: int, gray: float
    ) -> Iterator[Tensor]:
        width, height = self.size
        short = min(width, height)
        across, down = (height - short) // 2, (width - short) // 2
        whole = shrunk(F.pad(image, (across, across, down, down)), size)
        grey = T.Grayscale(3)
        variants = [whole, grey(whole), TF.hflip(whole), grey(TF.hflip(whole))]
        few = self.art or overview <= 4
        yield from [variants[k] if few and k < 4 else whole for k in range(overview)]
        for k in range(inner):
            least = min(short, size)
            side = int(torch.rand([]) ** 1 * (short - least) + least)
            left = torch.randint(0, width - side + 1, ())
            top = torch.randint(0, height - side + 1, ())
            crop = image[:, :, top : top + side, left : left + side]
            yield shrunk(grey(crop) if k <= int(gray * inner) else crop, size)

    def slow(self, x: Tensor) -> Tensor:
        t = torch.tensor([self.at], device=x.device)
        found = self.diffusion.p_mean_variance(self.unet, x, t, clip_denoised=False)
        return found["pred_xstart"]

    def quick(self, x: Tensor) -> Tensor:
        alpha = float(self.diffusion.sqrt_alphas_cumprod[self.at])
        sigma = float(self.diffusion.sqrt_one_minus_alphas_cumprod[self.at])
        t = math.atan2(sigma, alpha) / math.pi * 2
        return x * math.cos(t * math.pi / 2) - self.velocity(x, t) * math.sin(t * math.pi / 2)

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """Return the secondary model's v, computed from its checkpoint's keys."""
        assert self.secondary is not None
        weights = self.secondary
        turns = 2 * math.pi * t * weights["timestep_embed.weight"][:, 0]
        planes = torch.cat([turns.cos(), turns.sin()]).view(1, -1, 1, 1)
        x = torch.cat([x, planes.expand(1, -1, *x.shape[2:])], dim=1)

        def conv(x: Tensor, name: str) -> Tensor:
            return F.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)

        def around(x: Tensor, name: str, depth: int) -> Tensor:
            y = F.avg_pool2d(x, 2)
            for k in range(1, 6 if depth < 5 else 5):
                inner = k == 3 and depth < 5
                y = (
                    around(y, f"{name}.3.main", depth + 1)
                    if inner
                    else conv(y, f"{name}.{k}.0").relu()
                )
            y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)
            return torch.cat([y, x], dim=1)

        x = conv(conv(x, "net.0.0").relu(), "net.1.0").relu()
        return conv(conv(around(x, "net.2.main", 1), "net.3.0").relu(), "net.4")


def dtype(module: CLIP) -> torch.dtype:
    """Return the number format of a CLIP's image tower."""
    return next(module.visual.parameters()).dtype


def noisy(x: Tensor) -> Tensor:
    """Return cutouts with Gaussian noise."""
    return x + torch.randn(x.shape).to(x) * 0.01  # randn_like belongs to the sampler here


def shrunk(x: Tensor, size: int) -> Tensor:
    """Return an image at `size` pixels, by resize_right."""
    return resize_right.resize(x, out_shape=[1, 3, size, size])


def variation(x: Tensor) -> Tensor:
    """Return the total variation loss."""
    x = F.pad(x, (0, 1, 0, 1), "replicate")
    across = x[..., :-1, 1:] - x[..., :-1, :-1]
    down = x[..., 1:, :-1] - x[..., :-1, :-1]
    return (across**2 + down**2).mean()
