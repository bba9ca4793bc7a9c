"""Architectures read back from tensors alone."""

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from guided.config import card_list
from guided.config.catalog import card_for
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.errors import BadInput
from guided.models.cards import ModelCard
from guided.models.load import load_unet
from guided.models.recognise import from_shapes, looks, recognise, visible, weights_in
from guided.models.weights_file import find_prefix

SMALL = UNetConfig(
    image_size=16, num_channels=32, channel_mult=[1, 2], num_res_blocks=1,
    attention_resolutions=[8], num_head_channels=32, learn_sigma=False,
)  # fmt: skip
CARDS = dict(card_list.models())


def shapes(config: UNetConfig) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        return {key: tuple(tensor.shape) for key, tensor in UNet(config).state_dict().items()}


@pytest.mark.parametrize("name", CARDS)
def test_every_known_checkpoint_is_recognised_with_its_heads(name: str) -> None:
    card = CARDS[name]
    found = from_shapes(shapes(card.unet), Path("someone's.pt"), list(CARDS.values()))
    assert looks(found.unet) == looks(card.unet)
    assert found.unet.image_size == card.unet.image_size
    for setting in ("num_heads", "num_head_channels", "use_new_attention_order"):
        assert getattr(found.unet, setting) == getattr(card.unet, setting), setting
    assert "head" in found.assumed and found.like.name in found.assumed


def test_a_file_of_a_known_name_is_that_model() -> None:
    """openimages512 has imagenet512's shapes, and predicts v."""
    card = CARDS["openimages512"]
    found = from_shapes(shapes(card.unet), Path("x") / card.file, list(CARDS.values()))
    assert (found.like.name, found.like.prediction, found.assumed) == (card.name, "v", "")
    other = from_shapes(shapes(card.unet), Path("other.pt"), list(CARDS.values()))
    assert (other.like.name, other.like.prediction) == ("imagenet512", "eps")


@st.composite
def networks(draw: st.DrawFn) -> UNetConfig:
    levels, patch = draw(st.integers(1, 4)), draw(st.sampled_from([1, 1, 2]))
    dense = draw(st.sampled_from([0, 0, 16]))
    size = 8 * patch * 2 ** (levels - 1)
    attending = draw(st.lists(st.booleans(), min_size=levels, max_size=levels))
    return UNetConfig(
        image_size=size,
        num_channels=draw(st.sampled_from([32, 64])),
        channel_mult=draw(st.lists(st.sampled_from([1, 2, 3]), min_size=levels, max_size=levels)),
        num_res_blocks=draw(st.integers(1, 3)),
        attention_resolutions=[
            size // (patch << level) for level in range(levels) if attending[level]
        ],
        resblock_updown=draw(st.booleans()) if levels > 1 else False,
        use_scale_shift_norm=draw(st.booleans()),
        learn_sigma=draw(st.booleans()) and not dense,
        num_classes=draw(st.sampled_from([0, 7])),
        patch=patch,
        dense=dense,
        dense_hidden=draw(st.sampled_from([0, 24])) if dense else 0,
    )


@settings(max_examples=60, deadline=None)
@given(networks())
def test_any_network_is_read_back_from_its_shapes(config: UNetConfig) -> None:
    found = visible(shapes(config))
    assert looks(found) == looks(config)
    assert shapes(found) == shapes(config)


# ---- files ---------------------------------------------------------------------------------


def wrappings(tensors: dict[str, torch.Tensor]) -> dict[str, object]:
    noise = {key: torch.randn_like(tensor) for key, tensor in tensors.items()}
    under = under_name("module", tensors)
    return {
        "plain": tensors,
        "module": under,
        "state_dict": {"state_dict": tensors, "epoch": 3, "args": {"lr": 0.1}},
        "both": {"model": noise, "model_ema": tensors, "optimizer": {"state": {0: noise}}},
        "deep": {"ema": {"params": under}, "raw": noise},
        "flat": under_name("net", noise) | under_name("ema", tensors),
    }


def under_name(name: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": tensor for key, tensor in tensors.items()}


@pytest.mark.parametrize("how", wrappings({}))
@pytest.mark.parametrize("zipped", [True, False])
def test_wrapped_checkpoints_are_recognised_and_loaded(
    tmp_path: Path, how: str, zipped: bool
) -> None:
    """Averaged weights before raw ones; files from before torch 1.6 too."""
    tensors = UNet(SMALL).state_dict()
    path = tmp_path / "w.pt"
    torch.save(wrappings(tensors)[how], path, _use_new_zipfile_serialization=zipped)
    found = recognise(path, [])
    assert looks(found.unet) == looks(SMALL)
    card = ModelCard(name="w", file=str(path), unet=found.unet)
    loaded = load_unet(card, torch.device("cpu"), torch.float32).state_dict()
    assert all(torch.equal(tensor, tensors[key]) for key, tensor in loaded.items())


def test_safetensors_are_recognised_without_torch(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({f"ema.{key}": tensor for key, tensor in UNet(SMALL).state_dict().items()}, path)
    program = (
        "import sys; from pathlib import Path; from guided.models.recognise import recognise;"
        f"found = recognise(Path({str(path)!r}), []); assert found.unet.num_channels == 32;"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_the_file_does_not_say_is_said(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(UNet(SMALL).state_dict(), path)
    assumed = recognise(path, list(CARDS.values())).assumed
    for part in ("guess", "head", "16 pixels", "eps"):
        assert part in assumed


def test_what_mends_a_first_guess_predicts_the_image(tmp_path: Path) -> None:
    """Said, and so in its card, with nothing else to go by."""
    path = tmp_path / "w.safetensors"
    config = UNetConfig(**{**asdict(SMALL), "dense": 24, "patch": 2})
    save_file(UNet(config).state_dict(), path)
    assert "predicts x0" in recognise(path, []).assumed
    card = card_for(path)
    assert (card.prediction, card.schedule, card.size) == ("x0", "cosine", [16, 16])
    with pytest.raises(ValueError, match="prediction=v must be x0"):
        replace(card, prediction="v")


@pytest.mark.parametrize(
    ("tensors", "parts"),
    [
        ({"a": torch.zeros(2)}, ["unknown", "it holds a"]),
        ({"visual.conv1.weight": torch.zeros(2), "logit_scale": torch.zeros(1)}, ["a CLIP"]),
        (SecondaryModel().state_dict(), ["secondary"]),
        ({"time_embed.0.weight": torch.zeros(128, 32)}, ["input_blocks.0.0.weight is missing"]),
        (
            {
                "time_embed.0.weight": torch.zeros(1280, 320),
                "input_blocks.0.0.weight": torch.zeros(320, 4, 3, 3),
            },
            ["reads 4 channels", "latent"],
        ),
        (
            {
                "time_embed.0.weight": torch.zeros(128, 32),
                "input_blocks.0.0.weight": torch.zeros(32, 6, 3, 3),
            },
            ["reads 6 channels", "enlarges"],
        ),
    ],
)
def test_other_files_are_told_in_one_line(tmp_path: Path, tensors, parts) -> None:
    for name in ("w.safetensors", "w.pt"):
        path = tmp_path / name
        if name.endswith("pt"):
            torch.save(dict(tensors), path)
        else:
            save_file(tensors, path)
        with pytest.raises(BadInput) as caught:
            recognise(path, [])
        said = str(caught.value)
        assert "\n" not in said
        for part in (name, *parts):
            assert part in said


def test_a_header_that_lies_is_bad_input(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    header = json.dumps({"time_embed.0.weight": {"shape": 5}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(BadInput, match="header"):
        recognise(path, [])


SMALLEST = {"time_embed.0.weight": (128, 32), "input_blocks.0.0.weight": (32, 3, 3, 3),
            "out.2.weight": (3, 32, 3, 3), "input_blocks.1.0.out_layers.3.weight": (32, 32, 3, 3),
            "input_blocks.1.0.emb_layers.1.weight": (64, 128)}  # fmt: skip


@pytest.mark.parametrize(
    "number", ["999999999", "1000000000000000000000", "9" * 5000, "-1", "²", "01", "x", ""]
)
def test_a_block_whose_number_is_huge_or_none_is_one_line(tmp_path: Path, number: str) -> None:
    found = SMALLEST | {f"output_blocks.{number}.0.weight": (1,), "output_blocks.0.0.weight": (1,)}
    with pytest.raises(ValueError, match="blocks in a row"):
        visible(found)


def test_a_tiny_file_with_a_huge_block_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    tensors = {"time_embed.0.weight": torch.zeros(4, 1), "out.2.weight": torch.zeros(3, 1, 1, 1),
               "input_blocks.0.0.weight": torch.zeros(1, 3, 1, 1),
               "output_blocks.99999999999.0.x": torch.zeros(1)}  # fmt: skip
    save_file(tensors, path)
    with pytest.raises(BadInput, match="blocks in a row"):
        recognise(path, [])


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("time_embed.0.weight", (0, 0)),
        ("time_embed.0.weight", (4,)),
        ("time_embed.0.weight", ()),
        ("time_embed.0.weight", (4 * 10**400, 10**400)),
        ("input_blocks.0.0.weight", (32,)),
        ("input_blocks.0.0.weight", (0, 3, 3, 3)),
        ("input_blocks.0.0.weight", (32, 3 * 10**400, 3, 3)),
        ("out.2.weight", ()),
        ("input_blocks.1.0.out_layers.3.weight", (10**400, 1)),
    ],
)
def test_odd_shapes_are_one_line(monkeypatch, tmp_path: Path, name, shape) -> None:
    found = SMALLEST | {"output_blocks.0.0.weight": (1,), "output_blocks.1.0.weight": (1,)}
    monkeypatch.setattr("guided.models.recognise.shapes", lambda _: found | {name: shape})
    with pytest.raises(BadInput, match="is no U-Net that can be read") as caught:
        recognise(tmp_path / "w.safetensors", [])
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "tensor",
    [
        {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [10**400, 0], "data_offsets": [0, 0]},
        {"dtype": "X", "shape": [0], "data_offsets": [0, 0]},
        {"dtype": "F32", "shape": [0], "data_offsets": [5, 0]},
    ],
)
def test_a_header_whose_numbers_do_not_agree_is_refused(tmp_path: Path, tensor) -> None:
    header = json.dumps({"time_embed.0.weight": tensor}).encode()
    path = tmp_path / "w.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(BadInput, match="header is broken"):
        recognise(path, [])


def test_the_noise_schedule_that_is_guessed_is_said(tmp_path: Path, caplog) -> None:
    path = tmp_path / "w.safetensors"
    save_file(UNet(SMALL).state_dict(), path)
    card = card_for(path)
    assert f"{card.schedule} noise" in caplog.text
    assert "model.schedule=cosine" in caplog.text


def test_prefixes_are_whole_names() -> None:
    assert find_prefix(["xa.b", "c"], "a.b") is None
    assert find_prefix(["x.a.b", "ema.x.a.b", "a.b"], "a.b") == "ema.x."


def test_the_pickles_of_a_folder_are_named_with_the_way_to_safetensors(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"holds pickles, unet.*bin, .*save_pretrained") as error:
        weights_in(tmp_path)
    assert "\n" not in str(error.value)
