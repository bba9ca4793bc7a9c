"""The settings upscale and upscaler: what they choose, and what they refuse."""

import pytest
import torch
from safetensors.torch import save_file

from guided.canvas import enlarging
from guided.canvas.enlarging import WEIGHTS, check_upscaler, read_upscale, read_upscaler
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput


@pytest.mark.parametrize(
    "value, own, upscales, weights",
    [
        (None, "", False, ""),
        (None, "", True, WEIGHTS),
        (None, "own.safetensors", False, "own.safetensors"),
        (None, "own.safetensors", True, "own.safetensors"),
        ("embedded", "own.safetensors", False, WEIGHTS),
        ("bicubic", "own.safetensors", True, ""),
        ("nets/a.pth", "", False, "./nets/a.pth"),
        ("~/a.pth", "", True, "~/a.pth"),
    ],
)
def test_the_models_own_upscaler_is_used_unless_another_is_chosen(value, own, upscales, weights):
    assert read_upscaler(value, own, upscales) == weights


def test_factors_are_2_and_4():
    assert [read_upscale(value) for value in (None, 2, 4, "guided")] == [None, 2, 4, 2]
    with pytest.raises(BadInput, match="upscale=3 is not one of 2, 4, guided"):
        read_upscale(3)


@pytest.mark.parametrize("text, factor", [("2", 2), ("2.0", 2), ("4.0", 4), ("null", None)])
def test_a_factor_may_be_written_with_a_point(text, factor):
    assert Plan.read(compose(["prompt=a sun", f"upscale={text}"])).upscale == factor


def test_what_cannot_enlarge_is_refused_by_name(tmp_path, monkeypatch):
    with pytest.raises(BadInput, match=r"upscaler=bicubc is not .* did you mean 'bicubic'"):
        read_upscaler("bicubc", "", True)
    with pytest.raises(BadInput, match=r"upscaler=\./none\.pth is not there"):
        check_upscaler("./none.pth")
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"nothing")
    monkeypatch.setattr(enlarging, "find_spec", lambda name: name)  # spandrel is here
    with pytest.raises(BadInput, match=r"^upscaler=.*net\.safetensors") as caught:
        check_upscaler(str(path))
    assert "\n" not in str(caught.value)
    save_file({"a": torch.zeros(1)}, path)
    check_upscaler(str(path))
    monkeypatch.setattr(enlarging, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install spandrel"):
        check_upscaler(str(path))
