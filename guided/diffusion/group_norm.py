"""Group normalisation for frozen networks in the channels-last memory format.

Wu and He, "Group Normalization", 2018, https://arxiv.org/abs/1803.08494
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from guided import devices

SAMPLES = 8  # rows and columns of pixels that a group's mean is estimated from
LARGE = 2**17  # values of an image from which on passes over memory dominate the time


class GroupNorm(nn.GroupNorm):
    """Group normalisation of (B, C, H, W) or (B, C, L), as torch's except for channels-last
    images on a CPU.

    There torch computes the variance as the mean of squares minus the square of the mean, which
    loses precision where the mean is large, and its backward pass takes ten times as long as the
    forward pass. Large images of frozen networks take `CentredGroupNorm`; small images, and those
    of networks in training, are copied to the contiguous format first."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalised x, of the same shape."""
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        if last and x.dtype == torch.float32 and devices.on_cpu(x):
            frozen = not (self.weight.requires_grad or self.bias.requires_grad)
            if frozen and x.numel() >= LARGE * len(x):
                return CentredGroupNorm.apply(x, self.num_groups, self.weight, self.bias, self.eps)
            x = x.contiguous()
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class CentredGroupNorm(torch.autograd.Function):
    """Torch's group normalisation of x minus an estimate of each group's mean, which changes
    rounding only; and the gradient with respect to x, in whole passes over the image."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float
    ) -> Tensor:
        b, c, h, w = x.shape
        x = x - estimated_mean(x, groups)
        out, mean, rstd = torch.native_group_norm(x, weight, bias, b, c, h * w, groups, eps)
        ctx.save_for_backward(x, weight, mean, rstd)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient with respect to x, rstd * (g - mean(g) - n * mean(g * n)), with
        n = (x - mean) * rstd, g = weight * grad and means over a group."""
        x, weight, mean, rstd = ctx.saved_tensors
        groups = mean.shape[1]
        mean_grad = group_mean(grad.mean((2, 3)) * weight, groups)
        mean_product = group_mean((grad * x).mean((2, 3)) * weight, groups) - mean * mean_grad
        slope = -mean_product * rstd**3
        offset = -mean_grad * rstd - mean * slope
        c = len(weight)
        out = torch.addcmul(per_channel(offset, c), x, per_channel(slope, c))
        factor = per_channel(rstd, c) * per_channel(weight[None], c)
        return out.addcmul_(grad, factor), None, None, None, None


def estimated_mean(x: Tensor, groups: int) -> Tensor:
    """Return the mean of each group over a grid of pixels, (B, C, 1, 1)."""
    rows, columns = (max(1, side // SAMPLES) for side in x.shape[2:])
    sampled = x[:, :, ::rows, ::columns].mean((2, 3))
    return per_channel(group_mean(sampled, groups), x.shape[1])


def group_mean(each: Tensor, groups: int) -> Tensor:
    """Return the mean over each group's channels: (B, C) -> (B, groups)."""
    return each.unflatten(1, (groups, -1)).mean(2)


def per_channel(each: Tensor, channels: int) -> Tensor:
    """Repeat each group's value for its channels: (B, groups) -> (B, C, 1, 1)."""
    return each.repeat_interleave(channels // each.shape[1], dim=1)[:, :, None, None]
