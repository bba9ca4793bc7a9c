"""Whole guided runs of look=disco and look=discoart against the references' algorithm, driven by
the library that they drew with: guided-diffusion, resize-right, torchvision and open_clip.

Nothing of ours is on the other side but the weights and the random numbers. The augmentations
clamp colours and sort them by size, and sat_scale switches at black and white, so that a rounding
now and then turns a pixel's gradient on one side only, and what comes after is another run: with
them both sides are compared in float64, value by value, and in float32 without them (skip_augs;
sat_scale is 0 anyway) by the root mean square of their difference.
"""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from guided_diffusion.unet import UNetModel
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import Tensor

from benchmarks.reference import Look, Reference
from guided import devices
from guided.compat.open_clip import import_open_clip
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.cutouts.resize_right import taps
from guided.diffusion.secondary import SecondaryModel
from guided.pipeline import Pipeline
from guided.rng import RandomStreams
from tests.doubles import nothing_cast_to_float32, randomised

open_clip = import_open_clip()
from torchvision.transforms import _functional_tensor as torchvision  # noqa: E402

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


def theirs(
    models: Models, look: str, secondary: bool, augment: bool, saturation: float
) -> Iterator[dict[str, Tensor]]:
    """The same run as the references take it."""
    dtype = torch.get_default_dtype()
    unet = deepcopy(models.unet).to(dtype)
    unet.dtype = dtype
    clips = [open_clip.create_model(f"local-dir:{models.folder / name}").eval() for name in TOWERS]
    yield from Reference(
        unet=unet,
        secondary={key: tensor.to(dtype) for key, tensor in models.secondary.items()}
        if secondary
        else None,
        looks=[Look(clip, embedded(clip), MEAN, STD) for clip in clips],
        weights=WEIGHTS,
        size=(WIDTH, HEIGHT),
        rng=RandomStreams([SEED]),
        device=torch.device("cpu"),
        art=look == "discoart",
        steps=STEPS,
        skip=SKIP,
        batches=1,
        augment=augment,
        tv=TV,
        saturation=saturation,
    ).trajectory()


@torch.no_grad()
def embedded(clip: torch.nn.Module) -> Tensor:
    return clip.encode_text(open_clip.get_tokenizer("ViT-B-32")(list(TEXTS))).float()


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Both sides in float32 or in float64; torchvision would change hues in float32 anyway."""
    if dtype == torch.float32:
        yield
        return
    taps.cache_clear()
    torch.set_default_dtype(dtype)
    try:
        with (
            nothing_cast_to_float32(),
            patch.object(torchvision, "convert_image_dtype", lambda image, dtype: image),
            patch.object(devices, "find_precision", double),
        ):
            yield
    finally:
        torch.set_default_dtype(torch.float32)
        taps.cache_clear()


def double(name: str, device: torch.device) -> torch.dtype:
    return torch.float64


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
    cfg.deterministic = True  # rounded as the references round
    cfg.cutouts.batches, cfg.cutouts.augment = 1, augment
    cfg.guide.smooth.scale, cfg.guide.saturation.scale = TV, saturation
    plan = Plan.read(cfg)
    for frame in Pipeline.open(plan).frames(plan):
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
        expected_run = theirs(models, look, *chosen)
        count = 0
        # Closed also where it fails: the library yields with gradients switched off.
        with closing(expected_run):
            for mine, expected in zip(ours(models, look, *chosen), expected_run, strict=True):
                count += 1
                assert trial.far(mine, expected["pred_xstart"]) < trial.tolerance, f"step {count}"
    assert count == STEPS - SKIP
