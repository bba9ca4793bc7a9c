"""The secondary model: its checkpoint's shape, and what its guess means."""

import math

import pytest
import torch

from guided.diffusion.noise_schedule import timeline
from guided.diffusion.secondary import SecondaryModel, secondary_prediction
from guided.rng import RandomStreams
from tests.doubles import randomised, relative

LINE = timeline("linear", 20)


@pytest.fixture(scope="module")
def model() -> SecondaryModel:
    return randomised(SecondaryModel(), seed=2).requires_grad_(False).eval()


def test_it_has_the_checkpoints_parameters_under_its_names() -> None:
    with torch.device("meta"):
        model = SecondaryModel()
    assert sum(p.numel() for p in model.parameters()) == 13_841_547  # secondary_model_imagenet_2
    shapes = {key: tuple(tensor.shape) for key, tensor in model.state_dict().items()}
    deep = "net.2." + "main.3." * 4 + "main."  # the coarsest size
    assert {key: shapes[key] for key in shapes if "weight" in key and key.startswith(deep)} == {
        f"{deep}1.0.weight": (512, 256, 3, 3),
        f"{deep}2.0.weight": (512, 512, 3, 3),
        f"{deep}3.0.weight": (512, 512, 3, 3),
        f"{deep}4.0.weight": (256, 512, 3, 3),
    }
    assert shapes["timestep_embed.weight"] == (8, 1)
    assert shapes["net.0.0.weight"] == (64, 19, 3, 3)
    assert shapes["net.2.main.4.0.weight"] == (128, 256, 3, 3)
    assert shapes["net.4.weight"] == (3, 64, 3, 3)
    assert len(shapes) == 49


def test_the_time_is_heard_as_cosines_and_sines_of_its_turns(model: SecondaryModel) -> None:
    t = torch.tensor([0.25, 0.8])
    turns = t[:, None] * model.timestep_embed.weight[:, 0]
    expected = torch.cat([torch.cos(2 * torch.pi * turns), torch.sin(2 * torch.pi * turns)], 1)
    assert torch.allclose(model.timestep_embed(t[:, None]), expected, atol=1e-5)


@pytest.mark.parametrize("i", [0, 9, 19])
def test_its_guess_is_what_v_means_at_the_angle_of_the_noise(
    model: SecondaryModel, i: int
) -> None:
    """pred = cos(t pi/2) x - sin(t pi/2) v, and with eps = sin(t pi/2) x + cos(t pi/2) v it makes
    up x again."""
    x = RandomStreams([1, 2]).normal_like(torch.empty(2, 3, 32, 64))
    alpha, sigma = LINE.scales(i)
    angle = math.atan2(sigma, alpha)
    v = model(x, torch.full((2,), angle * 2 / math.pi))
    pred = secondary_prediction(model, x, LINE, i)
    assert relative(pred, math.cos(angle) * x - math.sin(angle) * v) < 1e-5
    eps = math.sin(angle) * x + math.cos(angle) * v
    assert relative(alpha * pred + sigma * eps, x) < 1e-5


def test_an_image_of_a_batch_is_guessed_as_if_alone(model: SecondaryModel) -> None:
    x = RandomStreams([1, 2]).normal_like(torch.empty(2, 3, 32, 32))
    assert (
        relative(
            secondary_prediction(model, x[1:], LINE, 9),
            secondary_prediction(model, x, LINE, 9)[1:],
        )
        < 1e-5
    )
