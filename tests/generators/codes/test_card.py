"""Published autoencoders are recognised by their tensors, with the settings of their cards."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from guided.config import card_list
from guided.errors import BadInput
from guided.generators.codes.card import CodesCard, VQConfig, recognised
from guided.generators.codes.settings import Codes
from guided.models.recognise import shapes
from tests.generators.codes.published import tensors, vgg_of_the_loss

PUBLISHED = {
    "vqgan_imagenet_1024": tensors("taming", 1024, 256) | vgg_of_the_loss(),
    "vqgan_imagenet_16384": tensors("taming", 16384, 256) | vgg_of_the_loss(),
    "vqgan_wikiart_16384": tensors("taming", 16384, 256),
    "llamagen_vq16": tensors("llamagen", 16384, 8) | {"quantize.codebook_used": (65536,)},
    "llamagen_vq8": tensors("llamagen", 16384, 8, mult=(1, 2, 2, 4)),
}
CARDS = {name: card for name, card in card_list.weights("model") if isinstance(card, CodesCard)}


def test_every_card_but_the_small_one_is_of_a_published_network() -> None:
    assert CARDS.keys() == PUBLISHED.keys() | {"codes_small"}


@pytest.mark.parametrize("prefix", ["", "state_dict.", "model."])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_network_is_recognised_as_its_card_says(name: str, prefix: str) -> None:
    shapes = {prefix + key: shape for key, shape in PUBLISHED[name].items()}
    found = recognised(Path("x.ckpt"), shapes)
    assert found is not None and found.vq == CARDS[name].vq
    sizes = Codes().sizes(found)
    assert (sizes.step, sizes.default) == (8 if name == "llamagen_vq8" else 16, (256, 256))


@pytest.mark.parametrize(("form", "groups"), [("taming", 32), ("llamagen", 8)])
def test_a_narrow_network_of_this_program_normalises_four_channels_together(form, groups) -> None:
    found = recognised(Path("x.pt"), tensors(form, 16, 8, ch=32, mult=(1, 2), blocks=1, latent=6))
    assert found is not None and found.vq.groups == groups


def test_of_a_transformer_s_file_the_network_of_its_pictures_is_taken() -> None:
    pictures, maps = PUBLISHED["vqgan_imagenet_1024"], tensors("taming", 512, 256)
    shapes = {f"state_dict.cond_stage_model.{key}": shape for key, shape in maps.items()}
    shapes |= {f"state_dict.first_stage_model.{key}": shape for key, shape in pictures.items()}
    found = recognised(Path("x.ckpt"), shapes)
    assert found is not None and found.vq == CARDS["vqgan_imagenet_1024"].vq


def test_networks_of_other_kinds_are_left_to_others() -> None:
    assert recognised(Path("x.pt"), {"time_embed.0.weight": (4, 1)}) is None
    assert recognised(Path("x.pt"), {"quantize.embedding.weight": (4, 1)}) is None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"encoder.conv_in.weight": None}, "encoder.conv_in.weight is missing"),
        ({"encoder.conv_in.weight": (128, 4, 3, 3)}, "reads 4 channels"),
        ({"encoder.down.1.block.0.conv1.weight": (130, 128, 3, 3)}, "no multiples of 128"),
        ({"encoder.down.7.block.0.norm1.weight": (128,)}, "conv_blocks.5 is missing"),
        (
            {"encoder.conv_in.weight": None, f"decoder.up.{'9' * 5000}.attn.0.norm.bias": (1,)},
            "encoder.conv_in.weight is missing",
        ),
    ],
)
def test_a_broken_network_is_told_in_one_line(changed, reason: str) -> None:
    shapes = {**PUBLISHED["vqgan_imagenet_1024"], **changed}
    shapes = {key: shape for key, shape in shapes.items() if shape is not None}
    with pytest.raises(BadInput, match=r"^model=x.ckpt is no VQGAN .*" + reason) as error:
        recognised(Path("x.ckpt"), shapes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"channels": 48},
        {"channel_mult": []},
        {"channel_mult": [0]},
        {"codes": 0},
        {"code": 1.5},
        {"res_blocks": 10**6},
    ],
)
def test_an_architecture_that_cannot_be_built_is_refused(setting) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        replace(VQConfig(), **setting)


def test_the_small_one_is_here_as_its_card_says() -> None:
    card = CARDS["codes_small"]
    path = card.path()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == card.sha256
    assert path.stat().st_size <= 3_000_000
    assert round(path.stat().st_size / 1e6) == card.megabytes
    found = recognised(path, shapes(path))
    assert found is not None and found.vq == card.vq
