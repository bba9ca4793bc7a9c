"""Sinusoids of the time, which networks hear it by.

Vaswani et al. 2017, section 3.5, https://arxiv.org/abs/1706.03762
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """Return sinusoids of timesteps (B,), cosines first: (B, dim), float32."""
    half = dim // 2
    # Rounded in this order, as in training: angles go up to 1000, where a float32 is coarse.
    exponent = -math.log(10000) * torch.arange(half, dtype=torch.float32) / half
    angles = timesteps[:, None].float() * torch.exp(exponent).to(timesteps.device)[None]
    embedding = torch.cat([angles.cos(), angles.sin()], dim=-1)
    return F.pad(embedding, (0, dim % 2))
