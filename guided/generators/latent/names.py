"""The names of tensors in files of latent diffusion models, by the names of diffusers' networks.

A file holds one network by diffusers' names of today or of before 2023, or all three by those of
CompVis's latent-diffusion, https://github.com/CompVis/latent-diffusion, with the text encoder of
transformers (Stable Diffusion 1) or of open_clip (2). Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from guided.models.unet2d import LAYERS, blocks_of
from guided.models.weights_file import count_layers

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
TRANSFORMERS, OPEN_CLIP = f"{TEXT}transformer.", f"{TEXT}model."
# Buffers and heads of files, which no network here has.
UNUSED = re.compile(r"(.*\.)?(position_ids|logit_scale|text_projection(\.weight)?)")
# The autoencoder's: patterns of latent-diffusion's names, and diffusers'.
VAE_NAMES = (
    (r"coder\.mid\.block_1\.", "coder.mid_block.resnets.0."),
    (r"coder\.mid\.block_2\.", "coder.mid_block.resnets.1."),
    (r"coder\.mid\.attn_1\.", "coder.mid_block.attentions.0."),
    (r"encoder\.down\.(\d+)\.block\.", r"encoder.down_blocks.\1.resnets."),
    (r"encoder\.down\.(\d+)\.downsample\.", r"encoder.down_blocks.\1.downsamplers.0."),
    (r"\.nin_shortcut\.", ".conv_shortcut."),
    (r"coder\.norm_out\.", "coder.conv_norm_out."),
    # Of attention, also diffusers' own names before 2023.
    (r"attentions\.0\.norm\.", "attentions.0.group_norm."),
    (r"attentions\.0\.(?:q|query)\.", "attentions.0.to_q."),
    (r"attentions\.0\.(?:k|key)\.", "attentions.0.to_k."),
    (r"attentions\.0\.(?:v|value)\.", "attentions.0.to_v."),
    (r"attentions\.0\.(?:proj_out|proj_attn)\.", "attentions.0.to_out.0."),
)
UP = re.compile(r"decoder\.up\.(\d{1,2})\.(block|upsample)\.(.+)")
TEXT_NAMES = (
    (r"^token_embedding\.", "embeddings.token_embedding."),
    (r"^positional_embedding$", "embeddings.position_embedding.weight"),
    (r"^ln_final\.", "final_layer_norm."),
    (r"^transformer\.resblocks\.", "encoder.layers."),
    (r"\.ln_1\.", ".layer_norm1."),
    (r"\.ln_2\.", ".layer_norm2."),
    (r"\.mlp\.c_fc\.", ".mlp.fc1."),
    (r"\.mlp\.c_proj\.", ".mlp.fc2."),
    (r"\.attn\.out_proj\.", ".self_attn.out_proj."),
)
JOINT = re.compile(r"(.+)\.attn\.in_proj_(weight|bias)")  # queries, keys and values
PARTS = ("q_proj", "k_proj", "v_proj")
Place = tuple[str, int | None]  # the name in a file; which third of the tensor, None: all of it


def is_whole(names: Iterable[str]) -> bool:
    """Return whether a file of these names holds all three networks."""
    return any(name.startswith(UNET) for name in names)


def inside(names: Iterable[str], prefix: str) -> dict[str, str]:
    """Return the names behind a prefix, and the whole ones."""
    return {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}


def unet_names(names: Iterable[str], ours: Iterable[str]) -> dict[str, str]:
    """Return the names in a file of the tensors of a U-Net that are `ours`."""
    names = list(names)
    if not is_whole(names):
        return {name: name for name in names}
    places = {f"{there}.": here for here, there in blocks_of(dict.fromkeys(ours)).items()}
    layers = {there: here for here, there in LAYERS.items()}
    found = {}
    for rest, name in inside(names, UNET).items():
        place = max((place for place in places if rest.startswith(place)), key=len, default="")
        layer, _, kind = rest.removeprefix(place).rpartition(".")
        parts = places.get(place, ""), layers.get(layer, layer), kind
        found[".".join(filter(None, parts))] = name
    return found


def vae_names(names: Iterable[str]) -> dict[str, str]:
    """Return the names in a file of the tensors of an autoencoder, by diffusers' names."""
    names = list(names)
    held = inside(names, VAE) if is_whole(names) else {name: name for name in names}
    held = {rest: name for rest, name in held.items() if not rest.startswith("loss.")}
    last = max((int(found[1]) for rest in held if (found := UP.fullmatch(rest))), default=0)
    return {renamed(upwards(rest, last), VAE_NAMES): name for rest, name in held.items()}


def upwards(name: str, last: int) -> str:
    """Return diffusers' name of a level of the decoder, which counts them from the coarsest."""
    found = UP.fullmatch(name)
    if found is None:
        return name
    part = {"block": "resnets", "upsample": "upsamplers.0"}[found[2]]
    return f"decoder.up_blocks.{last - int(found[1])}.{part}.{found[3]}"


def text_names(names: Iterable[str]) -> dict[str, Place]:
    """Return where a file has the tensors of a text encoder, by transformers' names."""
    names = list(names)
    if any(name.startswith(OPEN_CLIP) for name in names):
        return open_clip_names(inside(names, OPEN_CLIP))
    held = inside(names, TRANSFORMERS) if is_whole(names) else {name: name for name in names}
    held = {rest: name for rest, name in held.items() if not UNUSED.fullmatch(rest)}
    return {rest.removeprefix("text_model."): (name, None) for rest, name in held.items()}


def open_clip_names(held: Mapping[str, str]) -> dict[str, Place]:
    """Return the same of open_clip's text encoder, whose last layer is not used: `held` are its
    names without and with a prefix."""
    last = f"transformer.resblocks.{count_layers(held, 'transformer.resblocks.') - 1}."
    found: dict[str, Place] = {}
    for rest, name in held.items():
        if UNUSED.fullmatch(rest) or rest.startswith(last):
            continue
        if joint := JOINT.fullmatch(rest):
            layer = renamed(f"{joint[1]}.", TEXT_NAMES)
            for k, part in enumerate(PARTS):
                found[f"{layer}self_attn.{part}.{joint[2]}"] = (name, k)
        else:
            found[renamed(rest, TEXT_NAMES)] = (name, None)
    return found


def renamed(name: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Return a name with each pattern replaced."""
    for pattern, other in pairs:
        name = re.sub(pattern, other, name)
    return name
