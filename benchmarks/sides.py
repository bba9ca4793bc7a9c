"""The two sides of a comparison, on the same random weights: this project, and the reference."""

from __future__ import annotations

import copy
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from guided_diffusion.unet import UNetModel
from torch import Tensor, nn

from benchmarks.cases import Case
from benchmarks.memory import TEXT, clip_guide
from benchmarks.reference import CLAMP, ETA, Look, Reference
from guided.clip.fast_tower import quicken
from guided.clip.model import Clip
from guided.compat.open_clip import import_open_clip
from guided.cutouts.settings import DiscoCutouts
from guided.devices import keep_freed
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.samplers import DDIM
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.interfaces import Guide, Request
from guided.models.cards import ModelCard
from guided.rng import RandomStreams
from guided.schedule import schedule

if TYPE_CHECKING:
    from open_clip.model import CLIP

SEED = 0


@dataclass
class Weights:
    """The weights of a case: small random numbers, which cost as much time as trained ones."""

    case: Case
    device: torch.device
    dtype: torch.dtype

    def __post_init__(self) -> None:
        torch.manual_seed(SEED)
        self.unet = UNet(self.case.unet)
        for parameter in self.unet.parameters():  # zeroed layers would make all after them zero
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)
        self.secondary = SecondaryModel() if self.case.secondary else None
        open_clip = import_open_clip()
        self.clips = {
            name: open_clip.create_model(name).eval().requires_grad_(False)
            for name in self.case.clips
        }
        self.tokenize = open_clip.get_tokenizer(self.case.clips[0])


def ours(
    weights: Weights, case: Case, cutouts: DiscoCutouts | None = None
) -> tuple[DiffusionGenerator, dict[str, Guide], Request]:
    """Return what the pipeline would load for look=disco, without files; with other cutouts if
    they are given."""
    device, dtype = weights.device, weights.dtype
    keep_freed(device)  # for the reference too: they share a process
    unet = copy.deepcopy(weights.unet).eval().requires_grad_(False)
    quick = copy.deepcopy(weights.secondary)
    quick = quick.to(device).eval().requires_grad_(False) if quick else None
    card = ModelCard(name=case.name, unet=case.unet, size=list(case.size))
    drawing = DiffusionGenerator(
        unet=unet.set_precision(dtype).to(device),
        card=card,
        sampler=DDIM(eta=ETA),
        device=device,
        method=GuidanceMethod(clamp=schedule("clamp", CLAMP)),
        target=GuidanceTarget("blend", quick),
    )
    clips = {
        name: Clip(copy.deepcopy(model), weights.tokenize, device, dtype)
        for name, model in weights.clips.items()
    }
    for clip in clips.values():
        quicken(clip.visual)
    guides = clip_guide(clips, cutouts or DiscoCutouts(batches=case.batches))
    return drawing, guides, Request(case.size, [SEED], case.steps)


def theirs(weights: Weights, case: Case, art: bool, checkpointing: bool) -> Reference:
    """Return the reference with the same weights; `art`: as DiscoArt."""
    device, dtype = weights.device, weights.dtype
    clips = [copy.deepcopy(model) for model in weights.clips.values()]
    with torch.no_grad():
        texts = weights.tokenize([TEXT])
        targets = [clip.encode_text(texts).float().to(device) for clip in clips]
    looks = [
        Look(clip.to(device, dtype), target, *colours(clip))
        for clip, target in zip(clips, targets, strict=True)
    ]
    quick = weights.secondary
    return Reference(
        unet=reference_unet(weights, case, checkpointing),
        secondary={k: v.to(device) for k, v in quick.state_dict().items()} if quick else None,
        looks=looks,
        weights=[1.0],
        size=case.size,
        rng=RandomStreams([SEED]),
        device=device,
        art=art,
        steps=case.steps,
        skip=0,
        batches=case.batches,
    )


def reference_unet(weights: Weights, case: Case, checkpointing: bool) -> UNetModel:
    """Return guided-diffusion's U-Net with the same weights."""
    config = case.unet
    model = UNetModel(
        image_size=config.image_size,
        in_channels=3,
        model_channels=config.num_channels,
        out_channels=6,
        num_res_blocks=config.num_res_blocks,
        attention_resolutions=tuple(
            config.image_size // size for size in config.attention_resolutions
        ),
        channel_mult=tuple(config.multipliers),
        num_head_channels=config.num_head_channels,
        resblock_updown=True,
        use_scale_shift_norm=True,
        use_fp16=weights.dtype == torch.float16,
        use_checkpoint=checkpointing,
    )
    model.load_state_dict(weights.unet.state_dict())
    model = model.to(weights.device).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():  # as Disco Diffusion, for its checkpoints
        parameter.requires_grad_(any(part in name for part in ("qkv", "norm", "proj")))
    if weights.dtype == torch.float16:
        model.convert_to_fp16()
    return model


def colours(clip: CLIP) -> tuple[Any, Any]:
    """Return the mean and deviation of the pixels that a CLIP takes."""
    preprocess: dict[str, Any] = clip.visual.preprocess_cfg
    return preprocess["mean"], preprocess["std"]


def our_steps(weights: Weights, case: Case) -> Generator[Tensor]:
    """Yield the prediction of each of our steps."""
    drawing, guides, request = ours(weights, case)
    for step in drawing.generate(request, guides):
        yield step.prediction.unguided


def their_steps(weights: Weights, case: Case, art: bool, checkpointing: bool) -> Generator[Tensor]:
    """Yield the prediction of each of the reference's steps."""
    for out in theirs(weights, case, art, checkpointing).trajectory():
        yield out["pred_xstart"]
