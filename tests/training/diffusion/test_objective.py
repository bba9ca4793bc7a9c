"""The losses against guided-diffusion's own and against closed forms."""

import pytest
import torch
from torch import Tensor

from guided.training.diffusion.objective import STEPS, Objective, times


class Says:
    """A network that says what it is told to."""

    def __init__(self, answer: Tensor) -> None:
        self.answer = answer

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self.x, self.t = x, t
        return self.answer


def rng(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("prediction", ["v", "eps", "x0"])
@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_right_answer_has_no_loss(prediction: str, schedule: str) -> None:
    images = torch.rand(6, 3, 8, 8) * 2 - 1
    objective = Objective(schedule, prediction)
    probe = Says(torch.zeros_like(images))
    objective.loss(probe, images, rng())
    alpha, sigma = (part.float() for part in objective.scales(probe.t.long()))
    noise = (probe.x - alpha * images) / sigma
    right = {"v": alpha * noise - sigma * images, "eps": noise, "x0": images}[prediction]
    assert objective.loss(Says(right), images, rng()) < 1e-6
    weight = (1 / sigma**2).clamp(max=20).mean() if prediction == "x0" else 1
    wrong = objective.loss(Says(right + 0.5), images, rng())
    assert wrong.item() == pytest.approx(0.25 * float(weight), rel=1e-3)


def test_a_right_first_guess_has_no_loss() -> None:
    """Whatever the network says of noise: a first guess is of the image."""
    images = torch.rand(6, 3, 8, 8) * 2 - 1
    objective, probe = Objective("cosine", "v"), Says(images)
    assert objective.first_guess(probe, images, rng()) == 0
    assert objective.first_guess(Says(images + 0.5), images, rng()) == pytest.approx(0.25)
    asked = Says(torch.zeros_like(images))
    objective.loss(asked, images, rng())
    assert torch.equal(probe.x, asked.x) and torch.equal(probe.t, asked.t)


def test_every_stretch_of_time_is_asked_about() -> None:
    t = times(50, rng())
    assert torch.equal(t // (STEPS // 50), torch.arange(50))


def test_a_share_of_the_lessons_lies_amid_the_process() -> None:
    t = times(40, rng(), middle=0.75)
    assert torch.equal(t[:10] // (STEPS // 10), torch.arange(10))
    assert t[10:].min() >= 250 and t[10:].max() < 950
    assert len(t) == 40


def test_a_share_of_the_lessons_lies_where_little_noise_is_left() -> None:
    t = times(40, rng(), middle=0.25, low=0.5)
    assert torch.equal(t[:10] // (STEPS // 10), torch.arange(10))
    assert t[10:20].min() >= 250 and t[20:].max() < 400
    assert torch.equal(t[20:] // 20, torch.arange(20))
    for count in range(1, 12):  # whatever is rounded
        assert len(times(count, rng(), middle=0.5, low=0.5)) == count


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_learned_variance_is_taught_as_in_guided_diffusion(schedule: str) -> None:
    """The hybrid loss of a six-channel network, term by term, against OpenAI's code."""
    gd = pytest.importorskip("guided_diffusion.gaussian_diffusion")
    images = (torch.rand(8, 3, 8, 8, generator=rng(1)) * 255).round() / 127.5 - 1
    answer = torch.randn(8, 6, 8, 8, generator=rng(2)).clamp(-1, 1)
    objective = Objective(schedule, "eps")
    net = Says(answer)
    ours = objective.loss(net, images, rng())
    oracle = gd.GaussianDiffusion(
        betas=objective.betas.numpy(),
        model_mean_type=gd.ModelMeanType.EPSILON,
        model_var_type=gd.ModelVarType.LEARNED_RANGE,
        loss_type=gd.LossType.RESCALED_MSE,
    )
    t = net.t.long()
    alpha, sigma = (part.float() for part in objective.scales(t))
    noise = (net.x - alpha * images) / sigma
    theirs = oracle.training_losses(lambda x, t: answer, images, t, noise=noise)
    assert ours.item() == pytest.approx(theirs["loss"].mean().item(), rel=1e-3)


def test_the_variance_term_teaches_only_the_variance() -> None:
    answer = torch.randn(4, 6, 8, 8, generator=rng(2)).requires_grad_()
    images = torch.rand(4, 3, 8, 8, generator=rng(1)) * 2 - 1
    whole = torch.autograd.grad(
        Objective("linear", "eps").loss(Says(answer), images, rng()), answer
    )[0]
    plain = answer.detach()[:, :3].requires_grad_()
    mean = torch.autograd.grad(Objective("linear", "eps").loss(Says(plain), images, rng()), plain)[
        0
    ]
    assert torch.allclose(whole[:, :3], mean, atol=1e-7)
    assert whole[:, 3:].abs().max() > 0


def test_labels_are_drawn_from_the_dice() -> None:
    told = []

    def net(x: Tensor, t: Tensor, y: Tensor) -> Tensor:
        told.append(y)
        return x

    images = torch.zeros(4, 3, 8, 8)
    for _ in range(2):
        Objective("linear", "eps", classes=10).loss(net, images, rng())
    assert torch.equal(*told) and told[0].max() < 10
