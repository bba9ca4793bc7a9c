"""Likeness to what a picture started from."""

from importlib.util import find_spec

import pytest
import torch
from torch import Tensor

from guided.diffusion.noise import Dice
from guided.errors import BadInput
from guided.guides import likeness
from guided.guides.likeness import Likeness
from guided.guides.perceptual import perceptual
from guided.types import Scene
from tests.doubles import numerical, relative

CPU = torch.device("cpu")


def picture(seed: int, size: int = 4, images: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(images, 3, size, size, generator=generator).double()


def scene(init: Tensor) -> Scene:
    return Scene(prompts=[], clips={}, cutouts=None, device=CPU, init=init)


def test_by_pixels_it_is_the_mean_square_difference_of_images_from_minus_one_to_one() -> None:
    init, image = picture(1), picture(2, images=2)
    pull = Likeness(scale=7).prepare(scene(init))(image, 0.5, Dice([1, 2]))
    expected = 7 * 4 * (image - init).square().mean((1, 2, 3))
    assert torch.allclose(pull.loss, expected, rtol=1e-6)


@pytest.mark.parametrize("images", [1, 2])
def test_the_gradient_is_the_derivative_and_leads_back(images: int) -> None:
    guide, image = Likeness(scale=7).prepare(scene(picture(1))), picture(2, images=images)
    pull = guide(image, 0.5, Dice([1] * images))
    assert relative(
        pull.grad, numerical(lambda x: guide(x, 0.5, Dice([1])).loss.sum(), image)
    ) < 1e-6  # fmt: skip
    step = image - 0.1 * pull.grad / pull.grad.norm()
    assert (guide(step, 0.5, Dice([1])).loss < pull.loss).all()
    assert not guide(picture(1), 0.5, Dice([1])).grad.any()


@pytest.mark.skipif(find_spec("lpips") is None, reason="an extra")
def test_lpips_is_small_for_what_is_alike_and_its_gradient_leads_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(1)
    random = perceptual(CPU, trained=False)
    monkeypatch.setattr("guided.guides.perceptual.perceptual", lambda device: random)
    init, noise = picture(1, 32).float(), picture(2, 32).float()
    guide = Likeness(scale=100, metric="lpips").prepare(scene(init))
    near, far = 0.9 * init + 0.1 * noise, 0.2 * init + 0.8 * noise
    losses = [guide(image, 0.5, Dice([1])).loss.item() for image in (init, near, far)]
    assert losses[0] == pytest.approx(0, abs=1e-5)
    assert losses[0] < losses[1] < losses[2]
    pull = guide(far, 0.5, Dice([1]))
    assert pull.grad.shape == far.shape
    step = far - 0.5 * pull.grad / pull.grad.norm()
    assert guide(step, 0.5, Dice([1])).loss < pull.loss


def test_without_anything_to_be_like_it_is_refused() -> None:
    with pytest.raises(BadInput, match=r"init=photo\.jpg"):
        Likeness().check(has_init=False)
    Likeness().check(has_init=True)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install") as caught:
        Likeness(metric="lpips").check(has_init=True)
    assert "metric=pixels" in str(caught.value)


def test_offline_it_fetches_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(likeness, "find_spec", lambda name: object())
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BadInput, match="HF_HUB_OFFLINE"):
        Likeness(metric="lpips").check(has_init=True)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / likeness.VGG).touch()
    Likeness(metric="lpips").check(has_init=True)


def test_an_unknown_metric_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="metric=ssim is not one of pixels, lpips"):
        Likeness(metric="ssim")
