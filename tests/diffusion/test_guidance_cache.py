"""Guides that rest: how often they are asked, what holds in between; ways that are not kept."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.guidance_cache import GuidanceCache, GuidanceInterval
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.symmetry import Mirror
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.generators.diffusion.settings import Diffusion
from guided.guides.base import GuidePerImage, LossGuide
from guided.interfaces import GuideGradient, Request
from guided.models.cards import ModelCard
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import FixedGuide, GaussianDenoiser, TinyNet, randomised, relative
from tests.oracles import wavy

LINE = timeline("linear", 20)
SHAPE = (2, 3, 8, 8)


class Asked:
    """A guide that notes when it is asked, and pulls another way each time."""

    def __init__(self, until: float = 1.0) -> None:
        self.until = until
        self.times: list[float] = []

    def is_active(self, progress: float) -> bool:
        return progress < self.until

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        self.times.append(progress)
        noise = rng.normal_like(image) * self.is_active(progress)
        return GuideGradient(image.new_full((len(image),), progress), noise)


class Watched(nn.Module):
    """A network that notes whether its guesses could be differentiated."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net, self.config = net.requires_grad_(False), getattr(net, "config", None)
        self.graphs: list[bool] = []

    def forward(self, *inputs: Tensor) -> Tensor:
        out = self.net(*inputs)
        self.graphs.append(out.requires_grad)
        return out

    def __getattr__(self, name: str):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.net, name)


def pace(every: object = 1, between: str = "again") -> GuidanceCache:
    return GuidanceCache(GuidanceInterval(schedule("every", every, 1, whole=True), between))


def noise(k: int = 0) -> Tensor:
    return RandomStreams([10 * k + 1, 10 * k + 2]).normal_like(
        torch.empty(SHAPE, dtype=torch.float64)
    )


def guided(
    net: nn.Module, guide, asking: GuidanceCache, sight: GuidanceTarget | None = None
) -> GuidedDenoiser:
    model, rng = ModelDenoiser(net, LINE), RandomStreams([1, 2])
    return GuidedDenoiser(
        model, {"it": guide}, rng, target=sight or GuidanceTarget(), cache=asking
    )


def path(through: str, **settings) -> GuidanceTarget:
    """The gradient goes through the network, or past it."""
    straight = through == "straight"
    weights = {"rho": schedule("rho", 1 - straight), "mu": schedule("mu", int(straight))}
    return GuidanceTarget(**weights, **settings)


def walked(denoiser: GuidedDenoiser, sampler: DDIM) -> list:
    return list(sampler.sample(denoiser, noise(), RandomStreams([5, 6]), len(LINE) - 1))


# ---- how often -----------------------------------------------------------------------------


@pytest.mark.parametrize("between", ["again", "nothing"])
@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_guides_are_asked_at_every_kth_evaluation(every: int, between: str) -> None:
    guide = Asked()
    walked(guided(Watched(TinyNet().double()), guide, pace(every, between)), DDIM(eta=0))
    assert guide.times == [LINE.progress(i) for i in range(19, -1, -every)]


def test_a_step_that_is_taken_again_counts_again() -> None:
    guide, net = Asked(), Watched(TinyNet().double())
    walked(guided(net, guide, pace(2)), DDIM(eta=0, recurrence=3))
    assert len(net.graphs) == 60
    evaluations = [i for i in range(19, -1, -1) for _ in range(3)]
    assert guide.times == [LINE.progress(i) for i in evaluations[::2]]


def test_an_evaluation_that_failed_has_not_been() -> None:
    """Whoever tries it again asks as if for the first time."""

    class Failing(Asked):
        broken = True

        def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
            if self.broken and progress == LINE.progress(7):
                self.broken = False
                raise MemoryError
            return super().__call__(image, progress, rng)

    guide = Failing()
    denoiser = guided(TinyNet().double(), guide, pace(2))
    for i in (9, 8):
        denoiser(noise(), i)
    with pytest.raises(MemoryError):
        denoiser(noise(), 7)
    for i in (7, 6, 5):
        denoiser(noise(), i)
    assert guide.times == [LINE.progress(i) for i in (9, 7, 5)]


def test_how_often_may_vary_over_the_run() -> None:
    guide = Asked()
    walked(guided(TinyNet().double(), guide, pace([[0, 5], [0.5, 1]])), DDIM(eta=0))
    positions = [19, 14, *range(9, -1, -1)]
    assert guide.times == [LINE.progress(i) for i in positions]


# ---- what holds in between -------------------------------------------------------------------


def test_with_nothing_in_between_the_guess_is_the_networks_own_and_no_way_back_is_kept() -> None:
    net, guide = Watched(TinyNet().double()), Asked()
    denoiser = guided(net, guide, pace(2, "nothing"))
    asked, resting = denoiser(noise(), 9), denoiser(noise(), 8)
    assert net.graphs == [True, False]
    assert relative(asked.guided, asked.unguided) > 1e-3
    assert torch.equal(resting.guided, resting.unguided)
    assert resting.losses == {} and resting.similarity is None


@pytest.mark.parametrize("through", ["unet", "straight"])
def test_the_last_gradient_goes_back_through_the_network_as_it_is_now(through: str) -> None:
    net, said = TinyNet().double().requires_grad_(False), torch.linspace(-1, 1, 192).double()
    said = said.view(1, *SHAPE[1:])
    denoiser = guided(net, FixedGuide(said), pace(3), path(through))
    denoiser(noise(0), 12)
    denoiser.guides = {}  # nobody is asked now
    for k, i in ((1, 11), (2, 3)):
        guess = denoiser(noise(k), i)
        x = noise(k).requires_grad_()
        pred = ModelDenoiser(net, LINE)(x, i).guided
        alpha, sigma = LINE.scales(i)
        (through_it,) = torch.autograd.grad((pred * said / 2).sum(), x)
        expected = through_it if through == "unet" else alpha * said.expand_as(x) / 2
        assert relative(guess.unguided - guess.guided, sigma**2 / alpha * expected) < 1e-9
    assert torch.equal(denoiser(noise(3), 2).guided, denoiser(noise(3), 2).unguided)  # asked anew


def test_what_was_said_is_what_is_told_until_they_are_asked_again() -> None:
    denoiser = guided(TinyNet().double(), Asked(), pace(3))
    told = [float(denoiser(noise(), i).losses["it"][0]) for i in (19, 18, 17, 16)]
    assert told == [LINE.progress(19)] * 3 + [LINE.progress(16)]


def test_at_rest_neither_the_secondary_model_nor_a_guide_runs() -> None:
    small = Watched(randomised(SecondaryModel(), seed=2).double().eval())
    for between, through, expected in (
        ("nothing", "unet", [True, True]),
        ("nothing", "straight", [False, False]),
        ("again", "straight", [False, False]),
        ("again", "unet", [True, True, True, True]),  # whose way back is then gone
    ):
        small.graphs.clear()
        sight = path(through, sees="blend", secondary=small)
        denoiser = guided(TinyNet().double(), guide := Asked(), pace(2, between), sight)
        x = torch.zeros(2, 3, 32, 32, dtype=torch.float64)
        for i in (9, 8, 7, 6):
            denoiser(x, i)
        assert small.graphs == expected and len(guide.times) == 2, (between, through)


def test_a_mirrored_image_is_not_bent_by_what_was_said_of_the_one_before() -> None:
    guide = Asked()
    drawing = DiffusionGenerator(
        unet=Watched(TinyNet()),
        card=ModelCard(),
        sampler=DDIM(eta=0),
        device=torch.device("cpu"),
        interval=pace(4).interval,
        mirror=Mirror("both", (0.35,)),
    )
    list(drawing.generate(Request((8, 8), [1], 20), {"it": guide}))
    line = timeline("linear", 20)
    (mirrored,) = drawing.mirror.positions(line, 19)
    before, after = range(19, mirrored, -4), range(mirrored, -1, -4)
    assert (19 - mirrored) % 4  # it is not their turn
    assert guide.times == [line.progress(i) for i in (*before, *after)]


# ---- images of a batch -----------------------------------------------------------------------


@pytest.mark.parametrize("between", ["again", "nothing"])
def test_an_image_whose_guide_asks_for_less_is_the_same_among_others(between: str) -> None:
    """Whether anyone asks for anything depends on the company; what is drawn must not."""

    def draw(seeds: list[int], ends: list[float]) -> Tensor:
        rng = RandomStreams(seeds)
        net = ModelDenoiser(TinyNet().double().requires_grad_(False), LINE)
        guide = GuidePerImage([Asked(until) for until in ends])
        denoiser = GuidedDenoiser(net, {"it": guide}, rng, cache=pace(3, between))
        x = rng.normal_like(torch.empty(len(seeds), *SHAPE[1:], dtype=torch.float64))
        *_, last = DDIM(eta=1, recurrence=2).sample(denoiser, x, rng, len(LINE) - 1)
        return last.x

    both = draw([7, 8], [0.4, 1.0])
    for b, (seed, until) in enumerate(((7, 0.4), (8, 1.0))):
        assert relative(draw([seed], [until]), both[b : b + 1]) < 1e-9


# ---- straight ------------------------------------------------------------------------------


@pytest.mark.parametrize("sees", ["pred", "blend"])
@pytest.mark.parametrize("i", [0, 5, 12, 19])
def test_straight_is_the_way_through_the_exact_guess_of_white_images(sees: str, i: int) -> None:
    """Of unit variance, whatever their mean; and elsewhere it is not."""
    guide = LossGuide(wavy, schedule("scale", 1))

    def shift(s: float, through: str) -> Tensor:
        exact = GaussianDenoiser(LINE, mu=0.3, s=s)
        guess = GuidedDenoiser(
            exact,
            {"it": guide},
            RandomStreams([1, 2]),
            target=path(through, sees=sees),
        )
        guess = guess(noise(), i)
        return guess.unguided - guess.guided

    assert relative(shift(1.0, "straight"), shift(1.0, "unet")) < 1e-9
    if 0 < i < 19:
        assert relative(shift(0.3, "straight"), shift(0.3, "unet")) > 0.1


def test_straight_guidance_moves_the_guess_by_the_gradient_of_what_it_is_told() -> None:
    """By sigma**2 of it: guidance on the clean image."""
    net, i = Watched(TinyNet().double()), 10
    guess = guided(net, LossGuide(wavy, schedule("s", 1)), pace(), path("straight"))
    guess = guess(noise(), i)
    pred = guess.unguided.clone().requires_grad_()
    (grad,) = torch.autograd.grad(wavy(pred).sum(), pred)
    assert relative(guess.unguided - guess.guided, LINE.scales(i)[1] ** 2 * grad) < 1e-9
    assert net.graphs == [False]


def test_straight_guidance_with_a_secondary_model_keeps_no_way_through_either() -> None:
    small = Watched(randomised(SecondaryModel(), seed=2).double().eval())
    net = Watched(TinyNet().double())
    sight = path("straight", secondary=small)
    guided(net, Asked(), pace(), sight)(torch.zeros(2, 3, 32, 32, dtype=torch.float64), 9)
    assert net.graphs == small.graphs == [False]


# ---- nobody asks ---------------------------------------------------------------------------


def only(until: float) -> Iterator:
    yield Asked(until)
    yield LossGuide(wavy, schedule("scale", [[0, 2], [until, 0]]))


@pytest.mark.parametrize("kind", [0, 1])
def test_where_no_guide_asks_for_anything_no_way_back_is_kept(kind: int) -> None:
    net = Watched(TinyNet().double())
    guess = walked(guided(net, list(only(0.5))[kind], pace()), DDIM(eta=0))
    assert net.graphs == [LINE.progress(i) < 0.5 for i in range(19, -1, -1)]
    assert all(
        torch.equal(step.prediction.guided, step.prediction.unguided) for step in guess[12:]
    )


def test_a_guide_that_asks_for_nothing_takes_its_random_numbers_all_the_same() -> None:
    """So that what others draw from the same stream does not depend on it."""
    rng = [RandomStreams([3]), RandomStreams([3])]
    for stream, until in zip(rng, (1.0, 0.0), strict=True):
        net = ModelDenoiser(TinyNet().double(), LINE)
        GuidedDenoiser(net, {"it": Asked(until)}, stream)(noise()[:1], 9)
    assert torch.equal(rng[0].state(), rng[1].state())


# ---- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (dict(every=0), "every=0 must be a whole number from 1 to 1000; the nearest is 1"),
        (dict(every=1.5), "every=1.5"),
        (dict(every=[[0, 2], [0.5, 0]]), "every=0"),
        (dict(through="u-net"), "through=u-net is not one of unet, straight"),
        (dict(between="agan"), "between=agan is not one of again, nothing"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_be_is_refused_by_name(settings: dict, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        Diffusion(**settings)
    assert str(refused.value).startswith(said)
