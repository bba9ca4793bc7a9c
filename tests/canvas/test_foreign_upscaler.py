"""Upscaling networks of other programs: recognised in the files that they come in."""

from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import save_file

from guided.canvas.foreign_upscaler import load
from guided.canvas.upscale import Enlarger
from guided.compat.open_clip import import_late
from guided.errors import BadInput

if find_spec("spandrel") is None:
    pytest.skip("spandrel is not here", allow_module_level=True)


def network(scale: int) -> torch.nn.Module:
    """A small Real-ESRGAN of the architecture Compact, with random weights."""
    import_late()
    from spandrel.architectures.Compact import Compact

    torch.manual_seed(1)
    return Compact(num_feat=8, num_conv=2, upscale=scale).eval()


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("wrapped", ["", "params", "params_ema"])
def test_the_network_in_a_file_enlarges(tmp_path, scale, wrapped):
    net, path = network(scale), tmp_path / "net.pth"
    torch.save({wrapped: net.state_dict()} if wrapped else net.state_dict(), path)
    image = torch.rand(1, 3, 6, 9)
    with torch.no_grad():
        expected = net(image).clamp(0, 1)
    enlarger = Enlarger.load(str(path), torch.device("cpu"))
    assert enlarger.scale == scale
    torch.testing.assert_close(enlarger(image, scale), expected)
    assert enlarger(image, 8).shape == (1, 3, 48, 72)


def test_safetensors_are_read_too(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file(network(2).state_dict(), path)
    assert load(path)[1] == 2


@pytest.mark.parametrize(
    "weights, words",
    [
        ({"a": torch.zeros(1)}, "is of no architecture that spandrel knows"),
        (network(1).state_dict(), "1 times as large; from 2 to 8 can be used"),
    ],
)
def test_what_does_not_enlarge_is_refused_by_name(tmp_path, weights, words):
    path = tmp_path / "net.safetensors"
    save_file(weights, path)
    with pytest.raises(BadInput, match=words) as caught:
        load(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_code_in_a_file_is_not_run(tmp_path):
    class Program:
        def __reduce__(self):
            return (print, ("run",))

    path = tmp_path / "net.pth"
    torch.save({"params": Program()}, path)
    with pytest.raises(BadInput):
        load(path)
