"""Cards of latent diffusion models, and their recognition by the tensors of a file or folder.

Read are Stable Diffusion 1 and 2: a single file of all networks, or a folder of diffusers, whose
config.json files say what tensors do not. Only safetensors. Imports no torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from guided.diffusion.unet_config import PREDICTIONS
from guided.errors import BadInput, check_number, not_one_of, shown
from guided.generators.latent.config import END, WORDS, TextShape, UNetShape, VAEShape
from guided.generators.latent.names import (
    OPEN_CLIP,
    TEXT,
    UNET,
    VAE,
    inside,
    is_whole,
    text_names,
    vae_names,
)
from guided.models import unet2d
from guided.models.cards import GeneratorCard, Recommended, SecondaryCard, locate
from guided.models.clip_config import read_json
from guided.models.recognise import shapes
from guided.models.weights_file import SAFETENSORS, count_layers, damage, readable

log = logging.getLogger(__name__)
Shapes = Mapping[str, tuple[int, ...]]
KIND = "Stable Diffusion"
PARTS = ("unet", "vae", "text_encoder")  # folders in that of a pipeline
FILES = {
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"),
    "text_encoder": ("model.safetensors", "model.fp16.safetensors"),
}
ACROSS = ".attn2.to_k.weight"  # of cross-attention, which every such U-Net has
# Parts of names that other latent models have.
OTHERS = {
    "add_embedding.": "SDXL",
    "conditioner.embedders.": "SDXL",
    "label_emb.": "a latent model with classes, such as SDXL",
}
READS = {9: "for inpainting", 5: "for depth", 8: "for pix2pix"}  # channels of other U-Nets
# What config.json says elsewhere, or has to say.
UNET_KEYS: dict[str, Any] = {
    "act_fn": "silu",
    "addition_embed_type_num_heads": 64,
    "attention_type": "default",
    "center_input_sample": False,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
    "downsample_padding": 1,
    "dropout": 0.0,
    "dual_cross_attention": False,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "in_channels": 4,
    "mid_block_scale_factor": 1,
    "mid_block_type": "UNetMidBlock2DCrossAttn",
    "norm_eps": 1e-5,
    "norm_num_groups": 32,
    "only_cross_attention": False,
    "out_channels": 4,
    "resnet_out_scale_factor": 1.0,
    "resnet_skip_time_act": False,
    "resnet_time_scale_shift": "default",
    "time_embedding_type": "positional",
    "transformer_layers_per_block": 1,
}
UNET_OWN = (
    *("attention_head_dim", "num_attention_heads", "block_out_channels", "layers_per_block"),
    *("cross_attention_dim", "down_block_types", "up_block_types", "use_linear_projection"),
    *("sample_size", "upcast_attention"),  # without effect on what is computed
)
VAE_KEYS: dict[str, Any] = {
    "act_fn": "silu",
    "in_channels": 3,
    "latent_channels": 4,
    "mid_block_add_attention": True,
    "norm_num_groups": 32,
    "out_channels": 3,
    "use_post_quant_conv": True,
    "use_quant_conv": True,
}
VAE_OWN = (
    *("block_out_channels", "layers_per_block", "scaling_factor", "down_block_types"),
    *("up_block_types", "sample_size", "force_upcast"),
)
NOISE: dict[str, Any] = {
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "rescale_betas_zero_snr": False,
    "trained_betas": None,
}


@dataclass
class LatentCard(GeneratorCard):
    """A latent diffusion model. `file` is a single file, or of a folder of diffusers the weights
    of its U-Net, beside whose folder the others lie."""

    prediction: str = "eps"  # parametrisation: eps, v or x0
    multiple: int = 8  # pixels that widths and heights are multiples of
    recommended: Recommended = field(
        default_factory=lambda: Recommended(steps=50, fine=100, reach=0.3, eta=0),
        metadata={"listed": True},
    )
    unet: UNetShape = field(default_factory=UNetShape)
    vae: VAEShape = field(default_factory=VAEShape)
    text: TextShape = field(default_factory=TextShape)

    generator = "latent"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prediction not in PREDICTIONS:
            raise ValueError(not_one_of("prediction", self.prediction, PREDICTIONS))
        check_number("multiple", self.multiple, 1, 1024, whole=True)
        if self.multiple % self.vae.divisor:
            raise ValueError(
                f"multiple={self.multiple} must be one of {self.vae.divisor}, the pixels of a "
                "latent"
            )
        if self.unet.context != self.text.width:
            raise ValueError(
                f"unet.context={self.unet.context} must be text.width={self.text.width}"
            )

    @property
    def divisor(self) -> int:
        """Return the number that widths and heights are multiples of."""
        return self.multiple

    def missing(self) -> str | None:
        """Return the message for missing or damaged weights; None if they are there."""
        if (line := super().missing()) is not None:
            return line
        path = locate(self.file)
        assert path is not None
        if (root := folder_of(path)) is None:
            return None
        for part in FILES:
            place = part_of(root, part)
            if place is None:
                return f"{self.GROUP}={self.name}: {lacking(root, part)}"
            if wrong := damage(place):
                return f"{self.GROUP}={self.name}: {place} is damaged: {wrong}"
        return None

    def files(self) -> dict[str, Path]:
        """Return the file of each of PARTS, which is the same for all of a single file. BadInput
        if one is not there."""
        path = self.path()
        root = folder_of(path)
        found = {part: path if root is None else part_of(root, part) for part in FILES}
        for part, place in found.items():
            if place is None:
                assert root is not None
                raise BadInput(lacking(root, part))
        return {PARTS[0]: path} | {part: place for part, place in found.items() if place}


@dataclass
class DecoderCard(SecondaryCard):
    """A small decoder of latents for the guides: TAESD."""

    DIVISOR = 8
    generator = "latent"


def folder_of(path: Path) -> Path | None:
    """Return the folder of a pipeline, given the weights of its U-Net; None for a single file."""
    own = path.parent.name == PARTS[0] and path.stem.startswith("diffusion_pytorch_model")
    return path.absolute().parent.parent if own else None


def part_of(root: Path, part: str) -> Path | None:
    """Return the weights of a part of a pipeline; None if they are not there. BadInput for a path
    that may not be opened."""
    places = (locate(str(root / part / name)) for name in FILES[part])
    return next((place for place in places if place is not None), None)


def lacking(root: Path, part: str) -> str:
    """Return the message for a folder without a part."""
    pickles = any((root / part).glob("*.bin"))
    kept = "; it holds a pickle, which is not opened" if pickles else ""
    return f"{root} is a folder without {part}/{FILES[part][0]}{kept}"


def recognised(path: Path, tensors: Shapes) -> LatentCard | None:
    """Return the card of a latent diffusion model; None if a file holds something else. BadInput
    for one that is not drawn."""
    across = [name for name in tensors if name.endswith(ACROSS)]
    whole = is_whole(tensors)
    if not across or not (whole or unet2d.ANCHOR in tensors):
        return None
    for part, kind in OTHERS.items():
        if any(part in name for name in tensors):
            raise BadInput(f"model={path} is {kind}; drawn are {KIND} 1 and 2")
    if path.suffix.lower() != SAFETENSORS:
        raise BadInput(
            f"model={path} is {KIND} in a pickle, which is not opened; take the same weights as "
            "safetensors, or save them so: safetensors.torch.save_file(torch.load(FILE, "
            'weights_only=True)["state_dict"], "model.safetensors")'
        )
    with readable(KIND, path):
        return single(path, tensors) if whole else pipeline(path, tensors)


def single(path: Path, tensors: Shapes) -> LatentCard:
    """Return the card of a single file. KeyError for a missing tensor, ValueError for another
    network."""
    for part, what in ((VAE, "autoencoder"), (TEXT, "text encoder")):
        if not any(name.startswith(part) for name in tensors):
            raise ValueError(f"it has no {what}, {part}...")
    held = {rest: tensors[name] for rest, name in inside(tensors, UNET).items()}
    channels, attention, layers = levels_of(held)
    linear = len(held[f"input_blocks.{1 + attention[0] * (layers + 1)}.1.proj_in.weight"]) == 2
    check_reads(held["input_blocks.0.0.weight"])
    context = next(shape[1] for name, shape in held.items() if name.endswith(ACROSS))
    log.warning(
        "model=%s: what the file does not say is taken as in %s: it predicts eps; "
        "model.prediction=v is that of its models for 768 pixels",
        *(path, f"{KIND} {2 if linear else 1}"),
    )
    heads = [max(n // 64, 1) for n in channels] if linear else [8] * len(channels)
    unet = UNetShape(channels, attention, layers, context, heads, linear)
    return card(path, path.stem, "eps", unet, vae_shape(tensors, {}), text_shape(tensors, {}, {}))


def levels_of(held: Shapes) -> tuple[list[int], list[int], int]:
    """Return the channels of the levels of a U-Net, the levels with attention, and the residual
    blocks of each, by latent-diffusion's names."""
    count = count_layers(held, "input_blocks.")
    ends = [k for k in range(count) if f"input_blocks.{k}.0.op.weight" in held]
    layers = (ends[0] if ends else count) - 1
    firsts = range(1, count, layers + 1)
    channels = [held[f"input_blocks.{k}.0.out_layers.3.weight"][0] for k in firsts]
    attention = [
        level for level, k in enumerate(firsts) if f"input_blocks.{k}.1.norm.weight" in held
    ]
    return channels, attention, layers


def check_reads(weight: tuple[int, ...]) -> None:
    """Raise ValueError unless the first layer of a U-Net reads latents alone."""
    if weight[1] != 4:
        kind = READS.get(weight[1], "another kind")
        raise ValueError(f"its U-Net reads {weight[1]} channels, not 4: {kind}")


def pipeline(path: Path, tensors: Shapes) -> LatentCard:
    """Return the card of a pipeline's folder, given the shapes of its U-Net. The same errors as
    `single`."""
    root = folder_of(path)
    if root is None:
        raise ValueError("it is a U-Net alone; expected is the folder of a pipeline around it")
    places = {part: part_of(root, part) for part in FILES}
    for part, place in places.items():
        if place is None:
            raise ValueError(lacking(root, part))
    settings = {part: read_json(root / part / "config.json") for part in PARTS}
    check_reads(tensors["conv_in.weight"])
    unet = unet_shape(tensors, settings["unet"])
    vae, text = (shapes(place) for place in places.values() if place is not None)
    found = card(
        path,
        root.name,
        prediction_of(root / "scheduler" / "scheduler_config.json"),
        unet,
        vae_shape(vae, settings["vae"]),
        text_shape(text, settings["text_encoder"], tokenizer_settings(root)),
    )
    side = settings["unet"].get("sample_size")
    return replace(found, size=[side * found.vae.divisor] * 2) if type(side) is int else found


def card(
    path: Path, name: str, prediction: str, unet: UNetShape, vae: VAEShape, text: TextShape
) -> LatentCard:
    """Return a card of these networks."""
    multiple = max(64, vae.divisor) if unet.linear else vae.divisor
    return LatentCard(
        name=name,
        file=str(path.absolute()),
        prediction=prediction,
        multiple=multiple,
        unet=unet,
        vae=vae,
        text=text,
    )


def check_keys(
    settings: Mapping[str, Any], needed: Mapping[str, Any], own: tuple[str, ...]
) -> None:
    """Raise ValueError for a setting of config.json that would compute otherwise: an unknown one
    that is set, or one with another value than `needed`."""
    for name, value in settings.items():
        if name.startswith("_") or name in own:
            continue
        if name in needed and value != needed[name]:
            raise ValueError(f"{name}={shown(value)} in config.json, not {shown(needed[name])}")
        if name not in needed and value not in (None, False):
            raise ValueError(f"{shown(name)}={shown(value)} in config.json, which is not known")


def numbers(value: Any, count: int, name: str) -> list[int]:
    """Return a list of whole numbers, one for each level; ValueError for anything else."""
    found = [value] * count if type(value) is int else value
    if not isinstance(found, list) or [type(n) for n in found] != [int] * count:
        raise ValueError(f"{name}={shown(value)} in config.json must be {count} whole numbers")
    return found


def unet_shape(tensors: Shapes, settings: Mapping[str, Any]) -> UNetShape:
    """Return the U-Net of a folder."""
    check_keys(settings, UNET_KEYS, UNET_OWN)
    count = count_layers(tensors, "down_blocks.")
    heads = settings.get("num_attention_heads") or settings.get("attention_head_dim", 8)
    attention = [
        level
        for level in range(count)
        if any(name.startswith(f"down_blocks.{level}.attentions.") for name in tensors)
    ]
    first = f"down_blocks.{attention[0]}.attentions.0"
    return UNetShape(
        channels=[
            tensors[f"down_blocks.{level}.resnets.0.conv1.weight"][0] for level in range(count)
        ],
        attention=attention,
        layers=count_layers(tensors, "down_blocks.0.resnets."),
        context=tensors[f"{first}.transformer_blocks.0{ACROSS}"][1],
        heads=numbers(heads, count, "attention_head_dim"),
        linear=len(tensors[f"{first}.proj_in.weight"]) == 2,
    )


def vae_shape(tensors: Shapes, settings: Mapping[str, Any]) -> VAEShape:
    """Return the autoencoder of a file, with the settings of config.json, {} if there is none."""
    check_keys(settings, VAE_KEYS, VAE_OWN)
    held = {ours: tensors[theirs] for ours, theirs in vae_names(tensors).items()}
    levels = range(count_layers(held, "encoder.down_blocks."))
    if held["decoder.conv_in.weight"][1] != 4:
        raise ValueError(f"its latents have {held['decoder.conv_in.weight'][1]} channels, not 4")
    return VAEShape(
        channels=[
            held[f"encoder.down_blocks.{level}.resnets.0.conv1.weight"][0] for level in levels
        ],
        layers=count_layers(held, "encoder.down_blocks.0.resnets."),
        scaling=settings.get("scaling_factor", VAEShape().scaling),
    )


def text_shape(
    tensors: Shapes, settings: Mapping[str, Any], tokenizer: Mapping[str, Any]
) -> TextShape:
    """Return the text encoder of a file, with the settings of its folders, {} if there are
    none."""
    held = {ours: tensors[name] for ours, (name, _) in text_names(tensors).items()}
    words, width = held["embeddings.token_embedding.weight"]
    if words != WORDS:
        raise ValueError(f"its text encoder knows {words} tokens, not CLIP's {WORDS}")
    second = width == 1024 or any(name.startswith(OPEN_CLIP) for name in tensors)
    return TextShape(
        width=width,
        layers=count_layers(held, "encoder.layers."),
        heads=settings.get("num_attention_heads", max(width // 64, 1)),
        hidden=held["encoder.layers.0.mlp.fc1.weight"][0],
        activation=settings.get("hidden_act", "gelu" if second else "quick_gelu"),
        padding=padding_of(tokenizer, 0 if second else END),
    )


def tokenizer_settings(root: Path) -> dict[str, Any]:
    """Return the settings of a folder's tokenizer, {} if there are none."""
    found: dict[str, Any] = {}
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (file := root / "tokenizer" / name).is_file():
            found |= read_json(file)
    return found


def padding_of(tokenizer: Mapping[str, Any], usual: int) -> int:
    """Return the token behind the end of a text, given a tokenizer's settings."""
    token = tokenizer.get("pad_token")
    word = token.get("content") if isinstance(token, dict) else token
    tokens = {None: usual, "!": 0, "<|endoftext|>": END}
    if word not in tokens:
        raise ValueError(f"pad_token={shown(word)} of its tokenizer is not known")
    return tokens[word]


def prediction_of(path: Path) -> str:
    """Return what the network predicts, as scheduler_config.json says; ValueError if its noise is
    another than Stable Diffusion's."""
    settings = read_json(path)
    unet2d.check_scheduler(settings, NOISE)
    return unet2d.chosen(settings, "prediction_type", unet2d.PREDICTIONS)
