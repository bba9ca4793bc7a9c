"""diffusers' UNet2DModel: read as guided-diffusion's U-Net, which computes the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from guided.compat.open_clip import import_late
from guided.config import card_list
from guided.config.catalog import card_for
from guided.diffusion.circular import set_rings
from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.models import unet2d
from guided.models.load import load_unet
from tests.doubles import randomised

import_late()  # diffusers imports torchvision too
diffusers = pytest.importorskip("diffusers")

CPU = torch.device("cpu")
# What google/ddpm-cat-256 says, and other networks of Ho, Jain and Abbeel 2020.
DDPM = dict(
    downsample_padding=0, flip_sin_to_cos=False, freq_shift=1, norm_eps=1e-6,
    attention_head_dim=None, mid_block_scale_factor=1, act_fn="silu", norm_num_groups=32,
)  # fmt: skip
PLAIN, ATTENDING = ("DownBlock2D", "UpBlock2D"), ("AttnDownBlock2D", "AttnUpBlock2D")
SMALL = dict(
    sample_size=16, layers_per_block=1, block_out_channels=(32, 64),
    down_block_types=(PLAIN[0], ATTENDING[0]), up_block_types=(ATTENDING[1], PLAIN[1]),
)  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "of the first DDPMs": {**SMALL, **DDPM},
    "with the usual settings": SMALL,
    "with scale and shift": {
        **SMALL, "resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 32
    },
    "deeper": {
        **SMALL, **DDPM, "layers_per_block": 2, "block_out_channels": (32, 32, 64),
        "down_block_types": (PLAIN[0], ATTENDING[0], PLAIN[0]),
        "up_block_types": (PLAIN[1], ATTENDING[1], PLAIN[1]),
    },
}  # fmt: skip


def saved(folder: Path, settings: dict[str, Any]) -> torch.nn.Module:
    """A random network of theirs in a folder of a pipeline."""
    theirs = randomised(diffusers.UNet2DModel(**settings), seed=1).eval()
    theirs.save_pretrained(folder / "unet")
    diffusers.DDPMScheduler().save_pretrained(folder / "scheduler")
    return theirs


@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_a_folder_is_recognised_and_computes_what_diffusers_does(
    name: str, tmp_path: Path
) -> None:
    theirs = saved(tmp_path / "butterflies", KINDS[name])
    card = card_for(tmp_path / "butterflies")
    assert (card.name, card.size, card.prediction) == ("butterflies", [16, 16], "eps")
    assert (card.schedule, card.clip_denoised) == ("linear", True)
    ours = load_unet(card, CPU, torch.float32)
    rng = torch.Generator().manual_seed(2)
    for size in ((16, 16), (8, 24)):
        x = torch.randn(2, 3, *size, generator=rng)
        t = torch.tensor([3, 870])
        expected = theirs(x, t).sample
        assert expected.std() > 0.1
        assert (ours(x, t.float()) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("name", [n for n, c in card_list.models() if c.unet.ddpm])
def test_published_networks_have_every_tensor_and_shape(name: str) -> None:
    """google/ddpm-*-256, and WikiArt's, which continues the training of one of them."""
    sizes = (128, 128, 256, 256, 512, 512)
    down, up = [PLAIN[0]] * 6, [PLAIN[1]] * 6
    down[4], up[1] = ATTENDING
    with torch.device("meta"):
        theirs = diffusers.UNet2DModel(
            sample_size=256, layers_per_block=2, block_out_channels=sizes, down_block_types=down,
            up_block_types=up, **DDPM,
        ).state_dict()  # fmt: skip
        card = dict(card_list.models())[name]
        ours = {key: tuple(tensor.shape) for key, tensor in UNet(card.unet).state_dict().items()}
        found = {key: tuple(tensor.shape) for key, tensor in unet2d.converted(theirs).items()}
    assert found == ours
    shapes = {key: tuple(tensor.shape) for key, tensor in theirs.items()}
    assert unet2d.config_of(shapes, {**DDPM, "sample_size": 256}) == card.unet
    old = {
        key.replace("to_q", "query").replace("to_k", "key").replace("to_v", "value")
        .replace("to_out.0", "proj_attn"): tensor
        for key, tensor in theirs.items()
    }  # fmt: skip
    assert unet2d.converted(old).keys() == ours.keys()


def test_without_a_configuration_it_is_taken_for_a_ddpm_which_is_told(tmp_path, caplog) -> None:
    theirs = diffusers.UNet2DModel(**KINDS["of the first DDPMs"]).state_dict()
    save_file(theirs, tmp_path / "own.safetensors")
    card = card_for(tmp_path / "own.safetensors")
    assert card.unet.ddpm and card.unet.num_head_channels == -1 and card.name == "own"
    assert "no config.json" in caplog.text and len(caplog.records) == 1


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"freq_shift": 0}, "freq_shift=0, norm_eps=1e-06 in config.json is neither"),
        ({"act_fn": "mish"}, "act_fn=mish in config.json, not silu"),
        ({"mid_block_scale_factor": 2}, "mid_block_scale_factor=2"),
        ({"sample_size": [8, 9]}, "sample_size"),
        ({"attention_head_dim": 7}, "attention heads"),
        ({"attn_norm_num_groups": 16}, "attn_norm_num_groups=16 in config.json, not 32"),
        ({"class_embed_type": "identity"}, "class_embed_type=identity"),
    ],
)
def test_what_it_cannot_compute_is_told_in_one_line(tmp_path, changed, reason: str) -> None:
    saved(tmp_path, KINDS["of the first DDPMs"])
    path = tmp_path / "unet" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(BadInput, match=r"^model=.* is no UNet2DModel") as error:
        card_for(tmp_path)
    assert reason in str(error.value) and "\n" not in str(error.value)


def test_a_scheduler_that_is_not_known_is_told(tmp_path) -> None:
    saved(tmp_path, SMALL)
    diffusers.DDPMScheduler(beta_schedule="scaled_linear").save_pretrained(tmp_path / "scheduler")
    with pytest.raises(BadInput, match="beta_schedule=scaled_linear is not one of linear"):
        card_for(tmp_path)
    path = tmp_path / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"beta_schedule": ["linear"]}))
    with pytest.raises(BadInput, match=r"beta_schedule=\['linear'\] is not one of linear"):
        card_for(tmp_path)
    diffusers.DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction", clip_sample=False
    ).save_pretrained(tmp_path / "scheduler")
    card = card_for(tmp_path)
    assert (card.schedule, card.prediction, card.clip_denoised) == ("cosine", "v", False)


@pytest.mark.parametrize(
    ("scheduler", "reason"),
    [
        (diffusers.DDPMScheduler(beta_end=0.015), "beta_end=0.015 in scheduler_config.json"),
        (diffusers.DDIMScheduler(4000), "num_train_timesteps=4000"),
        (diffusers.DDIMScheduler(rescale_betas_zero_snr=True), "zero_snr=true in .*, not false"),
        (diffusers.FlowMatchEulerDiscreteScheduler(), "beta_schedule in .* is missing"),
        (diffusers.CMStochasticIterativeScheduler(), "beta_schedule in .* is missing"),
    ],
)
def test_other_noise_than_that_which_is_drawn_with_is_told(tmp_path, scheduler, reason) -> None:
    saved(tmp_path, SMALL)
    scheduler.save_pretrained(tmp_path / "scheduler")
    with pytest.raises(BadInput, match=reason):
        card_for(tmp_path)


def test_a_scheduler_beside_the_folder_of_a_network_alone_is_not_its_own(tmp_path) -> None:
    saved(tmp_path, SMALL)
    (tmp_path / "unet").rename(tmp_path / "cats")
    diffusers.DDPMScheduler(prediction_type="v_prediction").save_pretrained(tmp_path / "scheduler")
    assert card_for(tmp_path / "cats").prediction == "eps"


@torch.no_grad()
def test_opposite_edges_meet_in_it_too(tmp_path) -> None:
    """Its halving, padded on one side only, commutes with shifts of the coarsest pixel."""
    saved(tmp_path, KINDS["of the first DDPMs"])
    net = load_unet(card_for(tmp_path), CPU, torch.float32)
    set_rings(net, (True, True))
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    t = torch.tensor([5.0])
    moved = net(x.roll((2, 4), (2, 3)), t)
    assert torch.allclose(moved, net(x, t).roll((2, 4), (2, 3)), atol=1e-4)
