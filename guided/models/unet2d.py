"""Diffusion models in diffusers' format `UNet2DModel`: recognised, and their tensors by the names
of guided-diffusion's U-Net, which computes the same.

A folder has `config.json` beside the weights, and a pipeline's folder the scheduler's settings.
Formats: https://huggingface.co/docs/diffusers/api/models/unet2d
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.diffusion.unet_config import UNetConfig
from guided.errors import as_integer, shown
from guided.models.cards import ModelCard
from guided.models.clip_config import read_json
from guided.models.weights_file import count_layers, readable

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
ANCHOR = "time_embedding.linear_1.weight"  # every such network has it
Shapes = Mapping[str, tuple[int, ...]]
# What config.json may say of details: those of guided-diffusion, which are diffusers' defaults,
# and those of the first DDPMs.
DETAILS = {
    "downsample_padding": (1, 0),
    "flip_sin_to_cos": (True, False),
    "freq_shift": (0, 1),
    "norm_eps": (1e-5, 1e-6),
}
# What it has to say of others, where it says anything.
NEEDED: dict[str, Any] = {
    "act_fn": "silu",
    "add_attention": True,
    "class_embed_type": None,
    "center_input_sample": False,
    "mid_block_scale_factor": 1,
    "norm_num_groups": 32,
    "time_embedding_type": "positional",
}
# The same for the scheduler: guided-diffusion's noise, and the range of pictures.
NOISE: dict[str, Any] = {
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "clip_sample_range": 1,
    "num_train_timesteps": 1000,
    "rescale_betas_zero_snr": False,
    "trained_betas": None,
}
SCHEDULES = {"linear": "linear", "squaredcos_cap_v2": "cosine"}
PREDICTIONS = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}
LAYERS = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
ENDS = {
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "class_embedding": "label_emb",
}
# Attention's names, today's and those before 2023.
NORM, OUT = ("group_norm",), ("to_out.0", "proj_attn")
QKV = (("to_q", "query"), ("to_k", "key"), ("to_v", "value"))


def card(path: Path, tensors: Shapes) -> ModelCard:
    """Return the card of the network in a file with these shapes. BadInput if it computes
    otherwise than guided-diffusion's U-Net can."""
    settings, scheduler = described(path)
    with readable("UNet2DModel", path):
        unet = config_of(tensors, settings)
        if scheduler:
            check_scheduler(scheduler, NOISE)
        prediction = chosen(scheduler, "prediction_type", PREDICTIONS)
        schedule = chosen(scheduler, "beta_schedule", SCHEDULES)
    if not settings:
        log.warning(
            "model=%s: there is no config.json beside it; it is taken for one of the first "
            "DDPMs, with one head, trained at %d pixels",
            *(path, unet.image_size),
        )
    return ModelCard(
        name=named(path),
        file=str(path.absolute()),
        unet=unet,
        size=[unet.image_size] * 2,
        prediction=prediction,
        schedule=schedule,
        clip_denoised=bool(scheduler.get("clip_sample", True)),
    )


def named(path: Path) -> str:
    """Return the name of the file, or of the folder if the file has the usual name."""
    folders = [part for part in path.absolute().parts[:-1] if part != "unet"]
    return folders[-1] if path.stem == "diffusion_pytorch_model" and folders else path.stem


def described(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the network and of the scheduler that lie beside a file."""
    config, scheduler = path.parent / "config.json", path.parent / "scheduler_config.json"
    if path.parent.name == "unet" and not scheduler.is_file():  # in the folder of a pipeline
        scheduler = path.parent.parent / "scheduler" / scheduler.name
    settings = [read_json(file) if file.is_file() else {} for file in (config, scheduler)]
    return settings[0], settings[1]


def check_scheduler(settings: Mapping[str, Any], noise: Mapping[str, Any]) -> None:
    """Raise KeyError or ValueError if a scheduler's noise has other settings than `noise`."""
    if "beta_schedule" not in settings:  # of flow matching, consistency, ...
        raise KeyError("beta_schedule in scheduler_config.json")
    for name, value in noise.items():
        if settings.get(name, value) != value:
            raise ValueError(
                f"{name}={shown(settings[name])} in scheduler_config.json, not {shown(value)}"
            )


def chosen(settings: Mapping[str, Any], name: str, known: Mapping[str, str]) -> str:
    """Return this program's name of a scheduler's choice; ValueError if it has none."""
    value = settings.get(name, next(iter(known)))
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}={shown(value)} is not one of {', '.join(known)}")
    return known[value]


def config_of(tensors: Shapes, settings: Mapping[str, Any]) -> UNetConfig:
    """Return the architecture with these shapes and the settings of config.json, {} if there is
    none. KeyError for a missing tensor, ValueError for another network."""
    for name, value in NEEDED.items():
        if settings.get(name, value) != value:
            raise ValueError(f"{name}={shown(settings[name])} in config.json, not {shown(value)}")
    if settings.get("attn_norm_num_groups") not in (None, NEEDED["norm_num_groups"]):
        raise ValueError(
            f"attn_norm_num_groups={shown(settings['attn_norm_num_groups'])} in config.json, "
            f"not {NEEDED['norm_num_groups']}"
        )
    if (normal := "mid_block.attentions.0.group_norm.weight") not in tensors:
        raise KeyError(normal)
    channels, colours = tensors["conv_in.weight"][:2]
    if colours != 3 or tensors["conv_out.weight"][0] != 3:
        raise ValueError(f"it reads {colours} channels, not 3")
    levels, blocks = (
        count_layers(tensors, "down_blocks."),
        count_layers(tensors, "down_blocks.0.resnets."),
    )
    firsts = [f"down_blocks.{level}.resnets.0" for level in range(levels)]
    widths = [tensors[f"{first}.conv1.weight"][0] for first in firsts]
    size = settings.get("sample_size") or 256
    if type(size) is not int:
        raise ValueError(f"sample_size={shown(size)} in config.json must be a whole number")
    per_head = settings.get("attention_head_dim", 8 if settings else None)
    return UNetConfig(
        image_size=size,
        num_channels=channels,
        channel_mult=[as_integer(width / channels) for width in widths],
        num_res_blocks=blocks,
        attention_resolutions=[
            max(size >> level, 1)
            for level in range(levels)
            if any(key.startswith(f"down_blocks.{level}.attentions.") for key in tensors)
        ],
        num_head_channels=-1 if per_head is None else per_head,
        use_new_attention_order=True,
        use_scale_shift_norm=tensors[f"{firsts[0]}.time_emb_proj.weight"][0] == 2 * channels,
        learn_sigma=False,
        num_classes=tensors.get("class_embedding.weight", (0,))[0],
        ddpm=is_ddpm(settings),
    )


def is_ddpm(settings: Mapping[str, Any]) -> bool:
    """Return whether details are those of the first DDPMs, as without settings. ValueError if they
    are a mixture."""
    if not settings:
        return True
    for k, ddpm in enumerate((False, True)):
        if all(settings.get(name, both[0]) == both[k] for name, both in DETAILS.items()):
            return ddpm
    said = ", ".join(
        f"{name}={shown(settings.get(name, both[0]))}" for name, both in DETAILS.items()
    )
    raise ValueError(f"{said} in config.json is neither guided-diffusion's nor DDPM's")


def blocks_of(tensors: Mapping[str, Any]) -> dict[str, str]:
    """Return the places of residual blocks, attentions and changes of size: `down_blocks.1.
    resnets.0` -> `input_blocks.4.0`."""
    levels, layers = (
        count_layers(tensors, "down_blocks."),
        count_layers(tensors, "down_blocks.0.resnets."),
    )
    found, number = {}, 0
    for level in range(levels):
        for k in range(layers):
            number += 1
            found[f"down_blocks.{level}.resnets.{k}"] = f"input_blocks.{number}.0"
            found[f"down_blocks.{level}.attentions.{k}"] = f"input_blocks.{number}.1"
        if level < levels - 1:
            number += 1
            found[f"down_blocks.{level}.downsamplers.0.conv"] = f"input_blocks.{number}.0.op"
    for k, name in enumerate(("resnets.0", "attentions.0", "resnets.1")):
        found[f"mid_block.{name}"] = f"middle_block.{k}"
    for level in range(levels):
        for k in range(layers + 1):
            number = level * (layers + 1) + k
            found[f"up_blocks.{level}.resnets.{k}"] = f"output_blocks.{number}.0"
            found[f"up_blocks.{level}.attentions.{k}"] = f"output_blocks.{number}.1"
        attends = any(key.startswith(f"up_blocks.{level}.attentions.") for key in tensors)
        upsampler = f"output_blocks.{number}.{2 if attends else 1}.conv"
        found[f"up_blocks.{level}.upsamplers.0.conv"] = upsampler
    return found | ENDS


def converted(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors by guided-diffusion's names; those that it does not have keep theirs."""
    import torch

    places, found = blocks_of(tensors), {}
    parts: dict[str, dict[int, Tensor]] = {}  # queries, keys and values
    for key, tensor in tensors.items():
        name, _, kind = key.rpartition(".")
        block = re.match(r"\w+(?:\.\d+)?\.(?:resnets|attentions)\.\d+", name)
        layer = name.removeprefix(f"{block[0]}.") if block else ""
        if block and layer in LAYERS:
            found[f"{places[block[0]]}.{LAYERS[layer]}.{kind}"] = tensor
        elif block and layer in NORM:
            found[f"{places[block[0]]}.norm.{kind}"] = tensor
        elif block and layer in OUT:
            found[f"{places[block[0]]}.proj_out.{kind}"] = as_convolution(tensor)
        elif block and (which := [k for k, names in enumerate(QKV) if layer in names]):
            parts.setdefault(f"{places[block[0]]}.qkv.{kind}", {})[which[0]] = tensor
        else:
            found[f"{places.get(name, name)}.{kind}"] = tensor
    for key, three in parts.items():
        found[key] = as_convolution(torch.cat([three[k] for k in sorted(three)]))
    return found


def as_convolution(tensor: Tensor) -> Tensor:
    """Return the weights of a fully connected layer as those of a convolution; biases as they
    are."""
    return tensor[..., None] if tensor.ndim == 2 else tensor
