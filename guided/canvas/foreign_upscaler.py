"""Upscaling networks of other programs, whose architecture spandrel recognises by their weights:
ESRGAN, SwinIR and many more (https://github.com/chaiNNer-org/spandrel).

The weights are read as tensors by this program's reader, never as code.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from guided.compat.open_clip import import_late
from guided.errors import BadInput, shown
from guided.models.weights import read

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

MOST_SCALE = 8
# Names of dictionaries that hold the weights inside a file.
INSIDE = ("params_ema.", "params.", "model.", "net.", "state_dict.")


class ForeignUpscaler(nn.Module):
    """A network with the padding that it needs."""

    def __init__(self, descriptor: ImageModelDescriptor) -> None:
        super().__init__()
        self.network, self.padded = descriptor.model, descriptor

    def forward(self, image: Tensor) -> Tensor:
        """Return (1, 3, scale * H, scale * W) in [0, 1] from (1, 3, H, W) in [0, 1]."""
        return self.padded(image)


def load(path: Path) -> tuple[nn.Module, int]:
    """Return the network of a file of weights, whose architecture spandrel recognises, and its
    factor. Raise BadInput for one that enlarges no RGB picture."""
    import_late()  # declares operators that torchvision may miss
    import spandrel

    tensors = read(path)
    for prefix in INSIDE:
        inside = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        tensors = inside or tensors
    try:
        found = spandrel.ModelLoader("cpu").load_from_state_dict(dict(tensors))
    except spandrel.UnsupportedModelError as error:
        raise BadInput(f"upscaler={path} is of no architecture that spandrel knows") from error
    except (RuntimeError, ValueError, LookupError, TypeError, AssertionError) as error:
        why = shown(str(error).partition("\n")[0])
        raise BadInput(f"upscaler={path} cannot be loaded: {why}") from error
    colours = found.input_channels == found.output_channels == 3
    if not (isinstance(found, spandrel.ImageModelDescriptor) and colours):
        raise BadInput(f"upscaler={path} takes no picture in red, green and blue alone")
    if not 2 <= found.scale <= MOST_SCALE:
        raise BadInput(
            f"upscaler={path} makes a picture {found.scale} times as large; from 2 to "
            f"{MOST_SCALE} can be used"
        )
    return ForeignUpscaler(found), found.scale
