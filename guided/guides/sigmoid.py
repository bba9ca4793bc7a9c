"""The distance that fits a CLIP of the SigLIP kind: each pair of picture and text is judged alone,
as matching or not, by a logistic with a scale and bias of the model's own.

Knows nothing about views or guidance.

Zhai et al., "Sigmoid Loss for Language Image Pre-Training", 2023, https://arxiv.org/abs/2303.15343
"""

import torch.nn.functional as F
from torch import Tensor


def mismatch(cosines: Tensor, weights: Tensor, scale: float, bias: float) -> Tensor:
    """cosines (N, P) of views and prompts, weights (P,) -> (N,): the weighted surprise of a model
    that expects each pair to match, or not to match where the weight is negative.

    Divided by the scale, so that its slope against a cosine is at most the weight, about as steep
    as the spherical distance of other CLIPs; it fades where the model is already convinced."""
    logits = scale * cosines + bias
    return F.softplus(-weights.sign() * logits) @ weights.abs() / scale
