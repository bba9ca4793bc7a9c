"""Stable Diffusion is recognised by its tensors and the settings beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from guided.config import card_list
from guided.config.catalog import card_for
from guided.errors import BadInput
from guided.generators.latent.card import DecoderCard, LatentCard, recognised
from guided.generators.latent.config import UNetShape
from tests.generators.latent import published


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("models") / "tiny"
    published.pipeline().save_pretrained(path)
    return path


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    """The same folder, of links to weights, whose settings can be changed."""
    for file in (file for file in folder.rglob("*") if file.is_file()):
        place = tmp_path / "tiny" / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".safetensors":
            place.symlink_to(file)
        else:
            place.write_bytes(file.read_bytes())
    return tmp_path / "tiny"


def change(file: Path, **values: Any) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_folder_says_everything(folder) -> None:
    card = card_for(folder)
    assert isinstance(card, LatentCard)
    assert (card.name, card.size, card.prediction) == ("tiny", [16, 16], "eps")
    assert (card.unet.channels, card.unet.attention, card.unet.layers) == ([32, 64], [0], 1)
    assert (card.unet.heads, card.unet.context, card.unet.linear) == ([8, 8], 32, False)
    assert (card.vae.channels, card.vae.layers, card.vae.scaling) == ([32, 32], 1, 0.18215)
    assert (card.text.width, card.text.layers, card.text.heads) == (32, 2, 1)
    assert (card.text.activation, card.text.padding) == ("quick_gelu", 49407)
    assert card.missing() is None


def test_a_single_file_of_the_second_version_is_told_from_the_first(tmp_path, caplog) -> None:
    for second in (False, True):
        path = tmp_path / f"{second}.safetensors"
        published.save_single(published.pipeline(second), path)
        card = card_for(path)
        assert isinstance(card, LatentCard)
        assert card.unet.linear is second and card.multiple == (64 if second else 2)
        assert card.text.activation == ("gelu" if second else "quick_gelu")
        assert card.text.padding == (0 if second else 49407)
        assert f"as in Stable Diffusion {1 + second}: it predicts eps; model.prediction=v" in (
            caplog.text
        )


@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("unet/config.json", {"act_fn": "gelu"}, "act_fn=gelu in config.json, not silu"),
        ("unet/config.json", {"class_embed_type": "timestep"}, "class_embed_type=timestep"),
        ("unet/config.json", {"attention_head_dim": [8]}, "must be 2 whole numbers"),
        ("unet/config.json", {"attention_head_dim": "x"}, "must be 2 whole numbers"),
        ("unet/config.json", {"attention_head_dim": 7}, "heads=.* must divide"),
        ("vae/config.json", {"shift_factor": 0.1}, "shift_factor=0.1 in config.json"),
        ("vae/config.json", {"scaling_factor": "much"}, "scaling=much must be a number"),
        ("text_encoder/config.json", {"hidden_act": "relu"}, "activation=relu is not one of"),
        ("text_encoder/config.json", {"num_attention_heads": 7}, "heads=7 must divide"),
        ("tokenizer/tokenizer_config.json", {"pad_token": "x"}, "pad_token=x"),
        ("scheduler/scheduler_config.json", {"beta_end": 0.02}, "beta_end=0.02"),
        (
            "scheduler/scheduler_config.json",
            {"rescale_betas_zero_snr": True},
            "zero_snr=true in .*, not false",
        ),
        ("scheduler/scheduler_config.json", {"prediction_type": "x"}, "prediction_type=x"),
    ],
)
def test_settings_that_compute_otherwise_are_refused(copy, file, values, reason) -> None:
    change(copy / file, **values)
    with pytest.raises(BadInput, match=rf"^model=.*no Stable Diffusion.*{reason}") as error:
        card_for(copy)
    assert "\n" not in str(error.value)


def lose(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names]  # type: ignore[return-value]


def to_pickles(folder: Path) -> None:
    for name in ("vae/diffusion_pytorch_model", "unet/diffusion_pytorch_model"):
        (folder / f"{name}.safetensors").rename(folder / f"{name}.bin")


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (
            to_pickles,
            "holds pickles, .*bin, which are not opened; in diffusers, .*save_pretrained",
        ),
        (lose("vae/diffusion_pytorch_model.safetensors"), "a folder without vae/diffusion"),
        (lose("text_encoder/model.safetensors"), "a folder without text_encoder/model"),
        (lose("scheduler/scheduler_config.json"), "scheduler_config.json is not there"),
        (lose("vae/config.json"), "vae/config.json is not there"),
    ],
)
def test_a_folder_that_is_not_whole_is_told_in_one_line(copy, broken, reason) -> None:
    broken(copy)
    with pytest.raises(BadInput, match=f"^model=.*{reason}") as error:
        card_for(copy)
    assert "\n" not in str(error.value)


def test_a_part_that_is_lost_later_is_missing(copy) -> None:
    card = card_for(copy)
    (copy / "vae" / "diffusion_pytorch_model.safetensors").unlink()
    assert "is a folder without vae/diffusion_pytorch_model.safetensors" in (card.missing() or "")
    (copy / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"x" * 100)
    assert "is damaged" in (card.missing() or "")
    assert "no file" in (replace(card, file="/nowhere/model.safetensors").missing() or "")


SINGLE = {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    "first_stage_model.quant_conv.weight": (8, 8, 1, 1),
}


@pytest.mark.parametrize(
    ("path", "changed", "reason"),
    [
        ("x.ckpt", {}, r"in a pickle.*save_file"),
        ("x.safetensors", {}, "has no text encoder, cond_stage_model"),
        ("x.safetensors", {"conditioner.embedders.0.x": (1,)}, "is SDXL; drawn are"),
        ("x.safetensors", {"model.diffusion_model.label_emb.0.0.weight": (1,)}, "such as SDXL"),
        (
            "x.safetensors",
            {"cond_stage_model.x": (1,), "model.diffusion_model.input_blocks.0.0.weight": (1, 9)},
            "is no Stable Diffusion that can be read: .* is missing",
        ),
    ],
)
def test_other_files_are_refused_in_one_line(path, changed, reason) -> None:
    with pytest.raises(BadInput, match=f"^model=x.*{reason}") as error:
        recognised(Path(path), SINGLE | changed)
    assert "\n" not in str(error.value)


def test_a_unet_for_inpainting_or_of_no_pipeline_is_refused(folder, tmp_path) -> None:
    tensors = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(BadInput, match="it is a U-Net alone"):
        save_file(tensors, tmp_path / "unet.safetensors")
        card_for(tmp_path / "unet.safetensors")
    single = published.save_single(published.pipeline(), tmp_path / "single.safetensors")
    name = "model.diffusion_model.input_blocks.0.0.weight"
    save_file(single | {name: torch.zeros(32, 9, 3, 3)}, tmp_path / "single.safetensors")
    with pytest.raises(BadInput, match="reads 9 channels, not 4: for inpainting"):
        card_for(tmp_path / "single.safetensors")


def test_files_of_other_kinds_are_left_to_others() -> None:
    assert recognised(Path("x.pt"), {"time_embed.0.weight": (4, 1)}) is None
    assert recognised(Path("x.pt"), {"time_embedding.linear_1.weight": (4, 1)}) is None


def test_cards_have_a_checksum_and_what_a_run_needs() -> None:
    models = dict(card_list.weights("model"))
    for name in ("sd15", "sd21_base"):
        card = models[name]
        assert isinstance(card, LatentCard) and len(card.sha256) == 64
        assert "RAIL" in card.licence and card.urls and card.recommended.eta == 0
    assert isinstance(dict(card_list.weights("secondary"))["taesd"], DecoderCard)


@pytest.mark.parametrize(
    "setting",
    [{"prediction": "y"}, {"multiple": 12}, {"unet": UNetShape(context=640)}],
)
def test_cards_that_cannot_be_drawn_with_are_refused(setting) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        LatentCard(name="x", file="x.safetensors", **setting)
