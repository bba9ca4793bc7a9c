"""Whole guided runs of look=disco and look=discoart against the references' algorithm, driven by
the library that they drew with: guided-diffusion, resize-right, torchvision and open_clip.

Nothing of ours is on the other side but the weights and the random numbers. The augmentations
clamp colours and sort them by size, and sat_scale switches at black and white, so that a rounding
now and then turns a pixel's gradient on one side only, and what comes after is another run: with
them both sides are compared in float64, value by value, and in float32 without them (skip_augs;
sat_scale is 0 anyway) by the root mean square of their difference.
"""

import json
import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
import resize_right
import torch
import torch.nn.functional as F
from guided_diffusion.unet import UNetModel
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import Tensor

from guided import devices
from guided.clip import import_open_clip
from guided.command import compose
from guided.dango_views import resizing
from guided.diffusion.noise import Dice
from guided.diffusion.secondary import SecondaryModel
from guided.plan import Plan
from guided.studio import Studio
from tests.doubles import nothing_cast_to_float32, randomised
from tests.oracles import oracle

open_clip = import_open_clip()
from torchvision import transforms as T  # noqa: E402
from torchvision.transforms import functional as TF  # noqa: E402

STEPS, SKIP, SEED, WIDTH, HEIGHT = 25, 2, 7, 64, 32
TV = 100.0
TEXTS, WEIGHTS = ("a red heart", "fog"), (2.0, -0.5)
UNET = dict(
    image_size=64,
    num_channels=32,
    channel_mult=[1, 2],
    num_res_blocks=1,
    attention_resolutions=[32],
    num_head_channels=16,
    resblock_updown=True,
    use_scale_shift_norm=True,
    learn_sigma=True,
)
TOWERS = {
    "small": dict(image_size=16, layers=1, width=32, patch_size=8, head_width=16),
    "large": dict(image_size=24, layers=1, width=32, patch_size=8, head_width=16),
}
MEAN, STD = (0.5, 0.4375, 0.375), (0.25, 0.25, 0.28125)  # the same in any precision


@dataclass
class Models:
    """Random networks: the references' own, and the files that we load."""

    folder: Path
    unet: UNetModel
    secondary: dict[str, Tensor]

    @property
    def overrides(self) -> dict[str, object]:
        unet = {"file": str(self.folder / "unet.pt"), "sha256": "", "size": [WIDTH, HEIGHT]}
        return {
            "model": unet | {"unet": UNET},
            "secondary": {"file": str(self.folder / "secondary.pth"), "sha256": ""},
        }

    def clips(self) -> dict[str, dict[str, str]]:
        target = "guided.models.cards.ClipCard"
        return {
            name: {"_target_": target, "name": name, "path": str(self.folder / name)}
            for name in TOWERS
        }


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    unet = UNetModel(
        image_size=64,
        in_channels=3,
        model_channels=32,
        out_channels=6,
        num_res_blocks=1,
        attention_resolutions=[2],
        channel_mult=(1, 2),
        num_head_channels=16,
        resblock_updown=True,
        use_scale_shift_norm=True,
    )
    unet = sane(randomised(unet, seed=1)).eval().requires_grad_(False)
    torch.save(unet.state_dict(), folder / "unet.pt")
    secondary = randomised(SecondaryModel(), seed=2).state_dict()
    torch.save(secondary, folder / "secondary.pth")
    for seed, (name, vision) in enumerate(TOWERS.items()):
        save_clip(folder / name, vision, seed)
    return Models(folder, unet, secondary)


def sane(unet: UNetModel) -> UNetModel:
    """A random network that takes most of what it sees for noise, as a trained one does, so that
    its guesses are of a picture's size: the noisy image goes to the end as channels x and -x,
    where silu(x) - silu(-x) = x, and all the rest is a tenth of it or less."""
    channels = len(unet.input_blocks[0][0].weight)
    last, out = unet.output_blocks[-1][0], unet.out[2]
    with torch.no_grad():
        for parameter in (out.weight, out.bias, last.out_layers[3].weight):
            parameter *= 0.01
        unet.out[0].weight[:6], unet.out[0].bias[:6] = 1, 0
        unet.input_blocks[0][0].weight[:6] = 0
        last.skip_connection.weight[:6] = 0
        for k in range(6):
            colour, sign = k % 3, 1 if k < 3 else -1
            unet.input_blocks[0][0].weight[k, colour, 1, 1] = sign
            last.skip_connection.weight[k, channels + k] = 1
            out.weight[colour, k, 1, 1] += sign
    return unet


def save_clip(folder: Path, vision: dict[str, int], seed: int) -> None:
    """A random CLIP in open_clip's own format."""
    text = dict(context_length=77, vocab_size=49408, width=16, heads=2, layers=1)
    config = dict(embed_dim=24, vision_cfg=vision, text_cfg=text)
    about = dict(model_cfg=config, preprocess_cfg=dict(mean=MEAN, std=STD))
    folder.mkdir()
    (folder / "open_clip_config.json").write_text(json.dumps(about))
    model = randomised(open_clip.create_model(f"local-dir:{folder}"), seed)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")


# ---- the references --------------------------------------------------------------------------


@dataclass
class Reference:
    """What Disco Diffusion (`art` false) or DiscoArt does, with everything at its defaults but
    the number of steps, one set of cutouts in each, and some tv_scale and sat_scale."""

    models: Models
    art: bool
    secondary: bool
    augment: bool
    saturation: float
    dice: Dice

    def trajectory(self) -> Iterator[dict[str, Tensor]]:
        self.diffusion = oracle(STEPS, learned=True)
        dtype = torch.get_default_dtype()
        self.unet = deepcopy(self.models.unet).to(dtype)
        self.unet.dtype = dtype
        self.weights = {key: tensor.to(dtype) for key, tensor in self.models.secondary.items()}
        self.clips = [
            open_clip.create_model(f"local-dir:{self.models.folder / name}").eval()
            for name in TOWERS
        ]
        self.targets = [self.embedded(clip) for clip in self.clips]
        self.at = STEPS - SKIP - 1
        noise = self.dice.normal_like(torch.empty(1, 3, HEIGHT, WIDTH))
        with patch.object(torch, "randn_like", self.dice.normal_like):
            for out in self.diffusion.ddim_sample_loop_progressive(
                self.unet,
                noise.shape,
                noise=noise,
                clip_denoised=False,
                cond_fn=self.conditioned,
                model_kwargs={},
                skip_timesteps=SKIP,
                eta=0.8,
            ):
                self.at -= 1
                yield out

    @torch.no_grad()
    def embedded(self, clip: torch.nn.Module) -> Tensor:
        return clip.encode_text(open_clip.get_tokenizer("ViT-B-32")(list(TEXTS))).float()

    def conditioned(self, x: Tensor, t: Tensor) -> Tensor:
        """Section by section what both call cond_fn."""
        step = 999 - int(t.item())
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            pred = self.quick(x) if self.secondary else self.slow(x)
            fac = self.diffusion.sqrt_one_minus_alphas_cumprod[self.at]
            seen = pred * fac + x * (1 - fac)
            grad = torch.zeros_like(seen)
            (seed,) = self.dice.seeds()
            for k, (clip, targets) in enumerate(zip(self.clips, self.targets, strict=True)):
                with torch.random.fork_rng():
                    torch.manual_seed(seed + k)
                    loss = 5000 * self.distance(clip, targets, (seen + 1) / 2, step)
                    grad += torch.autograd.grad(loss, seen)[0]
            rest = TV * variation(seen) + self.saturation * (seen - seen.clamp(-1, 1)).abs().mean()
            if self.art:  # Disco's range looks at what this gradient does not depend on
                rest = rest + 150 * (seen - seen.clamp(-1, 1)).pow(2).mean()
            grad += torch.autograd.grad(rest, seen)[0]
            grad = -torch.autograd.grad(seen, x, grad)[0]
        magnitude = grad.square().mean().sqrt()
        return grad * magnitude.clamp(max=0.05) / magnitude

    def distance(self, clip: torch.nn.Module, targets: Tensor, image: Tensor, step: int) -> Tensor:
        """Squared great-circle distance of cutouts and texts, weighted."""
        size = clip.visual.image_size[0]
        cuts = self.cutouts(image, size, *((12, 4, 0.2) if step < 400 else (4, 12, 0.0)))
        seen = clip.encode_image(TF.normalize(cuts, MEAN, STD)).float()
        seen, targets = F.normalize(seen[:, None], dim=-1), F.normalize(targets[None], dim=-1)
        apart = (seen - targets).norm(dim=-1).div(2).arcsin().pow(2).mul(2)
        weights = torch.tensor(WEIGHTS)
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
        short, long = HEIGHT, WIDTH
        bar = (long - short) // 2
        whole = shrunk(F.pad(image, (0, 0, bar, bar)), size)
        grey = T.Grayscale(3)
        variants = [whole, grey(whole), TF.hflip(whole), grey(TF.hflip(whole))]
        few = self.art or overview <= 4
        yield from [variants[k] if few and k < 4 else whole for k in range(overview)]
        for k in range(inner):
            side = int(torch.rand([]) ** 1 * (short - size) + size)
            left, top = (
                torch.randint(0, WIDTH - side + 1, ()),
                torch.randint(0, HEIGHT - side + 1, ()),
            )
            crop = image[:, :, top : top + side, left : left + side]
            yield shrunk(grey(crop) if k <= int(gray * inner) else crop, size)

    def slow(self, x: Tensor) -> Tensor:
        t = torch.tensor([self.at])
        found = self.diffusion.p_mean_variance(self.unet, x, t, clip_denoised=False)
        return found["pred_xstart"]

    def quick(self, x: Tensor) -> Tensor:
        alpha = float(self.diffusion.sqrt_alphas_cumprod[self.at])
        sigma = float(self.diffusion.sqrt_one_minus_alphas_cumprod[self.at])
        t = math.atan2(sigma, alpha) / math.pi * 2
        return x * math.cos(t * math.pi / 2) - self.velocity(x, t) * math.sin(t * math.pi / 2)

    def velocity(self, x: Tensor, t: float) -> Tensor:
        """The secondary model, spelt out over its checkpoint's keys."""
        weights = self.weights
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


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Both sides in float32 or in float64."""
    if dtype == torch.float32:
        yield
        return
    resizing.cache_clear()
    torch.set_default_dtype(dtype)
    try:
        with nothing_cast_to_float32(), patch.object(devices, "find_precision", double):
            yield
    finally:
        torch.set_default_dtype(torch.float32)
        resizing.cache_clear()


def double(name: str, device: torch.device) -> torch.dtype:
    return torch.float64


def noisy(x: Tensor) -> Tensor:
    return x + torch.randn(x.shape) * 0.01  # randn_like belongs to the sampler here


def shrunk(x: Tensor, size: int) -> Tensor:
    return resize_right.resize(x, out_shape=[1, 3, size, size])


def variation(x: Tensor) -> Tensor:
    x = F.pad(x, (0, 1, 0, 1), "replicate")
    across = x[..., :-1, 1:] - x[..., :-1, :-1]
    down = x[..., 1:, :-1] - x[..., :-1, :-1]
    return (across**2 + down**2).mean()


# ---- ours ------------------------------------------------------------------------------------


def ours(
    models: Models, look: str, secondary: bool, augment: bool, saturation: float
) -> Iterator[Tensor]:
    """The pictures that such a run goes through, in [-1, 1]."""
    cfg = compose([f"look={look}", *([] if secondary else ["secondary=none"])])
    overrides = models.overrides
    if not secondary:
        overrides.pop("secondary")
    OmegaConf.set_struct(cfg, False)
    cfg.clip = models.clips()
    cfg.merge_with(OmegaConf.create(overrides))
    cfg.prompt = [{"text": t, "weight": w} for t, w in zip(TEXTS, WEIGHTS, strict=True)]
    cfg.steps, cfg.skip, cfg.seed, cfg.device, cfg.precision = STEPS, SKIP, SEED, "cpu", "float32"
    cfg.cutouts.batches, cfg.cutouts.augment = 1, augment
    cfg.guide.smooth.scale, cfg.guide.saturation.scale = TV, saturation
    plan = Plan.read(cfg)
    for frame in Studio.open(plan).frames(plan):
        yield frame.image * 2 - 1


@dataclass
class Trial:
    """How one run is compared: `far` is the distance of two images, as a share of their range."""

    dtype: torch.dtype
    augment: bool
    saturation: float
    tolerance: float

    def far(self, mine: Tensor, expected: Tensor) -> float:
        apart = (mine - expected) / (expected.max() - expected.min())
        if self.dtype == torch.float64:
            return float(apart.abs().max())
        return float(apart.square().mean().sqrt())


DOUBLE = Trial(torch.float64, augment=True, saturation=50.0, tolerance=1e-6)
SINGLE = Trial(torch.float32, augment=False, saturation=0.0, tolerance=1e-4)


@pytest.mark.parametrize("secondary", [True, False], ids=["secondary", "alone"])
@pytest.mark.parametrize(
    ("look", "trial"),
    [("disco", DOUBLE), ("discoart", DOUBLE), ("disco", SINGLE)],
    ids=["disco", "discoart", "disco in float32"],
)
def test_a_run_is_the_references_own(
    models: Models, look: str, trial: Trial, secondary: bool
) -> None:
    chosen = (secondary, trial.augment, trial.saturation)
    with precision(trial.dtype):
        theirs = Reference(models, look == "discoart", *chosen, Dice([SEED])).trajectory()
        count = 0
        # Closed also where it fails: the library yields with gradients switched off.
        with closing(theirs):
            for mine, expected in zip(ours(models, look, *chosen), theirs, strict=True):
                count += 1
                assert trial.far(mine, expected["pred_xstart"]) < trial.tolerance, f"step {count}"
    assert count == STEPS - SKIP
