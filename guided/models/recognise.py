"""Recognising the network in a file of weights by the names and shapes of its tensors.

Of a safetensors file only the header is read, without torch; of a .pt file the shapes without the
numbers. Three properties leave no trace in a checkpoint: the number of attention heads, the
parametrisation, and the training size. They are taken from a known model of the same shapes if
there is one, and reported in any case.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from guided.diffusion.unet_config import UNetConfig
from guided.errors import BadInput, as_integer, shown
from guided.models.cards import ModelCard
from guided.models.weights_file import (
    ANCHOR,
    SAFETENSORS,
    damage,
    find_prefix,
    header,
    readable,
)

Shapes = Mapping[str, tuple[int, ...]]
MOST_LEVELS = 12
COARSEST = 8  # pixels at the coarsest level of guided-diffusion's own networks
# In folders of diffusers: a network's own, or a pipeline's.
FOLDER_WEIGHTS = (
    "diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.safetensors",
    "transformer/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
)
# Other kinds of files, by a part of a tensor's name.
OTHERS = {
    "first_stage_model.": "a latent model of another kind than Stable Diffusion 1 and 2",
    "text_projection": "a CLIP: clip=ARCHITECTURE::file",
    "visual.": "a CLIP: clip=ARCHITECTURE::file",
    "lora_": "a LoRA for a latent model",
    "timestep_embed.weight": "a v-diffusion or secondary model",
    "quantize.embedding.weight": "a VQGAN",
}


@dataclass
class Recognised:
    """A network, and a description of the properties that its file does not determine."""

    unet: UNetConfig
    like: ModelCard | None  # the known model whose shapes it has
    assumed: str


def recognise(path: Path, known: Iterable[ModelCard]) -> Recognised:
    """Return the network in the file; BadInput if it is no U-Net of guided-diffusion's family.

    `known`: cards of models, for the properties that shapes do not determine."""
    try:
        tensors = shapes(path)
    except BadInput as error:
        raise BadInput(f"model={error}") from error
    prefix = find_prefix(tensors, ANCHOR)
    if prefix is None:
        raise BadInput(f"model={path} {unlike(tensors)}")
    inner = {key.removeprefix(prefix): s for key, s in tensors.items() if key.startswith(prefix)}
    with readable("U-Net", path):
        return from_shapes(inner, path, list(known))


def weights_in(path: Path) -> Path:
    """Return the file of weights in a folder in diffusers' format, or the path itself if it is no
    folder; BadInput if the folder has none."""
    if not path.is_dir():
        return path
    for name in FOLDER_WEIGHTS:
        if (file := path / name).is_file():
            return file
    if pickles := [*path.glob("*.bin"), *path.glob("*/*.bin")]:
        raise BadInput(
            f"model={path} holds pickles, {pickles[0].relative_to(path)}, which are not opened; "
            "in diffusers, from_pretrained(folder).save_pretrained(folder) writes safetensors "
            "beside them"
        )
    raise BadInput(
        f"model={path} is a folder without {FOLDER_WEIGHTS[0]}; expected is a file of weights, or "
        "a folder in diffusers' format"
    )


def shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all tensors of a file; BadInput if it is damaged or holds more."""
    if path.is_dir():
        raise BadInput(f"{path} is a folder; expected is a file of weights")
    return dict(shapes_of(path, path.stat().st_mtime_ns))


@lru_cache(64)  # the rows of a batch ask for the same few
def shapes_of(path: Path, changed: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a file that was last changed at this time, as `shapes`."""
    if (wrong := damage(path)) is not None:
        raise BadInput(f"{path} is damaged, or no file of weights: {wrong}")
    if path.suffix.lower() == SAFETENSORS:
        return {key: tuple(tensor["shape"]) for key, tensor in header(path).items()}
    from guided.models.weights import read

    return {key: tuple(tensor.shape) for key, tensor in read(path, shapes_only=True).items()}


def unlike(tensors: Shapes) -> str:
    """Return the message for a file that holds no U-Net: its likely kind, and the expected one."""
    kind = next((kind for part, kind in OTHERS.items() if any(part in k for k in tensors)), "")
    names = ", ".join(list(tensors)[:2]) or "nothing"
    return (
        f"is {kind or 'unknown'}: it holds {names}, ...; expected is a U-Net of guided-diffusion "
        f"with {ANCHOR}, input_blocks.0.0.weight and so on"
    )


def from_shapes(tensors: Shapes, path: Path, known: list[ModelCard]) -> Recognised:
    """Return the network with these shapes; the rest from the known model that is most alike."""
    unet = visible(tensors)
    # First a model with the file's name, then published ones.
    known.sort(key=lambda c: (Path(c.file).name != path.name, not c.name.startswith("imagenet")))
    same = [card for card in known if looks(card.unet) == looks(unet)]
    if same:
        like = same[0]
        unet.image_size, unet.num_heads = like.unet.image_size, like.unet.num_heads
        unet.num_head_channels = like.unet.num_head_channels
        unet.use_new_attention_order = like.unet.use_new_attention_order
        unet.attention_resolutions = list(like.unet.attention_resolutions)
        named = Path(like.file).name == path.name
        return Recognised(unet, like, "" if named else f"as in {like.name}: {hidden(unet, like)}")
    unet.num_heads, unet.num_head_channels = guess_heads(unet, known)
    return Recognised(unet, None, f"by guess: {hidden(unet, None)}")


def hidden(unet: UNetConfig, like: ModelCard | None) -> str:
    """Return a description of the properties that shapes do not determine."""
    per_head = unet.num_head_channels
    heads = f"{per_head} channels per head" if per_head > 0 else f"{unet.num_heads} heads"
    prediction, noise = (like.prediction, like.schedule) if like else guess_kind(unet)
    return f"{heads}, trained at {unet.image_size} pixels, predicts {prediction}, {noise} noise"


def guess_kind(unet: UNetConfig) -> tuple[str, str]:
    """Return the likely parametrisation and noise schedule: this project's for networks with
    fully connected layers, else guided-diffusion's."""
    return ("x0", "cosine") if unet.dense else ("eps", "linear")


def visible(tensors: Shapes) -> UNetConfig:
    """Return the architecture as far as shapes determine it. KeyError for a missing tensor,
    ValueError for shapes of another network."""
    wide, channels = tensors[ANCHOR]
    first, inputs = tensors["input_blocks.0.0.weight"][:2]
    dense = tensors["dense.inp.weight"][0] if "dense.inp.weight" in tensors else 0
    patch = math.isqrt(inputs // (6 if dense else 3))
    if patch < 1 or inputs != (6 if dense else 3) * patch**2:
        kinds = {4: "a latent model (Stable Diffusion)", 6: "a model that enlarges pictures"}
        raise ValueError(f"it reads {inputs} channels, not 3: {kinds.get(inputs, 'another kind')}")
    outputs = tensors["out.2.weight"][0]
    if outputs not in (3 * patch**2, 6 * patch**2):
        raise ValueError(f"it writes {outputs} channels to the {inputs} that it reads")
    if wide != 4 * channels:
        raise ValueError(f"{ANCHOR} is {(wide, channels)}, expected four times as tall as wide")
    if min(channels, first, patch) < 1:
        raise ValueError(f"its first layers have {channels} and {first} channels")
    blocks = 1 + max(block_numbers(tensors, "output_blocks"))
    ups = [i for i in range(blocks) if grows(tensors, i)]
    res_blocks = ups[0] if ups else blocks - 1
    levels = blocks // (res_blocks + 1)
    if not 1 <= levels <= MOST_LEVELS:
        raise ValueError(f"it has {levels} levels, expected 1 to {MOST_LEVELS}")
    firsts = [1 + level * (res_blocks + 1) for level in range(levels)]
    widths = [tensors[f"input_blocks.{i}.0.out_layers.3.weight"][0] for i in firsts]
    attending = [f"input_blocks.{i}.1.qkv.weight" in tensors for i in firsts]
    size = COARSEST * patch * 2 ** (levels - 1)
    if dense:  # these layers have one size
        size = math.isqrt(tensors["dense.out.weight"][0] // 3)
    if widths[0] != first:
        raise ValueError(f"its first layer has {first} channels and its first level {widths[0]}")
    return UNetConfig(
        image_size=size,
        num_channels=channels,
        channel_mult=[as_integer(width / channels) for width in widths],
        num_res_blocks=res_blocks,
        attention_resolutions=[
            size // (patch << level) for level in range(levels) if attending[level]
        ],
        resblock_updown=any(is_res_block(tensors, i) for i in ups),
        use_scale_shift_norm=tensors["input_blocks.1.0.emb_layers.1.weight"][0] == 2 * first,
        learn_sigma=outputs == 6 * patch**2,
        num_classes=tensors.get("label_emb.weight", (0,))[0],
        patch=patch,
        dense=dense,
        dense_hidden=tensors["dense.up.weight"][0] if dense else 0,
    )


def block_numbers(tensors: Shapes, part: str) -> set[int]:
    """Return the numbers of a part's blocks. ValueError if they are not 0, 1, 2, ..."""
    names = {key.split(".")[1] for key in tensors if key.startswith(f"{part}.")}
    known = {str(number) for number in range(len(names))}
    if not names:
        raise KeyError(f"{part}.0")
    if names != known:
        odd = min(names - known)
        raise ValueError(f"{part}.{shown(odd)} is not one of {len(names)} blocks in a row")
    return set(map(int, names))


def grows(tensors: Shapes, i: int) -> bool:
    """Return whether an output block ends in a layer that doubles the size."""
    return is_res_block(tensors, i) or any(
        f"output_blocks.{i}.{layer}.conv.weight" in tensors for layer in (1, 2)
    )


def is_res_block(tensors: Shapes, i: int) -> bool:
    """Return whether that layer is a residual block."""
    return any(f"output_blocks.{i}.{layer}.in_layers.2.weight" in tensors for layer in (1, 2))


def looks(unet: UNetConfig) -> tuple[Any, ...]:
    """Return the properties that determine the shapes."""
    levels = range(len(unet.multipliers))
    return (
        *(unet.num_channels, unet.num_res_blocks, unet.resblock_updown),
        *(unet.use_scale_shift_norm, unet.learn_sigma, unet.num_classes),
        *(unet.patch, unet.dense, unet.hidden, unet.dense and unet.image_size),
        tuple((float(unet.multipliers[level]), unet.attends(level)) for level in levels),
    )


def guess_heads(unet: UNetConfig, known: list[ModelCard]) -> tuple[int, int]:
    """Return (num_heads, num_head_channels) of a known model of the same width and switches; else
    64 channels per head, as in guided-diffusion's later networks; else a single head."""

    def family(of: UNetConfig) -> tuple[Any, ...]:
        return of.num_channels, of.resblock_updown, of.use_scale_shift_norm

    for card in known:
        if family(card.unet) == family(unet) and divides(unet, card.unet.num_head_channels):
            return card.unet.num_heads, card.unet.num_head_channels
    return (1, 64) if unet.resblock_updown and divides(unet, 64) else (1, -1)


def divides(unet: UNetConfig, per_head: int) -> bool:
    """Return whether the channels of all levels are divisible into such heads."""
    levels = range(len(unet.multipliers))
    return per_head <= 0 or not any(unet.channels(level) % per_head for level in levels)
