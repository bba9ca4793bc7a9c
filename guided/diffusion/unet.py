"""The U-Net of ablated diffusion models (ADM).

Its state-dict keys are those of OpenAI's guided-diffusion, so that every checkpoint of that family
loads with `strict=True`. Two switches are this project's own: `patch`, and `dense`, with which the
network predicts x0 by refining an initial estimate. With `ddpm` it computes as the networks of Ho,
Jain and Abbeel 2020 do, https://arxiv.org/abs/2006.11239

Dhariwal and Nichol, "Diffusion Models Beat GANs on Image Synthesis", 2021,
https://arxiv.org/abs/2105.05233
"""

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle
from torch.utils.checkpoint import checkpoint

from guided.diffusion.circular import Conv2d, padded
from guided.diffusion.first_guess import WAVES, Dense
from guided.diffusion.group_norm import GroupNorm
from guided.diffusion.timestep_embedding import timestep_embedding
from guided.diffusion.unet_config import UNetConfig

Module = TypeVar("Module", bound=nn.Module)


class UNet(nn.Module):
    """A U-Net: noisy images (B, 3, H, W), timesteps (B,) in 0..1000 -> (B, 3 or 6, H, W)."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        wide = config.num_channels * 4
        self.time_embed = nn.Sequential(
            nn.Linear(config.num_channels, wide), nn.SiLU(), nn.Linear(wide, wide)
        )
        if config.num_classes:
            self.label_emb = nn.Embedding(config.num_classes, wide)

        if config.dense:
            self.dense = Dense(config.image_size, config.dense, config.hidden)
            self.clear = zero(nn.Linear(WAVES, 1))  # share of the noisy image in the base

        first = ch = config.channels(0)
        self.input_blocks = nn.ModuleList([Block(Conv2d(config.in_channels, ch, 3, padding=1))])
        skips = [ch]
        last = len(config.multipliers) - 1
        for level in range(last + 1):
            for _ in range(config.num_res_blocks):
                block, ch = self._block(level, ch), config.channels(level)
                self.input_blocks.append(block)
                skips.append(ch)
            if level != last:
                down = (
                    self._res(ch, ch, "down") if config.resblock_updown else Downsample(ch, config)
                )
                self.input_blocks.append(Block(down))
                skips.append(ch)

        middle = self._res(ch, ch), Attention(ch, config), self._res(ch, ch)
        self.middle_block = Block(*middle)

        self.output_blocks = nn.ModuleList()
        for level in range(last, -1, -1):
            for i in range(config.num_res_blocks + 1):
                block, ch = self._block(level, ch + skips.pop()), config.channels(level)
                if level and i == config.num_res_blocks:
                    up = self._res(ch, ch, "up") if config.resblock_updown else Upsample(ch)
                    block.append(up)
                self.output_blocks.append(block)

        final = zero(Conv2d(first, config.out_channels, 3, padding=1))
        self.out = nn.Sequential(norm(ch, config), nn.SiLU(), final)

    def _res(self, before: int, after: int, resample: str = "") -> "ResBlock":
        """Return a residual block from `before` to `after` channels."""
        return ResBlock(before, after, self.config, resample)

    def _block(self, level: int, before: int) -> "Block":
        """Return a residual block, with attention where the level has it."""
        after = self.config.channels(level)
        layers: list[nn.Module] = [self._res(before, after)]
        if self.config.attends(level):
            layers.append(Attention(after, self.config))
        return Block(*layers)

    def set_precision(self, dtype: torch.dtype) -> "UNet":
        """Run the blocks in `dtype`. Time embedding, fully connected layers and last layer stay in
        float32, where rounding would be visible; they are in float64 if `dtype` is."""
        self.to(torch.float64 if dtype == torch.float64 else torch.float32)
        for part in (self.input_blocks, self.middle_block, self.output_blocks):
            part.to(dtype)
        # torch's type stubs lack this form of `to`.
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, x: Tensor, timesteps: Tensor, y: Tensor | None = None) -> Tensor:
        """Return (B, 3 or 6, H, W) for x (B, 3, H, W), timesteps (B,), possibly fractional, and
        class labels y (B,) if the network has classes; H and W are multiples of
        `config.divisor`."""
        edge = dtype_of(self.time_embed)
        waves = timestep_embedding(timesteps, self.config.num_channels, self.config.ddpm)
        emb = self.time_embed(waves.to(edge))
        if self.config.num_classes:
            if y is None:
                raise ValueError("this network is class-conditional: it needs labels y")
            emb = emb + self.label_emb(y)

        x = x.to(edge)
        emb = F.silu(emb)  # every residual block begins with this; done once
        if not self.config.dense:
            return self._convolutions(x, emb)
        waves = timestep_embedding(timesteps, WAVES).to(edge)
        estimate = self.dense(x, waves).to(edge)
        if self.training:  # the fully connected layers have a loss of their own
            estimate = estimate.detach()
        clear = torch.sigmoid(self.clear(waves))
        base = estimate + clear.to(edge).view(-1, 1, 1, 1) * (x - estimate)
        return base + self._convolutions(torch.cat([x, estimate], dim=1), emb)

    def first_guess(self, x: Tensor, timesteps: Tensor) -> Tensor:
        """Return the clean image estimated by the fully connected layers, (B, 3, H, W)."""
        edge = dtype_of(self.clear)
        return self.dense(x.to(edge), timestep_embedding(timesteps, WAVES).to(edge))

    def _convolutions(self, h: Tensor, emb: Tensor) -> Tensor:
        """Return the output of the U-Net's blocks, (B, 3 or 6, H, W), for h (B, 3 or 6, H, W)."""
        edge, dtype = h.dtype, dtype_of(self.input_blocks)
        patch = self.config.patch
        h = pixel_unshuffle(h, patch) if patch > 1 else h
        h = h.to(dtype, memory_format=torch.channels_last)
        emb = emb.to(dtype)
        skips = []
        for block in self.input_blocks:
            h = self._run(block, h, emb)
            skips.append(h)
        h = self._run(self.middle_block, h, emb)
        for block in self.output_blocks:
            h = self._run(block, torch.cat([h, skips.pop()], dim=1), emb)
        out = self.out(h.to(edge))
        return pixel_shuffle(out, patch) if patch > 1 else out

    def _run(self, block: nn.Module, h: Tensor, emb: Tensor) -> Tensor:
        """Run a block, with gradient checkpointing if it is on."""
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, h, emb, use_reentrant=False)
        return block(h, emb)


class Block(nn.Sequential):
    """Layers in sequence, of which residual blocks also take the time embedding."""

    # nn.Sequential's own takes one input.
    def forward(self, h: Tensor, emb: Tensor) -> Tensor:  # type: ignore[override]
        for layer in self:
            h = layer(h, emb) if isinstance(layer, ResBlock) else layer(h)
        return h


class ResBlock(nn.Module):
    """Two convolutions modulated by the time embedding, with a skip; may halve or double size."""

    def __init__(self, before: int, after: int, config: UNetConfig, resample: str = "") -> None:
        super().__init__()
        self.resample = resample
        self.scale_shift = config.use_scale_shift_norm
        self.in_layers = nn.Sequential(
            norm(before, config), nn.SiLU(), Conv2d(before, after, 3, padding=1)
        )
        wide = config.num_channels * 4
        self.emb_layers = nn.Sequential(
            nn.Identity(),  # the shared SiLU; the slot keeps the checkpoint's key `emb_layers.1`
            nn.Linear(wide, after * (2 if self.scale_shift else 1)),
        )
        self.out_layers = nn.Sequential(
            norm(after, config),
            nn.SiLU(),
            nn.Dropout(config.dropout),
            zero(Conv2d(after, after, 3, padding=1)),
        )
        self.skip_connection = nn.Identity() if before == after else Conv2d(before, after, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.in_layers[1](self.in_layers[0](x))
        h, x = self._resize(h), self._resize(x)
        h = self.in_layers[2](h)
        shift = self.emb_layers(emb)[:, :, None, None]
        if self.scale_shift:
            scale, shift = shift.chunk(2, dim=1)
            h = torch.addcmul(shift, self.out_layers[0](h), 1 + scale)
        else:
            h = self.out_layers[0](h + shift)
        h = self.out_layers[3](self.out_layers[2](self.out_layers[1](h)))
        return self.skip_connection(x) + h

    def _resize(self, h: Tensor) -> Tensor:
        if self.resample == "down":
            return F.avg_pool2d(h, 2)
        if self.resample == "up":
            return F.interpolate(h, scale_factor=2, mode="nearest")
        return h


class Attention(nn.Module):
    """Self-attention over all positions, with a skip."""

    def __init__(self, channels: int, config: UNetConfig) -> None:
        super().__init__()
        per_head = config.num_head_channels
        self.heads = channels // per_head if per_head > 0 else config.num_heads
        if channels % (per_head if per_head > 0 else self.heads):
            raise ValueError(f"{channels} channels do not divide into attention heads")
        self.heads_first = not config.use_new_attention_order
        self.norm = norm(channels, config)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zero(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # (B, HW, C): a view in channels_last
        qkv = F.linear(tokens, self.qkv.weight[:, :, 0], self.qkv.bias)
        if self.heads_first:
            q, k, v = qkv.view(b, h * w, self.heads, 3, -1).unbind(3)
        else:
            q, k, v = qkv.view(b, h * w, 3, self.heads, -1).unbind(2)
        q, k, v = (z.transpose(1, 2) for z in (q, k, v))
        seen = F.scaled_dot_product_attention(q, k, v)
        seen = seen.transpose(1, 2).reshape(b, h * w, c)
        out = F.linear(seen, self.proj_out.weight[:, :, 0], self.proj_out.bias)
        return x + out.transpose(1, 2).reshape(b, c, h, w)


class Downsample(nn.Module):
    """Half the size, by a strided convolution; with `ddpm` padded at the right and at the bottom
    alone."""

    def __init__(self, channels: int, config: UNetConfig) -> None:
        super().__init__()
        self.ddpm = config.ddpm
        self.op = Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        if not self.ddpm:
            return self.op(x)
        x = padded(x, 1, 1, self.op.rings)[:, :, 1:, 1:]
        return F.conv2d(x, self.op.weight, self.op.bias, stride=2)


class Upsample(nn.Module):
    """Twice the size: nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


def dtype_of(module: nn.Module) -> torch.dtype:
    """Return the format of a module's parameters, which all have the same."""
    return next(module.parameters()).dtype


def norm(channels: int, config: UNetConfig) -> GroupNorm:
    """Return a group normalisation with 32 groups."""
    return GroupNorm(32, channels, config.epsilon)


def zero(module: Module) -> Module:
    """Set the module's parameters to zero, so that a residual branch starts as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module
