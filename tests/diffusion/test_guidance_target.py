"""What guides see, and by which way their gradient comes back to x."""

import pytest
import torch
from torch import Tensor, nn

from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import GuidedDenoiser, auto_clamp
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.secondary import SecondaryModel, secondary_prediction
from guided.guides.base import LossGuide
from guided.interfaces import Guide, GuideGradient
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import FixedGuide, TinyNet, randomised, relative
from tests.oracles import wavy

LINE = timeline("linear", 20)


@pytest.fixture(scope="module")
def small() -> SecondaryModel:
    return randomised(SecondaryModel(), seed=2).double().requires_grad_(False).eval()


class Watched(nn.Module):
    """A network that notes whether its guesses could be differentiated."""

    def __init__(self) -> None:
        super().__init__()
        self.net = TinyNet().double()
        self.config = self.net.config
        self.graphs: list[bool] = []

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        out = self.net(x, t, y)
        self.graphs.append(out.requires_grad)
        return out


class Onlooker:
    """A guide that keeps what it is shown."""

    def __init__(self) -> None:
        self.shown: list[Tensor] = []

    def is_active(self, progress: float) -> bool:
        return True

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        self.shown.append(image)
        return GuideGradient(image.new_zeros(len(image)), torch.zeros_like(image))


def noisy() -> Tensor:
    return RandomStreams([1, 2]).normal_like(torch.empty(2, 3, 32, 32, dtype=torch.float64))


def guided(net: nn.Module, sight: GuidanceTarget, guide: Guide) -> GuidedDenoiser:
    net.requires_grad_(False)
    return GuidedDenoiser(
        ModelDenoiser(net, LINE), {"it": guide}, RandomStreams([1, 2]), target=sight
    )


@pytest.mark.parametrize("sees", ["pred", "blend"])
@pytest.mark.parametrize("secondary", [False, True], ids=["own", "secondary"])
def test_guides_see_the_guess_or_its_blend_with_x(
    sees: str, secondary: bool, small: SecondaryModel
) -> None:
    net, guide, x, i = TinyNet().double(), Onlooker(), noisy(), 12
    guess = guided(net, GuidanceTarget(sees, small if secondary else None), guide)(x, i)
    own = ModelDenoiser(net, LINE)(x, i).guided
    pred = secondary_prediction(small, x, LINE, i) if secondary else own
    sigma = LINE.scales(i)[1]
    expected = pred if sees == "pred" else pred * sigma + x * (1 - sigma)
    assert relative(guide.shown[0], (expected + 1) / 2) < 1e-10
    # A person always looks at the U-Net's own guess, and the sampler goes on from it.
    assert torch.equal(guess.unguided, own)
    assert torch.equal(guess.guided, own)


@pytest.mark.parametrize("sees", ["pred", "blend"])
@pytest.mark.parametrize("secondary", [False, True], ids=["own", "secondary"])
def test_the_shift_is_the_direct_gradient_by_way_of_what_is_seen(
    sees: str, secondary: bool, small: SecondaryModel
) -> None:
    net, i = TinyNet().double(), 9
    alpha, sigma = LINE.scales(i)
    guide = LossGuide(wavy, schedule("scale", 1))
    guess = guided(net, GuidanceTarget(sees, small if secondary else None), guide)(noisy(), i)
    x = noisy().requires_grad_()
    own = ModelDenoiser(net, LINE)(x, i).guided
    pred = secondary_prediction(small, x, LINE, i) if secondary else own
    seen = pred if sees == "pred" else pred * sigma + x * (1 - sigma)
    (direct,) = torch.autograd.grad(wavy(seen).sum(), x)
    assert relative(guess.guided, own.detach() - sigma**2 / alpha * direct) < 1e-9


def test_with_a_secondary_model_the_network_keeps_no_graph_unless_the_schedule_says_so(
    small: SecondaryModel,
) -> None:
    net = Watched()
    when = schedule("secondary", [[0, 1], [0.5, 0]])
    denoiser = guided(
        net, GuidanceTarget("pred", small, when), FixedGuide(torch.ones(1, 3, 32, 32))
    )
    for i in (19, 2):
        denoiser(noisy(), i)
    assert net.graphs == [False, True]


def test_a_gradient_of_zero_under_a_clamp_leaves_the_guess_as_it_is(small: SecondaryModel) -> None:
    """0 * 0 / 0 blackened pictures in DiscoArt wherever every prompt was scheduled off."""
    denoiser = guided(TinyNet().double(), GuidanceTarget("blend", small), Onlooker())
    denoiser.method = GuidanceMethod(clamp=schedule("clamp", 0.05))
    guess = denoiser(noisy(), 5)
    assert torch.equal(guess.guided, guess.unguided)


@pytest.mark.parametrize(
    "steps, limit",
    [(1, 0.001), (35, 0.001), (36, 0.0125), (150, 0.02), (250, 0.05), (500, 0.075), (501, 0.1)],
)
def test_the_automatic_clamp_is_progrocks(steps: int, limit: float) -> None:
    assert auto_clamp(steps, secondary=True) == limit
    assert auto_clamp(steps, secondary=False) == 2 * limit
