"""Classifier-free guidance, and when pictures are decoded."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from guided.generators.latent.denoiser import LatentDenoiser, LatentTarget
from guided.generators.latent.noise import latent_timeline
from guided.generators.latent.text import EncodedTexts
from guided.prompts.prompt import Prompt
from guided.schedule import schedule

LINE = latent_timeline(10)
TEXTS = EncodedTexts([Prompt("castle")], {"": torch.zeros(1, 1, 1), "castle": torch.ones(1, 1, 1)})


class Linear:
    """A network that takes a share of x for noise, and adds the text."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict(self, x: Tensor, time: float, texts: Tensor) -> Tensor:
        self.calls.append(len(x))
        return 0.5 * x + texts[:, :, :, None] + time / 1000


def denoiser(cfg: object, network: Linear, prediction: str = "eps") -> LatentDenoiser:
    return LatentDenoiser(network, LINE, prediction, [TEXTS, TEXTS], schedule("cfg", cfg))


@pytest.mark.parametrize("cfg", [0, 1, 2.5, {"linear": [[0, 8], [1, 2]]}])
@pytest.mark.parametrize("prediction", ["eps", "v"])
def test_guidance_is_the_formula_of_ho_and_salimans(cfg, prediction) -> None:
    x, i = torch.randn(2, 4, 3, 3), 6
    alpha, sigma = LINE.scales(i)
    share = schedule("cfg", cfg)(LINE.progress(i))
    out = 0.5 * x + LINE.times[i] / 1000 + share  # text 0 and text 1
    expected = (x - sigma * out) / alpha if prediction == "eps" else alpha * x - sigma * out
    made = denoiser(cfg, Linear(), prediction)(x, i)
    assert torch.allclose(made.guided, expected, atol=1e-5)


def test_without_guidance_an_image_takes_one_pass() -> None:
    once, twice = Linear(), Linear()
    x = torch.zeros(2, 4, 3, 3)
    denoiser(1, once)(x, 3), denoiser(2, twice)(x, 3)
    assert (once.calls, twice.calls) == ([1, 1], [2, 2])


def test_pictures_are_decoded_only_where_they_are_needed() -> None:
    decoded = []

    def decode(latents: Tensor) -> Tensor:
        decoded.append(len(latents))
        return 3 * latents

    on, off = schedule("rho", 1), schedule("mu", 0)
    x = torch.randn(2, 4, 3, 3)
    made = LatentTarget("pred", None, None, off, on, decode=decode)
    view = made(denoiser(1, Linear()), x, 4, look=False, back=False)
    assert view.image is None and not decoded
    view = made(denoiser(1, Linear()), x, 4, look=False, back=True)
    assert decoded == [1, 1] and view.image is not None
    alpha, _ = LINE.scales(4)
    grad = torch.randn(2, 4, 3, 3)
    assert torch.allclose(view.backward(grad), alpha * 3 * grad, atol=1e-5)
    through = LatentTarget("pred", None, None, on, off, decode=decode)
    alpha, sigma = LINE.scales(4)
    slope = 3 * (1 - sigma * 0.5) / alpha
    assert torch.allclose(
        through(denoiser(1, Linear()), x, 4).backward(grad), slope * grad, atol=1e-4
    )
