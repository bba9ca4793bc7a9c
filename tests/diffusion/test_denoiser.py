"""From a network's words to a clean image."""

import pytest
import torch
from torch import Tensor, nn

from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.parametrisation import noised
from guided.diffusion.unet_config import UNetConfig
from guided.rng import RandomStreams
from tests.doubles import GaussianDenoiser, TinyNet

LINE = timeline("linear", 20)


class Oracle(nn.Module):
    """A network that knows the image and says it in the way it was trained to."""

    def __init__(self, says: Tensor, channels: int = 3) -> None:
        super().__init__()
        self.config = UNetConfig()
        self.says, self.channels = says, channels
        self.heard: list[tuple[list[float], Tensor | None]] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        self.heard.append((t.tolist(), y))
        spread = torch.full_like(x, 0.25)
        return torch.cat([self.says, spread], dim=1) if self.channels == 6 else self.says


def image_and_noise() -> tuple[Tensor, Tensor]:
    image = torch.rand(2, 3, 4, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return image * 2 - 1, RandomStreams([1, 2]).normal_like(image)


@pytest.mark.parametrize("i", [0, 7, 19])
@pytest.mark.parametrize("prediction", ["eps", "v", "x0"])
def test_a_perfect_network_gives_the_clean_image_back(prediction: str, i: int) -> None:
    image, noise = image_and_noise()
    alpha, sigma = LINE.scales(i)
    says = {"eps": noise, "x0": image, "v": alpha * noise - sigma * image}[prediction]
    x = noised(image, noise, alpha, sigma)
    for channels in (3, 6):
        guess = ModelDenoiser(Oracle(says, channels), LINE, prediction)(x, i)
        assert torch.allclose(guess.unguided, image, atol=1e-11)
        assert torch.equal(guess.guided, guess.unguided)
        assert (guess.variance is None) == (channels == 3)
    assert torch.equal(guess.variance, torch.full_like(x, 0.25))


def test_the_network_hears_the_time_of_the_position_for_every_image() -> None:
    image, noise = image_and_noise()
    net = Oracle(noise)
    ModelDenoiser(net, LINE)(image, 3)
    assert net.heard[0][0] == [150.0, 150.0]


def test_guesses_are_clamped_only_where_the_card_says_so() -> None:
    x = 3 * torch.ones(1, 3, 2, 2)
    net = Oracle(torch.zeros_like(x))
    assert ModelDenoiser(net, LINE)(x, 10).unguided.max() > 3
    assert ModelDenoiser(net, LINE, clip_denoised=True)(x, 10).unguided.max() == 1


def test_the_guess_is_differentiable_in_x() -> None:
    x = (
        RandomStreams([1])
        .normal_like(torch.empty(1, 3, 4, 4, dtype=torch.float64))
        .requires_grad_()
    )
    denoiser = ModelDenoiser(TinyNet().double(), LINE)
    assert torch.autograd.gradcheck(lambda x: denoiser(x, 10).guided, x)


def test_a_class_conditional_network_gets_each_images_own_random_class_at_each_step() -> None:
    image, noise = image_and_noise()
    net = Oracle(noise)
    net.config = UNetConfig(num_classes=1000)
    denoiser = ModelDenoiser(net, LINE, rng=RandomStreams([1, 2]))
    alone = ModelDenoiser(Oracle(noise[1:]), LINE, rng=RandomStreams([2]))
    alone.model.config = net.config
    for i in range(19, 9, -1):
        denoiser(image, i)
        alone(image[1:], i)
    labels = torch.stack([y for _, y in net.heard])
    assert labels.min() >= 0 and labels.max() < 1000
    assert len(labels.unique()) > 15
    assert torch.equal(labels[:, 1], torch.cat([y for _, y in alone.model.heard]))


class FlowOracle(nn.Module):
    """The best network of flow matching for images whose pixels are N(mu, s**2): the mean of the
    image given its sample z = t * image + (1 - t) * noise, a sum of Gaussians."""

    def __init__(self, mu: float, s: float, deviation: float) -> None:
        super().__init__()
        self.config = UNetConfig()
        self.mu, self.s, self.deviation = mu, s, deviation

    def forward(self, z: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        t = t.to(z).view(-1, 1, 1, 1)
        gain = t * self.s**2 / ((t * self.s) ** 2 + ((1 - t) * self.deviation) ** 2)
        return self.mu + gain * (z - t * self.mu)


@pytest.mark.parametrize("deviation", [1.0, 2.0])
@pytest.mark.parametrize("schedule", ["linear", "cosine", "flow"])
def test_the_best_network_of_flow_matching_is_the_best_denoiser(schedule, deviation) -> None:
    """Its image does not depend on which of the two processes made the noisy one."""
    line = timeline(schedule, 20, "even", deviation)
    net, exact = FlowOracle(0.3, 0.4, deviation), GaussianDenoiser(line, 0.3, 0.4)
    denoiser = ModelDenoiser(net, line, "x0", noise=deviation)
    for i in range(20):
        alpha, sigma = line.scales(i)
        x = noised(*image_and_noise(), alpha, sigma)
        # The network hears its time in float32.
        assert torch.allclose(denoiser(x, i).unguided, exact(x, i).unguided, atol=1e-5)
