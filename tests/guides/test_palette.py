"""The palette guide: distances by hand, gradients by differences, and where it leads."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from guided.clip.model import Clip, load
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.guides.palette import Palette, distance
from guided.interfaces import Scene
from guided.models.cards import ClipCard
from guided.pipeline import Pipeline
from guided.prompts.prompt import Prompt
from guided.rng import RandomStreams
from guided.training.data.augmentation import NAMES, OWNER, POINTS
from tests.doubles import LinearClip, numerical, relative

CPU = torch.device("cpu")
SCENE = Scene(prompts=[], clips={}, cutouts=None, device=CPU)


def pixels(*colours: tuple[float, float, float]) -> Tensor:
    """(1, 3, 1, N)"""
    return torch.tensor(colours, dtype=torch.float64).T[None, :, None]


def test_a_pixel_is_as_far_off_as_the_nearest_colour() -> None:
    colours = torch.tensor([[-1.0, -1, -1], [1, 1, 1]])
    image = pixels((-1, -1, -1), (1, 1, 0.4), (-0.9, -1, -1))
    assert distance(colours, False)(image).item() == pytest.approx((0.36 + 0.01) / 9)


def test_between_two_colours_is_as_good_as_one_of_them() -> None:
    colours = torch.tensor([[-1.0, -1, -1], [1, 1, 1]])
    grey = pixels((0, 0, 0), (0.5, 0.5, 0.5), (-1, -1, -1))
    assert distance(colours, True)(grey).item() == pytest.approx(0)
    beyond = pixels((1.3, 1, 1))  # behind the end of the line
    assert distance(colours, True)(beyond).item() == pytest.approx(0.09 / 3)
    red = pixels((1, -1, -1))  # the foot on the line is at -1/3
    expected = ((4 / 3) ** 2 + 2 * (2 / 3) ** 2) / 3
    assert distance(colours, True)(red).item() == pytest.approx(expected)


def test_one_colour_or_the_same_twice_is_a_point() -> None:
    image = pixels((0.5, 0, 0))
    for colours in ([[0.0, 0, 0]], [[0.0, 0, 0], [0.0, 0, 0]]):
        assert distance(torch.tensor(colours), True)(image).item() == pytest.approx(0.25 / 3)


@pytest.mark.parametrize("between", [True, False])
def test_the_gradient_is_that_of_the_loss(between: bool) -> None:
    guide = Palette(["#102030", "#c04010", "#f0e0d0"], between, 10.0).prepare(SCENE)
    image = torch.rand(2, 3, 3, 2, generator=torch.Generator().manual_seed(2)).double()
    rng = RandomStreams([0, 0])
    expected = numerical(lambda x: guide(x, 0.5, rng).loss.sum(), image)
    assert relative(guide(image, 0.5, rng).grad, expected) < 1e-5


def test_following_it_leads_to_the_colours() -> None:
    guide = Palette(["#000000", "#c8102e", "#fffaf0"], False, 1.0).prepare(SCENE)
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    for _ in range(60):
        image = image - 8 * guide(image, 0.5, RandomStreams([0])).grad
    found = {tuple(pixel) for pixel in (image[0].flatten(1).T * 255).round().int().tolist()}
    assert found <= {(0, 0, 0), (200, 16, 46), (255, 250, 240)}


@pytest.fixture(scope="module")
def small() -> Clip:
    """A CLIP that comes with the program."""
    card = ClipCard(name="a", path="embedded/clip_a", lexicon="embedded/lexicon.tsv")
    return load(card, CPU, torch.float32)


def scene(text: str, clips: dict[str, Clip], **given: object) -> Scene:
    prompts = [
        Prompt(part, weight) for part, weight in zip(text.split(" | "), (1, 2), strict=False)
    ]
    return Scene(prompts, clips, None, CPU, **given)


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("a blue cat", "blue"),
        ("un gato azul", "blue"),
        ("一只绿色的狗", "green"),
        ("a blue cat | in the manner of Hokusai", "blue"),  # which names no thing
    ],
)
def test_without_colours_it_takes_that_which_a_prompt_names(text, colour, small) -> None:
    """By the colours of the captions in training (guided.training.data.augmentation), among which
    is a light blue: no vivid pixel of a picture that follows the guide has another."""
    guide = Palette(scale=1.0).prepare(scene(text, {"small": small}))
    assert guide is not None
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    for _ in range(200):
        image = image - 20 * guide(image, 0.5, RandomStreams([0])).grad
    pixels = image[0].flatten(1).T
    vivid = pixels[pixels.amax(1) - pixels.amin(1) > 0.3]
    assert len(vivid)
    found = {NAMES[OWNER[(pixel - POINTS).square().sum(-1).argmin()]] for pixel in vivid}
    assert colour in found and found <= {colour, f"light {colour}"}


@pytest.mark.parametrize(
    "text",
    [
        *("a cat", "a cat on a blue background", "a red and yellow bird", "red"),
        *("a red apple | a blue cat", "a cat with a blue hat"),
    ],
)
def test_it_has_nothing_to_do_where_no_thing_has_one_colour(text, small) -> None:
    assert Palette(scale=1.0).prepare(scene(text, {"small": small})) is None


def test_it_has_nothing_to_do_beside_pictures_and_large_clips(small) -> None:
    assert Palette(scale=1.0).prepare(scene("a blue cat", {})) is None
    assert Palette(scale=1.0, named=0.0).prepare(scene("a blue cat", {"small": small})) is None
    both = {"small": small, "large": LinearClip()}
    assert Palette(scale=1.0).prepare(scene("a blue cat", both)) is None
    init = torch.zeros(1, 3, 8, 8)
    assert Palette(scale=1.0).prepare(scene("a blue cat", {"small": small}, init=init)) is None


def test_in_a_batch_each_image_has_its_own_colour() -> None:
    """Beside others the same picture as alone, but for the rounding of a batch."""
    words = ["prompt=a {blue|} cat", "output=[still]", "steps=3", "count=4", "seed=1"]
    words.append("generator.clamp=1e-3")
    plan = Plan.read(compose([*words, "sampler.recurrence=1", "batch_size=4"]))
    assert len({plan.prompts_of(plan.seed + k)[0].text for k in range(4)}) == 2
    together = {frame.index: frame.image for frame in Pipeline.open(plan).frames(plan)}
    alone = replace(plan, batch_size=1)
    for frame in Pipeline.open(alone).frames(alone):
        if frame.step == frame.steps:
            assert (frame.image - together[frame.index]).abs().max() < 2 / 255


@pytest.mark.parametrize("colours", [["red"], ["#12345"], ["#1234567"], ["000000"]])
def test_what_is_no_colour_is_refused(colours: list[str]) -> None:
    with pytest.raises(ValueError, match="colours="):
        Palette(colours)
