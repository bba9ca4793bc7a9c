"""Names of tensors in published files, read by diffusers' names."""

from __future__ import annotations

import torch
from guided_diffusion.unet import UNetModel

from guided.generators.latent.config import TextShape, UNetShape, VAEShape
from guided.generators.latent.names import text_names, unet_names, vae_names
from guided.generators.latent.network import text_of, unet_of, vae_of

LAYERS = ("attn.out_proj", "ln_1", "ln_2", "mlp.c_fc", "mlp.c_proj")  # of open_clip's texts
# What latent-diffusion has in the place of guided-diffusion's queries, keys and values.
INSIDE = [f"proj_in.{kind}" for kind in ("weight", "bias")]
INSIDE += [
    f"transformer_blocks.0.norm{k}.{kind}" for k in (1, 2, 3) for kind in ("weight", "bias")
]
INSIDE += [
    f"transformer_blocks.0.attn{k}.{part}"
    for k in (1, 2)
    for part in ("to_q.weight", "to_k.weight", "to_v.weight", "to_out.0.weight", "to_out.0.bias")
]
INSIDE += [
    f"transformer_blocks.0.ff.net.{part}.{kind}"
    for part in ("0.proj", "2")
    for kind in ("weight", "bias")
]


def test_the_unet_of_a_single_file_has_guided_diffusions_blocks_and_shapes() -> None:
    """Stable Diffusion's U-Net is guided-diffusion's, with transformers in place of attention."""
    with torch.device("meta"):
        ours = unet_of(UNetShape()).state_dict()
        theirs = UNetModel(
            image_size=64, in_channels=4, model_channels=320, out_channels=4, num_res_blocks=2,
            attention_resolutions=[4, 2, 1], channel_mult=(1, 2, 4, 4), num_heads=8,
        ).state_dict()  # fmt: skip
    shapes = {key: tensor.shape for key, tensor in theirs.items() if ".qkv." not in key}
    for key in [key for key in theirs if key.endswith(".qkv.weight")]:
        shapes |= dict.fromkeys(key.replace("qkv.weight", name) for name in INSIDE)
    found = unet_names([f"model.diffusion_model.{key}" for key in shapes], ours)
    assert found.keys() == ours.keys() and len(set(found.values())) == 686
    for name, key in found.items():
        expected = shapes[key.removeprefix("model.diffusion_model.")]
        if "attentions" not in name:
            assert ours[name].shape == expected, name


def test_the_published_names_of_the_autoencoder_are_read() -> None:
    with torch.device("meta"):
        ours = vae_of(VAEShape()).state_dict()
    found = vae_names([f"first_stage_model.{name}" for name in (
        "encoder.down.1.block.0.nin_shortcut.weight", "encoder.down.2.downsample.conv.bias",
        "encoder.mid.attn_1.q.weight", "decoder.up.3.block.2.conv1.weight",
        "decoder.up.0.block.0.nin_shortcut.bias", "decoder.up.3.upsample.conv.weight",
        "decoder.mid.attn_1.proj_out.bias", "decoder.norm_out.weight", "quant_conv.weight",
        "loss.logvar",
    )] + ["model.diffusion_model.out.2.bias"])  # fmt: skip
    assert list(found) == [
        "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
        "encoder.down_blocks.2.downsamplers.0.conv.bias",
        "encoder.mid_block.attentions.0.to_q.weight",
        "decoder.up_blocks.0.resnets.2.conv1.weight",
        "decoder.up_blocks.3.resnets.0.conv_shortcut.bias",
        "decoder.up_blocks.0.upsamplers.0.conv.weight",
        "decoder.mid_block.attentions.0.to_out.0.bias",
        "decoder.conv_norm_out.weight",
        "quant_conv.weight",
    ]
    assert found.keys() <= ours.keys()


def test_attention_has_todays_names_and_those_before_2023() -> None:
    old = [f"decoder.mid_block.attentions.0.{name}.weight" for name in ("query", "proj_attn")]
    new = [f"decoder.mid_block.attentions.0.{name}.weight" for name in ("to_q", "to_out.0")]
    assert list(vae_names(old)) == list(vae_names(new)) == new


def test_text_encoders_are_those_of_transformers_or_open_clip() -> None:
    with torch.device("meta"):
        ours = set(text_of(TextShape(layers=2)).state_dict())
    folder = {f"text_model.{name}" for name in ours} | {"text_model.embeddings.position_ids"}
    assert text_names(folder).keys() == ours
    single = {f"cond_stage_model.transformer.{name}" for name in folder} | {
        "model.diffusion_model.out.2.bias"
    }
    assert text_names(single).keys() == ours
    place = "cond_stage_model.model."
    names = ["token_embedding.weight", "positional_embedding", "text_projection", "logit_scale"]
    names += [f"ln_final.{kind}" for kind in ("weight", "bias")]
    names += [
        f"transformer.resblocks.{layer}.{part}"
        for layer in range(3)  # of which the last is not used
        for part in ("attn.in_proj_weight", "attn.in_proj_bias", *(
            f"{name}.{kind}" for name in LAYERS
            for kind in ("weight", "bias")
        ))
    ]  # fmt: skip
    found = text_names([place + name for name in names] + ["model.diffusion_model.out.2.bias"])
    assert found.keys() == ours
    joint = f"{place}transformer.resblocks.1.attn.in_proj_weight"
    assert found["encoder.layers.1.self_attn.k_proj.weight"] == (joint, 1)
