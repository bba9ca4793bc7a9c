"""Likeness to what a picture started from."""

import pytest
import torch
from PIL import Image
from torch import Tensor

from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.guides import likeness
from guided.guides.likeness import Likeness
from guided.interfaces import Scene
from guided.rng import RandomStreams
from tests.doubles import numerical, relative

CPU = torch.device("cpu")


def picture(seed: int, size: int = 4, images: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(images, 3, size, size, generator=generator).double()


def scene(init: Tensor) -> Scene:
    return Scene(prompts=[], clips={}, cutouts=None, device=CPU, init=init)


def test_by_pixels_it_is_the_mean_square_difference_of_images_from_minus_one_to_one() -> None:
    init, image = picture(1), picture(2, images=2)
    pull = Likeness(scale=7).prepare(scene(init))(image, 0.5, RandomStreams([1, 2]))
    expected = 7 * 4 * (image - init).square().mean((1, 2, 3))
    assert torch.allclose(pull.loss, expected, rtol=1e-6)


@pytest.mark.parametrize("images", [1, 2])
def test_the_gradient_is_the_derivative_and_leads_back(images: int) -> None:
    guide, image = Likeness(scale=7).prepare(scene(picture(1))), picture(2, images=images)
    pull = guide(image, 0.5, RandomStreams([1] * images))
    assert relative(
        pull.grad, numerical(lambda x: guide(x, 0.5, RandomStreams([1])).loss.sum(), image)
    ) < 1e-6  # fmt: skip
    step = image - 0.1 * pull.grad / pull.grad.norm()
    assert (guide(step, 0.5, RandomStreams([1])).loss < pull.loss).all()
    assert not guide(picture(1), 0.5, RandomStreams([1])).grad.any()


def test_without_anything_to_be_like_it_is_refused() -> None:
    with pytest.raises(BadInput, match=r"init=photo\.jpg"):
        Likeness().check(has_init=False)
    Likeness().check(has_init=True)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install") as caught:
        Likeness(metric="lpips").check(has_init=True)
    assert "metric=pixels" in str(caught.value)


@pytest.mark.parametrize("offline", ["0", "1"])
def test_without_vgg16_a_run_is_refused_with_the_command_that_fetches_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path, offline: str
) -> None:
    monkeypatch.setattr(likeness, "find_spec", lambda name: object())
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    Image.new("RGB", (64, 64)).save(tmp_path / "photo.png")
    words = ["prompt=a", f"init={tmp_path / 'photo.png'}", "guide=[range,likeness]"]
    Plan.read(compose(words))  # pixels need none
    with pytest.raises(BadInput) as caught:
        Plan.read(compose([*words, "guide.likeness.metric=lpips"]))
    said = str(caught.value)
    for part in ("is not here", "VGG16", "553 MB", "https://download.pytorch.org/", "cache"):
        assert part in said
    fetch = said.partition("python run.py ")[2].split()
    assert sorted(fetch) == ["guide.likeness.metric=lpips", "guide=[likeness]", "models=download"]


def test_an_unknown_metric_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="metric=ssim is not one of pixels, lpips"):
        Likeness(metric="ssim")
