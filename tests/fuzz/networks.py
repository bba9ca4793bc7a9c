"""Files of weights by the names and shapes of their tensors: U-Nets, autoencoders, StyleGANs,
transformers, upscalers, UNet2DModel folders, and saved states of unfinished pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hypothesis import strategies as st

from guided.runs import checkpoint
from tests.fuzz.files import EMBEDDED, damaged, json_of, tensor_file
from tests.fuzz.trial import Case
from tests.fuzz.values import ODD

Shapes = dict[str, list[int]]
MOST = 2_000_000  # bytes of a file
CONFIG = {
    "_class_name": "UNet2DModel", "act_fn": "silu", "block_out_channels": [32, 64],
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "downsample_padding": 0,
    "flip_sin_to_cos": False, "freq_shift": 1, "layers_per_block": 1, "norm_eps": 1e-06,
    "norm_num_groups": 32, "sample_size": 16, "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
}  # fmt: skip
SCHEDULER = {
    "_class_name": "DDPMScheduler", "beta_end": 0.02, "beta_schedule": "linear",
    "beta_start": 0.0001, "clip_sample": True, "num_train_timesteps": 1000,
    "prediction_type": "epsilon", "trained_betas": None,
}  # fmt: skip


def shapes_of(tensors: object) -> Shapes:
    """Return the shapes of a dictionary of tensors."""
    assert isinstance(tensors, dict)
    return {name: list(tensor.shape) for name, tensor in tensors.items()}


def unet() -> Shapes:
    """Return a small U-Net of guided-diffusion's family."""
    import torch

    from guided.diffusion.unet import UNet
    from guided.diffusion.unet_config import UNetConfig

    config = UNetConfig(
        image_size=16, num_channels=32, channel_mult=[1, 2], num_res_blocks=1,
        attention_resolutions=[8],
    )  # fmt: skip
    with torch.device("meta"):
        return shapes_of(UNet(config).state_dict())


def autoencoder(form: str) -> Shapes:
    """Return a small vector-quantised autoencoder in a format."""
    from tests.generators.codes.published import tensors

    found = tensors(form, 16, 8, ch=32, mult=(1, 1), blocks=1, latent=32)
    return {name: list(shape) for name, shape in found.items()}


def stylegan(naming: str) -> Shapes:
    """Return a small StyleGAN2 in a naming."""
    from guided.generators.stylegan.network import StyleGAN2
    from tests.generators.stylegan.test_card import NAMINGS, SMALL

    return shapes_of(NAMINGS[naming](StyleGAN2(SMALL).state_dict()))


def unet2d() -> Shapes:
    """Return a small UNet2DModel of diffusers."""
    import torch

    from guided.compat.open_clip import import_late

    import_late()  # diffusers imports torchvision too
    from diffusers import UNet2DModel

    known = {name: value for name, value in CONFIG.items() if name[0] != "_"}
    with torch.device("meta"):
        return shapes_of(UNet2DModel(**known).state_dict())


def embedded(name: str) -> Shapes:
    """Return the tensors of a file that comes with the program."""
    from guided.models.weights_file import header

    return {key: one["shape"] for key, one in header(EMBEDDED / name).items()}


def clip() -> Shapes:
    return {"logit_scale": [], "visual.conv1.weight": [8, 3, 4, 4], "text_projection": [8, 8]}


NETWORKS: dict[str, Callable[[], Shapes]] = {
    "unet": unet,
    "taming": lambda: autoencoder("taming"),
    "llamagen": lambda: autoencoder("llamagen"),
    "rosinality": lambda: stylegan("rosinality"),
    "nvidia": lambda: stylegan("nvidia"),
    "upscaler": lambda: embedded("upscaler.safetensors"),
    "clip": clip,
    "unet2d": unet2d,
}


@cache
def shapes(name: str) -> Shapes:
    """Return the tensors of a network."""
    return NETWORKS[name]()


@st.composite
def weights(draw: st.DrawFn, name: str) -> bytes:
    """Return a whole file of a network's tensors, of which a few have other names and shapes."""
    found = dict(shapes(name))
    keys = st.sampled_from(sorted(found))
    for _ in range(draw(st.integers(0, 3))):
        key, kind = draw(keys), draw(st.integers(0, 4))
        shape = found.pop(key, [1])
        if kind == 1:
            number = draw(st.sampled_from(("0", "1", "7", "99", "-1", "x", "9" * 30, "")))
            parts = key.split(".")
            found[".".join(number if part.isdigit() else part for part in parts)] = shape
        elif kind == 2 and shape:
            at = draw(st.integers(0, len(shape) - 1))
            side = draw(st.sampled_from((0, 1, 2, 3, 5, 64, 1000, 2**31, 2**62)))
            found[key] = [*shape[:at], side, *shape[at + 1 :]]
        elif kind == 3:
            found[key] = draw(st.sampled_from(([], [1], [*shape, 1], shape[:1], shape[::-1])))
        elif kind == 4:
            found[draw(ODD)] = shape
    return whole(found)


def whole(shapes: Shapes) -> bytes:
    """Return the bytes of a safetensors file of zeros, up to MOST bytes."""
    header, end = {}, 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        header[name] = {"dtype": "U8", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode(errors="replace")
    return tensor_file(text, b"\0" * min(end, MOST))


@st.composite
def networks(draw: st.DrawFn) -> Case:
    """Return a file of weights of any kind, as that of the model, of a CLIP or of an upscaler."""
    name = draw(st.sampled_from([one for one in NETWORKS if one != "unet2d"]))
    data = draw(weights(name))
    data = draw(damaged(data)) if draw(st.integers(0, 5)) == 0 else data
    model = "model=./net.safetensors"
    own = {
        "taming": [("generator=codes", model)],
        "llamagen": [("generator=codes", model)],
        "rosinality": [("generator=stylegan", model)],
        "nvidia": [("generator=stylegan", model)],
        "upscaler": [
            ("upscale=2", "upscaler=./net.safetensors"),
            ("@guided.canvas.foreign_upscaler:load", "net.safetensors"),
        ],
        "clip": [("clip=[ViT-B-32::./net.safetensors]",), ("rank=ViT-B-32::./net.safetensors",)],
    }
    words = draw(st.sampled_from([(model,), *own.get(name, [(model,)])]))
    words = words if words[0][0] == "@" else ("prompt=a", *words)
    return Case(words, (("net.safetensors", data),))


@st.composite
def folders(draw: st.DrawFn) -> Case:
    """Return a folder of diffusers' UNet2DModel, in which one file is odd."""
    data = whole(shapes("unet2d")) if draw(st.booleans()) else draw(weights("unet2d"))
    pipeline = draw(st.booleans())
    unet, scheduler = ("cats/unet", "cats/scheduler") if pipeline else ("cats", "cats")
    files = [(f"{unet}/diffusion_pytorch_model.safetensors", data)]
    for path, content in ((f"{unet}/config.json", CONFIG),
                          (f"{scheduler}/scheduler_config.json", SCHEDULER)):  # fmt: skip
        text = json.dumps(content)
        if draw(st.integers(0, 5)):
            files.append((path, draw(json_of(text) | st.just(text.encode()))))
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(files) - 1))
        files[at] = (files[at][0], draw(damaged(files[at][1])))
    word = draw(st.sampled_from(("model=./cats", "model=./cats/", f"model=./{files[0][0]}")))
    return Case(("prompt=a", word), tuple(files))


FINGERPRINT = "a"


def read_state(path: Path) -> None:
    """Read a saved state, as resume= does: it is whole, or refused with a warning."""
    found = checkpoint.load(path, FINGERPRINT)
    assert found is None or set(found) == {"x", "at"}


@cache
def state() -> bytes:
    """Return the saved state of an unfinished picture."""
    import torch
    from safetensors.torch import save

    tensors = {"x": torch.zeros(1, 3, 4, 4), "at": torch.tensor(3)}
    about = {"fingerprint": FINGERPRINT, "sum": checkpoint.checksum(tensors)}
    return save(tensors, about)


@st.composite
def states(draw: st.DrawFn) -> Case:
    """Return a damaged state."""
    data = draw(damaged(state()))
    return Case(("@tests.fuzz.networks:read_state", "state"), (("state", data),))
