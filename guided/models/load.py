"""Networks with the weights that their cards name."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

from guided.diffusion.jit import JiT
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.models.cards import DiffusionCard, ModelCard, SecondaryCard
from guided.models.jit import JiTCard, names_of
from guided.models.unet2d import ANCHOR as ANCHOR_2D
from guided.models.unet2d import converted
from guided.models.weights import read, unwrapped
from guided.models.weights_file import ANCHOR

log = logging.getLogger(__name__)


def load_unet(card: ModelCard, device: torch.device, dtype: torch.dtype) -> UNet:
    """Return the card's network, frozen, on the device. BadInput if the file does not fit the
    card."""
    path = card.path()
    with torch.device("meta"):
        unet = UNet(card.unet)
    tensors = read(path)
    tensors = converted(tensors) if ANCHOR_2D in tensors else unwrapped(tensors, ANCHOR)
    check(unet.state_dict(), tensors, path)
    # Shipped weights are float16 to be small; the network is set to its own precision below.
    unet.load_state_dict({k: t.float() for k, t in tensors.items()}, strict=True, assign=True)
    # The precision is set before the move: float32 may not fit into the device's memory.
    return unet.requires_grad_(False).eval().set_precision(dtype).to(device)


def load_jit(card: JiTCard, device: torch.device, dtype: torch.dtype) -> JiT:
    """Return the card's network, frozen, on the device. BadInput if the file does not fit the
    card."""
    path = card.path()
    with torch.device("meta"):
        net = JiT(card.jit)
    held = read(path)
    tensors = {ours: held[theirs] for ours, theirs in names_of(held).items()}
    check(net.state_dict(), tensors, path)
    net.load_state_dict({k: t.float() for k, t in tensors.items()}, strict=True, assign=True)
    return net.requires_grad_(False).eval().set_precision(dtype).to(device)


def load_network(card: DiffusionCard, device: torch.device, dtype: torch.dtype) -> UNet | JiT:
    """Return the network of a card of any kind that generator=diffusion draws with."""
    if isinstance(card, JiTCard):
        return load_jit(card, device, dtype)
    assert isinstance(card, ModelCard)
    return load_unet(card, device, dtype)


def load_compiled(card: DiffusionCard, device: torch.device, dtype: torch.dtype) -> UNet | JiT:
    """Return the network of `load_network`, compiled at its first use and for each new shape of
    its input."""
    net = load_network(card, device, dtype)
    keep_compiled()
    log.info("the first step compiles the network, unless an earlier run did: a minute or more")
    net.compile(dynamic=False)
    return net


def keep_compiled() -> None:
    """Keep compiled code from one run to the next in the user's cache folder, unless torch was
    told where. Its own place is the temporary folder, where others may put code of theirs."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(home, "guided", "compiled").expanduser()
    with suppress(OSError):  # it cannot be written to: nothing is kept
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def load_secondary(card: SecondaryCard, device: torch.device) -> SecondaryModel:
    """Return the card's network, frozen, on the device, in float32. BadInput if the file does not
    fit the card."""
    path = card.path()
    with torch.device("meta"):
        model = SecondaryModel()
    tensors = unwrapped(read(path), "timestep_embed.weight")
    check(model.state_dict(), tensors, path)
    model.load_state_dict({k: t.float() for k, t in tensors.items()}, strict=True, assign=True)
    return model.requires_grad_(False).eval().to(device)


def check(expected: dict[str, Tensor], tensors: dict[str, Tensor], path: Path) -> None:
    """Raise BadInput, with the first difference, if tensors do not fit a network."""
    missing, unknown = (
        sorted(expected.keys() - tensors.keys()),
        sorted(tensors.keys() - expected.keys()),
    )
    if missing or unknown:
        example = f"{missing[0]} is missing" if missing else f"{unknown[0]} is unknown"
        raise BadInput(
            f"{path} does not fit its card: {len(missing)} tensors missing, {len(unknown)} "
            f"unknown ({example})"
        )
    for key, tensor in expected.items():
        if tensor.shape != tensors[key].shape:
            raise BadInput(
                f"{path} does not fit its card: {key} is {tuple(tensors[key].shape)}, "
                f"expected {tuple(tensor.shape)}"
            )
