"""Small latent diffusion models with random weights, as diffusers saves them and as single files
of latent-diffusion's format, by names that are written out here from the published files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from guided.compat.open_clip import import_late, import_open_clip
from tests.doubles import randomised

import_late()  # declares operators of torchvision, which diffusers imports
import diffusers  # noqa: E402
import transformers  # noqa: E402

SECOND = {"use_linear_projection": True, "attention_head_dim": [1, 1]}
NOISE: dict[str, Any] = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "steps_offset": 1,
}


def tokenizer(second: bool = False) -> Any:
    """CLIP's tokenizer in transformers, with the vocabulary of open_clip."""
    words = import_open_clip().SimpleTokenizer()
    merges = list(words.bpe_ranks)
    encoder = {
        {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}.get(key, key): k
        for key, k in words.encoder.items()
    }
    pad = "!" if second else "<|endoftext|>"
    return transformers.CLIPTokenizer(
        vocab=encoder, merges=merges, pad_token=pad, model_max_length=77
    )


def unet(second: bool = False, **settings: Any) -> Any:
    kind = SECOND if second else {"attention_head_dim": 8}
    return diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        **{**kind, **settings},
    )


def vae(**settings: Any) -> Any:
    return diffusers.AutoencoderKL(
        **{
            "block_out_channels": (32, 32),
            "layers_per_block": 1,
            "down_block_types": ("DownEncoderBlock2D",) * 2,
            "up_block_types": ("UpDecoderBlock2D",) * 2,
            "scaling_factor": 0.18215,
            **settings,
        }
    )


def text(second: bool = False) -> Any:
    return transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=1,
            hidden_act="gelu" if second else "quick_gelu",
            vocab_size=49408,
            eos_token_id=49407,
            bos_token_id=49406,
            pad_token_id=0 if second else 49407,
        )
    )


def pipeline(second: bool = False, **scheduler: Any) -> Any:
    """A StableDiffusionPipeline with random weights."""
    networks = [
        randomised(network, seed).eval()
        for seed, network in enumerate((unet(second), vae(), text(second)), 1)
    ]
    with torch.no_grad():  # a picture of latents should depend on them, not on biases alone
        networks[2].embeddings.token_embedding.weight.mul_(3)
    made = diffusers.StableDiffusionPipeline(
        unet=networks[0],
        vae=networks[1],
        text_encoder=networks[2],
        tokenizer=tokenizer(second),
        scheduler=diffusers.DDIMScheduler(**{**NOISE, **scheduler}),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def save_single(made: Any, path: Path) -> dict[str, Tensor]:
    """Write a pipeline as one file of latent-diffusion's names, and return its tensors."""
    tensors = {
        f"model.diffusion_model.{old_unet_name(key)}": tensor
        for key, tensor in made.unet.state_dict().items()
    }
    for key, tensor in made.vae.state_dict().items():
        name = old_vae_name(key)
        image = re.search(r"attn_1\.(q|k|v|proj_out)\.weight", name)
        tensors[f"first_stage_model.{name}"] = tensor[..., None, None] if image else tensor
    held = made.text_encoder.state_dict()
    second = made.unet.config.use_linear_projection
    if second:
        tensors |= open_clip_tensors(held)
    else:
        place = "cond_stage_model.transformer.text_model."
        tensors |= {f"{place}{key}": tensor for key, tensor in held.items()}
        tensors[f"{place}embeddings.position_ids"] = torch.arange(77)[None]
    tensors["alphas_cumprod"] = torch.zeros(1000)
    tensors["model_ema.decay"] = torch.zeros(())
    tensors = {key: tensor.contiguous().clone() for key, tensor in tensors.items()}
    save_file(tensors, path)
    return tensors


# Places of a U-Net with two levels, of one residual block each.
PLACES = {
    "conv_in": "input_blocks.0.0",
    "down_blocks.0.resnets.0": "input_blocks.1.0",
    "down_blocks.0.attentions.0": "input_blocks.1.1",
    "down_blocks.0.downsamplers.0.conv": "input_blocks.2.0.op",
    "down_blocks.1.resnets.0": "input_blocks.3.0",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
    "up_blocks.0.resnets.0": "output_blocks.0.0",
    "up_blocks.0.resnets.1": "output_blocks.1.0",
    "up_blocks.0.upsamplers.0.conv": "output_blocks.1.1.conv",
    "up_blocks.1.resnets.0": "output_blocks.2.0",
    "up_blocks.1.attentions.0": "output_blocks.2.1",
    "up_blocks.1.resnets.1": "output_blocks.3.0",
    "up_blocks.1.attentions.1": "output_blocks.3.1",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
}
INSIDE = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def old_unet_name(key: str) -> str:
    place = next(place for place in PLACES if key.startswith(f"{place}."))
    rest = key.removeprefix(f"{place}.")
    layer = rest.split(".")[0]
    if ".resnets." in place and layer in INSIDE:
        rest = rest.replace(layer, INSIDE[layer], 1)
    return f"{PLACES[place]}.{rest}"


def old_vae_name(key: str) -> str:
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    for ours, theirs in (("0", "1"), ("1", "0")):  # the decoder counts from the finest level
        key = re.sub(rf"up_blocks\.{ours}\.resnets", f"up.{theirs}.block", key)
        key = re.sub(rf"up_blocks\.{ours}\.upsamplers\.0", f"up.{theirs}.upsample", key)
    for new, old in (
        ("mid_block.resnets.0", "mid.block_1"), ("mid_block.resnets.1", "mid.block_2"),
        ("mid_block.attentions.0", "mid.attn_1"), ("group_norm", "norm"), ("to_q", "q"),
        ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"), ("conv_norm_out", "norm_out"),
        ("conv_shortcut", "nin_shortcut"),
    ):  # fmt: skip
        key = key.replace(new, old)
    return key


def open_clip_tensors(held: dict[str, Tensor]) -> dict[str, Tensor]:
    """A text encoder in open_clip's names, with a last layer that is not used."""
    place = "cond_stage_model.model."
    found = {
        f"{place}token_embedding.weight": held["embeddings.token_embedding.weight"],
        f"{place}positional_embedding": held["embeddings.position_embedding.weight"],
        f"{place}ln_final.weight": held["final_layer_norm.weight"],
        f"{place}ln_final.bias": held["final_layer_norm.bias"],
        f"{place}text_projection": torch.zeros(32, 32),
        f"{place}logit_scale": torch.zeros(()),
    }
    for layer in range(3):
        here = f"encoder.layers.{min(layer, 1)}."
        there = f"{place}transformer.resblocks.{layer}."
        for kind in ("weight", "bias"):
            parts = [held[f"{here}self_attn.{p}_proj.{kind}"] for p in "qkv"]
            found[f"{there}attn.in_proj_{kind}"] = torch.cat(parts)
            for new, old in (
                ("self_attn.out_proj", "attn.out_proj"), ("layer_norm1", "ln_1"),
                ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"),
            ):  # fmt: skip
                found[f"{there}{old}.{kind}"] = held[f"{here}{new}.{kind}"]
    return found
