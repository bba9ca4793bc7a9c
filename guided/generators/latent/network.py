"""The networks of a latent diffusion model, by diffusers and transformers.

Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models",
https://arxiv.org/abs/2112.10752
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from guided.compat.open_clip import import_late
from guided.generators.latent.config import END, LENGTH, WORDS, TextShape, UNetShape, VAEShape

CHANNELS = 4  # of latents


class LatentNetworks(nn.Module):
    """U-Net, autoencoder and text encoder. Latents (B, 4, h, w) have a variance of about 1."""

    def __init__(self, unet: UNetShape, vae: VAEShape, text: TextShape) -> None:
        super().__init__()
        import_late()  # declares operators of torchvision, which transformers imports
        self.unet, self.vae, self.text = unet_of(unet), vae_of(vae), text_of(text)
        self.scaling, self.padding = vae.scaling, text.padding

    @property
    def checkpointing(self) -> bool:
        """Whether the backward pass computes activations again instead of keeping them."""
        return self.unet.is_gradient_checkpointing

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        for network in (self.unet, self.vae):
            recompute(network, on)

    def predict(self, x: Tensor, time: float, texts: Tensor) -> Tensor:
        """Return the U-Net's output (B, 4, h, w) for latents x of noise at a timestep and texts
        (B, 77, context), of the type of x."""
        weight = self.unet.conv_in.weight
        t = torch.full((len(x),), time, device=x.device)
        return self.unet(x.to(weight), t, texts.to(weight)).sample.to(x.dtype)

    def encode(self, images: Tensor) -> Tensor:
        """Return the latents of pictures (B, 3, H, W) in [-1, 1]: the mean of what the encoder
        says."""
        return self.vae.encode(images.to(self.dtype)).latent_dist.mode() * self.scaling

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures (B, 3, H, W) of latents, nominally in [-1, 1]."""
        return self.vae.decode(latents.to(self.dtype) / self.scaling).sample

    def read(self, tokens: Tensor) -> Tensor:
        """Return the encoded texts (B, 77, context) of tokens (B, 77)."""
        return self.text(tokens).last_hidden_state

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the autoencoder's weights."""
        return self.vae.decoder.conv_in.weight.dtype


class TinyDecoder(nn.Module):
    """TAESD, a small autoencoder of the same latents: https://github.com/madebyollin/taesd"""

    def __init__(self) -> None:
        super().__init__()
        import_late()
        from diffusers import AutoencoderTiny

        self.net: Any = AutoencoderTiny()

    @property
    def checkpointing(self) -> bool:
        """Whether the backward pass computes activations again instead of keeping them."""
        return self.net.is_gradient_checkpointing

    @checkpointing.setter
    def checkpointing(self, on: bool) -> None:
        recompute(self.net, on)

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures (B, 3, H, W) of latents, nominally in [-1, 1]."""
        return self.net.decode(latents.to(self.net.decoder.layers[0].weight)).sample


def recompute(network: Any, on: bool) -> None:
    """Let the backward pass of a network of diffusers compute activations again, or not."""
    if on:
        network.enable_gradient_checkpointing()
    else:
        network.disable_gradient_checkpointing()


def unet_of(shape: UNetShape) -> Any:
    """Return a UNet2DConditionModel."""
    from diffusers import UNet2DConditionModel

    attends = [level in shape.attention for level in range(len(shape.channels))]
    return UNet2DConditionModel(
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        block_out_channels=tuple(shape.channels),
        layers_per_block=shape.layers,
        down_block_types=tuple("CrossAttnDownBlock2D" if on else "DownBlock2D" for on in attends),
        up_block_types=tuple(
            "CrossAttnUpBlock2D" if on else "UpBlock2D" for on in reversed(attends)
        ),
        cross_attention_dim=shape.context,
        attention_head_dim=tuple(
            shape.heads
        ),  # which is the number of heads, in spite of its name
        use_linear_projection=shape.linear,
    )


def vae_of(shape: VAEShape) -> Any:
    """Return an AutoencoderKL."""
    from diffusers import AutoencoderKL

    levels = len(shape.channels)
    return AutoencoderKL(
        block_out_channels=tuple(shape.channels),
        layers_per_block=shape.layers,
        latent_channels=CHANNELS,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        scaling_factor=shape.scaling,
    )


def text_of(shape: TextShape) -> Any:
    """Return a CLIPTextModel."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=WORDS,
            hidden_size=shape.width,
            intermediate_size=shape.hidden,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            max_position_embeddings=LENGTH,
            hidden_act=shape.activation,
            eos_token_id=END,
        )
    )
