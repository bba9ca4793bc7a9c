"""LPIPS, from the package of its authors. Knows nothing about guides; see likeness.py."""

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
    """A distance of images in [-1, 1], (B, 3, H, W), (1, 3, H, W) -> (B,); kept from image to
    image of a run. `vgg16` is torchvision's file; BadInput when it is another."""
    lpips = import_past_missing_operators("lpips")
    with warnings.catch_warnings(), torch.device("meta"):
        warnings.simplefilter("ignore")  # torchvision's, of arguments that lpips still uses
        # It would fetch the trunk by itself and may unpickle both files: read them in its place.
        net = lpips.LPIPS(net="vgg", verbose=False, pretrained=False, pnet_rand=True)
    net.scaling_layer = lpips.ScalingLayer()  # constants, which no file has
    put(net.net, trunk(read(vgg16)), vgg16)
    linear = Path(lpips.__file__).parent / "weights" / "v0.1" / "vgg.pth"
    tensors = read(linear)
    for k, layer in enumerate(net.lins):
        name = f"lin{k}."
        mine = {n.removeprefix(name): t for n, t in tensors.items() if n.startswith(name)}
        put(layer, mine, linear)
    net = net.requires_grad_(False).eval().to(device)

    def distance(image: Tensor, init: Tensor) -> Tensor:
        return net(image.float(), init.float()).flatten()

    return distance


def trunk(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """torchvision's convolutions by the names of lpips: the layers `features.0` and on, cut
    behind the last ReLU before each pooling into `slice1` to `slice5`."""
    ends = (4, 9, 16, 23, 30)
    found = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        layer, _, kind = rest.partition(".")
        if part == "features" and layer.isdigit():
            piece = 1 + sum(int(layer) >= end for end in ends)
            found[f"slice{piece}.{layer}.{kind}"] = tensor
    return found


def put(module: torch.nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """BadInput when they do not fit."""
    check(module.state_dict(), tensors, path)
    module.load_state_dict(tensors, assign=True)
