"""Sinusoids of the time, which networks hear it by.

Vaswani et al. 2017, section 3.5, https://arxiv.org/abs/1706.03762
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def timestep_embedding(timesteps: Tensor, dim: int, ddpm: bool = False) -> Tensor:
    """Return sinusoids of timesteps (B,), cosines first: (B, dim), float32. With `ddpm` sines are
    first, and the lowest frequency is 1 / 10000, as in https://arxiv.org/abs/2006.11239"""
    half = dim // 2
    # Rounded in this order, as in training: angles go up to 1000, where a float32 is coarse.
    exponent = -math.log(10000) * torch.arange(half, dtype=torch.float32) / (half - ddpm)
    angles = timesteps[:, None].float() * torch.exp(exponent).to(timesteps.device)[None]
    parts = angles.cos(), angles.sin()
    embedding = torch.cat(parts[::-1] if ddpm else parts, dim=-1)
    return F.pad(embedding, (0, dim % 2))
