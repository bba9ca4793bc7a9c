"""generator=stylegan in a configuration: chosen with its model, and what it refuses."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file

import guided
from guided.config.messages import words_for
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.generators.stylegan.network import StyleGAN2
from guided.generators.stylegan.settings import Stylegan
from tests.composing import composed
from tests.doubles import randomised
from tests.generators.stylegan.test_card import SMALL


@pytest.fixture
def model(tmp_path) -> str:
    """The words that choose a network of random weights."""
    net = randomised(StyleGAN2(SMALL), seed=3)
    save_file(net.state_dict(), tmp_path / "own.safetensors")
    return f"model={tmp_path / 'own.safetensors'}"


def plan(*words: str) -> Plan:
    return Plan.read(composed(words_for("a red heart", list(words), {})))


def test_a_file_of_its_own_chooses_it(model: str) -> None:
    read = plan(model)
    assert isinstance(read.generator, Stylegan)
    assert (read.size, read.steps, read.drawn_with) == ((16, 16), 200, "own")
    assert plan(model, "look=fine").steps == 400


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["size=32"], r"^size=\[32, 32\]: own draws 16x16 only; the nearest is size=\[16,16\]"),
        (["generator=diffusion"], "^model=own is for generator=stylegan, not for generator=diff"),
        (["tile=both"], "^tile=both: with generator=stylegan opposite edges do not meet"),
        (["init=perlin"], "^init=perlin: generator=stylegan begins with latents at random"),
        (["upscale=guided"], "^upscale=guided needs generator=diffusion"),
        (["generator.space=z"], "^generator.space=z is not one of w, w+"),
        (["generator.candidates=0"], "^generator.candidates=0"),
        (["generator.rate=-1"], "^generator.rate=-1"),
        (["generator.truncation=9"], "^generator.truncation=9"),
        (["generator.clamp=1"], "^'generator.clamp' is not a setting|^generator.clamp is not"),
    ],
)
def test_what_it_cannot_do_is_refused_in_one_line(model: str, words: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        plan(model, *words)


def test_a_model_of_diffusion_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^model=embedded is for generator=diffusion"):
        plan("generator=stylegan", "model=embedded")


class Persistent:
    """As NVIDIA's networks are pickled: by a function of theirs, which runs code."""

    def __reduce__(self) -> tuple:
        return _reconstruct_persistent_obj, ({"module_src": "print('run')"},)


def _reconstruct_persistent_obj(meta: dict) -> None:
    raise AssertionError("it was opened")


_reconstruct_persistent_obj.__module__ = "torch_utils.persistence"


@pytest.mark.parametrize("protocol", [3, 4])
def test_nvidias_pickles_are_refused_with_the_reason_and_the_way(tmp_path, protocol) -> None:
    import sys
    from types import ModuleType

    module = ModuleType("torch_utils.persistence")
    module._reconstruct_persistent_obj = _reconstruct_persistent_obj  # type: ignore[attr-defined]
    sys.modules |= {"torch_utils": ModuleType("torch_utils"), "torch_utils.persistence": module}
    try:
        content = pickle.dumps({"G_ema": Persistent()}, protocol)
    finally:
        del sys.modules["torch_utils"], sys.modules["torch_utils.persistence"]
    (tmp_path / "ffhq.pkl").write_bytes(content)
    with pytest.raises(BadInput, match=r"runs code when it is opened.*docs/models.md#stylegan2"):
        plan(f"model={tmp_path / 'ffhq.pkl'}")


def test_frames_of_a_short_run(model: str) -> None:
    """The whole way, with the embedded CLIPs."""
    words = [model, "steps=2", "seed=1", "cutouts.augment=false", "generator.candidates=2"]
    frames = list(guided.frames("a red heart", *words))
    assert [frame.step for frame in frames] == [1, 2]
    assert frames[-1].image.shape == (1, 3, 16, 16) and frames[-1].image.isfinite().all()
    assert frames[-1].last and frames[0].state is not None
    assert not torch.equal(frames[0].image, frames[1].image)
