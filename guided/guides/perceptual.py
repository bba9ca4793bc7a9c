"""LPIPS, from the package of its authors. Knows nothing about guides; see likeness.py."""

import warnings
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from guided.clip import import_past_missing_operators


@lru_cache(maxsize=1)
def perceptual(device: torch.device, trained: bool = True) -> Callable[[Tensor, Tensor], Tensor]:
    """A distance of images in [-1, 1], (B, 3, H, W), (1, 3, H, W) -> (B,); kept from image to
    image of a run. Without `trained`, a random network in VGG's place, for tests."""
    lpips = import_past_missing_operators("lpips")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchvision's, of arguments that lpips still uses
        net = lpips.LPIPS(net="vgg", verbose=False, pnet_rand=not trained)
    net = net.requires_grad_(False).eval().to(device)

    def distance(image: Tensor, init: Tensor) -> Tensor:
        return net(image.float(), init.float()).flatten()

    return distance
