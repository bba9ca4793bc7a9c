"""LPIPS, the learned perceptual distance of two images, by its authors' package.

d(x, y) is the sum over five layers of VGG16 of the spatial mean of w . (f(x) - f(y))^2, where f
are features normalised to unit length at each position and w >= 0 are weights per channel, fitted
to human judgements of similarity.

Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a
Perceptual Metric", 2018, https://arxiv.org/abs/1801.03924
"""

import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from guided.compat.open_clip import import_past_missing_operators
from guided.models.load import check
from guided.models.weights import read


@lru_cache(maxsize=1)
def perceptual(vgg16: Path, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Return LPIPS as a function of images in [-1, 1]: (B, 3, H, W), (1, 3, H, W) -> (B,).

    `vgg16` is torchvision's file of weights; raise BadInput if it is another. The result is
    cached, for the images of a run."""
    lpips = import_past_missing_operators("lpips")
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # torchvision's, about deprecated arguments
        # By itself it would download VGG16 and may unpickle both files.
        net = lpips.LPIPS(net="vgg", verbose=False, pretrained=False, pnet_rand=True)
    net.scaling_layer = lpips.ScalingLayer()  # constants, which no file has
    load_into(net.net, renamed(read(vgg16)), vgg16)
    linear = Path(str(lpips.__file__)).parent / "weights" / "v0.1" / "vgg.pth"
    tensors = read(linear)
    for k, layer in enumerate(net.lins):
        prefix = f"lin{k}."
        own = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        load_into(layer, own, linear)
    net = net.requires_grad_(False).eval().to(device)

    def distance(image: Tensor, init: Tensor) -> Tensor:
        return net(image.float(), init.float()).flatten()

    return distance


def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return torchvision's convolutions under the names of lpips, which divides the layers
    `features.0` and on after the last ReLU before each pooling into `slice1` to `slice5`."""
    ends = (4, 9, 16, 23, 30)
    convolutions = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        layer, _, kind = rest.partition(".")
        if part == "features" and layer.isdigit():
            number = 1 + sum(int(layer) >= end for end in ends)
            convolutions[f"slice{number}.{layer}.{kind}"] = tensor
    return convolutions


def load_into(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Assign the weights of a file to a module. Raise BadInput if they do not fit."""
    check(module.state_dict(), tensors, path)
    module.load_state_dict(tensors, assign=True)
