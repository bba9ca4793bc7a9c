"""Group normalisation of a frozen network whose images lie in memory with channels last.

Wu and He, "Group Normalization", 2018, https://arxiv.org/abs/1803.08494
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

SAMPLES = 8  # rows and columns of pixels that tell about where a group's numbers lie
LARGE = 2**17  # numbers of an image from which on whole passes over it are what costs


class GroupNorm(nn.GroupNorm):
    """(B, C, H, W) or (B, C, L) -> the same. As torch's, but for images with channels last on a
    CPU: there torch's variance is the mean of the squares less the square of the mean, of which
    little is left where the mean is large, and its way back takes ten times as long as its way
    there. Small ones, which costs next to nothing, and those of networks that learn are turned
    around for it."""

    def forward(self, x: Tensor) -> Tensor:
        last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
        if last and x.dtype == torch.float32 and on_cpu(x):
            frozen = not (self.weight.requires_grad or self.bias.requires_grad)
            if frozen and x.numel() >= LARGE * len(x):
                return Levelled.apply(x, self.num_groups, self.weight, self.bias, self.eps)
            x = x.contiguous()
        return F.group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


def on_cpu(x: Tensor) -> bool:
    """The memory plan, whose tensors lie nowhere, puts another in its place."""
    return x.device.type == "cpu"


class Levelled(torch.autograd.Function):
    """Torch's, of numbers from which about their mean was taken, which changes nothing but the
    rounding; and the gradient with respect to x, in whole passes over the image."""

    @staticmethod
    def forward(ctx, x: Tensor, groups: int, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
        b, c, h, w = x.shape
        x = x - level(x, groups)
        out, mean, rstd = torch.native_group_norm(x, weight, bias, b, c, h * w, groups, eps)
        ctx.save_for_backward(x, weight, mean, rstd)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        """With n = (x - mean) * rstd and g = weight * grad, averages going over a group:
        rstd * (g - average(g) - n * average(g * n))."""
        x, weight, mean, rstd = ctx.saved_tensors
        groups = mean.shape[1]
        plain = average(grad.mean((2, 3)) * weight, groups)
        tilted = average((grad * x).mean((2, 3)) * weight, groups) - mean * plain
        slope = -tilted * rstd**3
        offset = -plain * rstd - mean * slope
        c = len(weight)
        out = torch.addcmul(wide(offset, c), x, wide(slope, c))
        return out.addcmul_(grad, wide(rstd, c) * wide(weight[None], c)), None, None, None, None


def level(x: Tensor, groups: int) -> Tensor:
    """Of some pixels all over the image, the mean of each group, (B, C, 1, 1)."""
    rows, columns = (max(1, side // SAMPLES) for side in x.shape[2:])
    some = x[:, :, ::rows, ::columns].mean((2, 3))
    return wide(average(some, groups), x.shape[1])


def average(each: Tensor, groups: int) -> Tensor:
    """(B, C) -> (B, groups)."""
    return each.unflatten(1, (groups, -1)).mean(2)


def wide(each: Tensor, channels: int) -> Tensor:
    """(B, groups) -> (B, C, 1, 1)."""
    return each.repeat_interleave(channels // each.shape[1], dim=1)[:, :, None, None]
