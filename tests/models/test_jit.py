"""JiTs read back from files, in each of the two ways in which their tensors are named."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from guided.config import card_list
from guided.config.catalog import card_for
from guided.diffusion.jit import JiT
from guided.diffusion.jit_config import JiTConfig
from guided.errors import BadInput
from guided.models.jit import JiTCard, recognised
from guided.models.load import load_jit
from tests.doubles import randomised

SMALL = JiTConfig(
    image_size=32, patch=8, width=32, depth=12, heads=4, bottleneck=6, classes=3, context=5
)
CARDS = {name: card for name, card in card_list.weights("model") if isinstance(card, JiTCard)}
CPU = torch.device("cpu")


def in_diffusers_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as the conversion to diffusers' format calls them."""
    last = ("adaLN_modulation.1", "adaLN_modulation_final"), ("linear", "linear_final")
    renamed = {}
    for name, tensor in tensors.items():
        if name.startswith("final_layer."):
            name = name.removeprefix("final_layer.")
            for theirs, ours in last:
                name = re.sub(rf"^{re.escape(theirs)}\.", f"{ours}.", name)
        renamed[name.replace("adaLN_modulation.1.", "adaLN_modulation.")] = tensor
    return renamed


def in_authors_names(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors as in the authors' checkpoints, averaged and not, with tables of angles."""
    raw = {f"model.net.{name}": torch.zeros_like(tensor) for name, tensor in tensors.items()}
    averaged = {f"model_ema1.net.{name}": tensor for name, tensor in tensors.items()}
    return raw | averaged | {"model_ema1.net.feat_rope.freqs_cos": torch.zeros(16, 8)}


NAMINGS = {"diffusers": in_diffusers_names, "authors": in_authors_names}


@pytest.mark.parametrize("naming", NAMINGS)
@pytest.mark.parametrize("name", CARDS)
def test_every_published_network_is_recognised(name: str, naming: str, caplog) -> None:
    config = CARDS[name].jit
    with torch.device("meta"):
        tensors = NAMINGS[naming](JiT(config).state_dict())
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    found = recognised(Path("someone's.pth"), shapes)
    assert found is not None and found.jit == config
    assert (found.size, found.prediction, found.schedule) == (CARDS[name].size, "x0", "flow")
    assert f"from block {config.context_start} on, noise of size {config.noise:g}" in caplog.text


def test_published_networks_are_those_of_three_sizes_at_two_resolutions() -> None:
    assert {name: card.jit.side for name, card in CARDS.items()} == dict.fromkeys(
        ("jit_b16", "jit_b32", "jit_h16", "jit_h32", "jit_l16", "jit_l32"), 16
    )


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_file_draws_as_the_network_that_was_saved(naming: str, tmp_path) -> None:
    net = randomised(JiT(SMALL), seed=1).eval().requires_grad_(False)
    save_file(NAMINGS[naming](net.state_dict()), tmp_path / "own.safetensors")
    card = card_for(tmp_path / "own.safetensors")
    assert isinstance(card, JiTCard) and card.jit == SMALL
    z, t = torch.randn(1, 3, 32, 32), torch.tensor([0.3])
    # Kernels round by where in memory the weights are.
    assert torch.allclose(load_jit(card, CPU, torch.float32)(z, t), net(z, t), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape", "said"),
    [
        ("pos_embed", None, "pos_embed is missing"),
        (
            "y_embedder.embedding_table.weight",
            None,
            "y_embedder.embedding_table.weight is missing",
        ),
        ("x_embedder.proj1.weight", (6, 4, 8, 8), "it reads 4 channels, not 3"),
        ("pos_embed", (16, 32), "not enough values"),
        ("blocks.0.attn.q_norm.weight", (5,), "width=32"),
    ],
)
def test_other_shapes_are_refused_in_one_line(name: str, shape: tuple | None, said: str) -> None:
    shapes = {key: tuple(tensor.shape) for key, tensor in JiT(SMALL).state_dict().items()}
    shapes.pop(name)
    if shape is not None:
        shapes[name] = shape
    with pytest.raises(BadInput, match=f"^model=x.pt is no JiT that can be read: .*{said}"):
        recognised(Path("x.pt"), shapes)


def test_other_files_are_no_jit() -> None:
    assert recognised(Path("x.pt"), {"time_embed.0.weight": (4, 1)}) is None


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"size": [256, 128]}, r"must be \[256,256\]"),
        ({"size": [256, 256], "prediction": "eps"}, "prediction=eps must be x0"),
        ({"size": [256, 256], "schedule": "sine"}, "schedule=sine"),
    ],
)
def test_a_card_that_its_network_contradicts_is_refused(settings: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JiTCard(name="x", file="x.pt", **settings)
