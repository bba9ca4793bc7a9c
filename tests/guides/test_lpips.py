"""LPIPS against its authors' package."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from guided.compat.open_clip import import_past_missing_operators
from guided.errors import BadInput
from guided.guides.likeness import Likeness
from guided.guides.lpips import perceptual
from guided.interfaces import Scene
from guided.models.cards import VGG16
from guided.rng import RandomStreams

CPU = torch.device("cpu")


def picture(seed: int, size: int = 4, images: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(images, 3, size, size, generator=generator).double()


def scene(init: Tensor) -> Scene:
    return Scene(prompts=[], clips={}, cutouts=None, device=CPU, init=init)


@pytest.fixture(scope="module")
def features() -> dict[str, Tensor]:
    """A random VGG16's, under torchvision's names; whoever guides has no use for the rest."""
    torchvision = import_past_missing_operators("torchvision")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    return {f"features.{name}": tensor for name, tensor in network.state_dict().items()}


@pytest.fixture
def vgg16(features, tmp_path, monkeypatch) -> Iterator[Path]:
    if find_spec("lpips") is None:
        pytest.skip("an extra")
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path))
    torch.save({**features, "classifier.0.bias": torch.zeros(1)}, tmp_path / VGG16.file)
    yield tmp_path / VGG16.file
    perceptual.cache_clear()


def nothing_else_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError(f"loads {arguments}")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("lpips.lpips.torch.load", only_weights(torch.load))


def only_weights(load: Callable[..., object]) -> Callable[..., object]:
    def checked(*arguments: object, **named: object) -> object:
        assert named.get("weights_only") is True
        return load(*arguments, **named)

    return checked


def test_lpips_is_small_for_what_is_alike_and_its_gradient_leads_back(vgg16, monkeypatch) -> None:
    nothing_else_is_loaded(monkeypatch)
    init, noise = picture(1, 32).float(), picture(2, 32).float()
    before = torch.get_rng_state()
    guide = Likeness(scale=100, metric="lpips").prepare(scene(init))
    assert torch.equal(torch.get_rng_state(), before)
    near, far = 0.9 * init + 0.1 * noise, 0.2 * init + 0.8 * noise
    losses = [guide(image, 0.5, RandomStreams([1])).loss.item() for image in (init, near, far)]
    assert losses[0] == pytest.approx(0, abs=1e-5)
    assert losses[0] < losses[1] < losses[2]
    pull = guide(far, 0.5, RandomStreams([1]))
    assert pull.grad.shape == far.shape
    step = far - 0.5 * pull.grad / pull.grad.norm()
    assert guide(step, 0.5, RandomStreams([1])).loss < pull.loss


def test_lpips_is_what_its_authors_package_makes_of_the_same_vgg16(
    vgg16, features, monkeypatch
) -> None:
    lpips = import_past_missing_operators("lpips")
    torchvision = import_past_missing_operators("torchvision")
    network = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["D"])
    network.load_state_dict({k.removeprefix("features."): t for k, t in features.items()})
    whole = SimpleNamespace(features=network)
    monkeypatch.setattr("torchvision.models.vgg16", lambda pretrained: whole)
    theirs = lpips.LPIPS(net="vgg", verbose=False)
    monkeypatch.undo()
    image, init = picture(1, 32, 2).float() * 2 - 1, picture(2, 32).float() * 2 - 1
    expected = theirs(image, init).flatten()
    assert torch.allclose(perceptual(vgg16, CPU)(image, init), expected, rtol=1e-5)
    assert (expected > 0).all()


def test_another_networks_file_is_told(vgg16) -> None:
    torch.save({"features.0.weight": torch.zeros(3)}, vgg16)
    with pytest.raises(BadInput, match="does not fit"):
        perceptual(vgg16, CPU)
