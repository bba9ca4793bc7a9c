"""A drawing goes on from any of its states as if it had never stopped: every bit of every step."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice

import pytest
import torch
from torch import Tensor

from guided.cutouts.settings import Cutouts, DiscoCutouts
from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance_cache import GuidanceInterval
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.jit import JiT
from guided.diffusion.jit_config import JiTConfig
from guided.diffusion.jumps import Jumps
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.null_space import Agrees, Grey
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.symmetry import Mirror
from guided.diffusion.unet import UNet
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.base import GuidePerImage
from guided.guides.clip import ClipGuide
from guided.guides.likeness import Likeness
from guided.guides.regularisers import Range
from guided.interfaces import Request, Sampler, Scene, Step
from guided.memory.estimate import held, measure_step
from guided.models.cards import DiffusionCard, ModelCard, Recommended
from guided.models.jit import JiTCard
from guided.prompts.prompt import Prompt
from guided.prompts.regions import Region
from guided.runs import checkpoint
from guided.schedule import schedule
from tests.doubles import LinearClip, randomised, smallest_unet

CPU = torch.device("cpu")
SIZE, STEPS = (8, 6), 6  # width, height
WIDE = (20, 8)  # of pictures with regions
PLACES = {"b": (0.0, 0.0, 0.5, 1.0), "c": (0.5, 0.25, 1.0, 1.0)}
LARGE = (21, 11)  # of several windows
MIRROR = Mirror("both", (0.3, 0.7))
TWICE = {"recurrence": [[0, 2], [0.5, 1], [0.8, 3]]}
ZERO, ONE = schedule("rho", 0), schedule("mu", 1)
SELDOM = GuidanceInterval(schedule("every", [[0, 4], [0.6, 3]]))


@cache
def network(classes: int) -> UNet:
    return randomised(UNet(smallest_unet(classes)), seed=3).eval().requires_grad_(False)


@cache
def transformer(blocks: int = 2) -> JiT:
    """A JiT that takes pictures of 8x8 only."""
    config = JiTConfig(
        image_size=8, patch=4, width=16, depth=blocks, heads=2, bottleneck=4, classes=3,
        context=2, context_start=1, noise=2,
    )  # fmt: skip
    return randomised(JiT(config), seed=3).eval().requires_grad_(False)


def few(**settings: float) -> Cutouts:
    """Without kornia's colours, which take longest."""
    return Cutouts(overview=1, inner=1, **({"grayscale": 0, "jitter": 0} | settings))


@dataclass
class Case:
    """A picture or several; all that could hold anything back is made anew for each drawing."""

    sampler: Sampler
    seeds: tuple[int, ...] = (7,)
    mirror: Mirror = Mirror()
    skip: int = 0
    init: bool = False
    known: bool = False
    mask: bool = False
    classes: bool = False
    each: bool = False  # a guide for each image, as wildcards need
    cutouts: Cutouts | DiscoCutouts = field(default_factory=few)
    interval: GuidanceInterval = GuidanceInterval()
    tiles: str = "off"
    size: tuple[int, int] = SIZE
    rings: tuple[bool, bool] = (False, False)
    target: GuidanceTarget = field(default_factory=GuidanceTarget)
    method: GuidanceMethod = GuidanceMethod()
    jit: bool = False
    noise: Tensor | None = None
    regions: str = ""  # of a model of scenes, or of one of single objects, which has windows

    def draw(self, saved: dict[str, Tensor] | None = None) -> Iterator[Step]:
        net: UNet | JiT = transformer() if self.jit else network(5 if self.classes else 0)
        card: DiffusionCard
        if isinstance(net, JiT):
            card = JiTCard(jit=net.config, size=[8, 8])
        else:
            card = ModelCard(unet=net.config, size=[8, 8])
        method = replace(self.method, clamp=schedule("clamp", 0.05))
        size, prompts = self.size, [Prompt("a")]
        if self.regions:
            size = WIDE
            prompts += [Prompt(text, region=Region(box)) for text, box in PLACES.items()]
        if self.regions == "objects":
            card = replace(card, size=[8, 6], recommended=Recommended(area="middle"))
        drawing = DiffusionGenerator(
            net, card, self.sampler, CPU, method, False, self.target, self.interval, self.mirror
        )
        drawing.tiles = self.tiles
        init = torch.rand(1, 3, size[1], size[0], generator=torch.Generator().manual_seed(1))
        scene = Scene(prompts, {"a": LinearClip(dtype=torch.float32)}, self.cutouts, CPU)
        scene.init, scene.rings = init, self.rings
        settings = {"clip": ClipGuide(), "range": Range(), "likeness": Likeness()}
        guides = {name: chosen.prepare(scene) for name, chosen in settings.items()}
        if self.each:
            others = replace(scene, prompts=[Prompt("b")])
            guides["clip"] = GuidePerImage([settings["clip"].prepare(s) for s in (scene, others)])
        begun = init * 2 - 1 if self.init else None
        request = Request(size, self.seeds, STEPS, begun, self.skip, rings=self.rings)
        if self.known:
            request.constraints = [Agrees(Grey(), Grey().measure(init), until=0.6)]
        if self.regions:
            boxes = [Region(box).pixels(size) for box in PLACES.values()]
            request.regions = [boxes] * len(self.seeds)
        request.mask = grey_mask() if self.mask else None
        request.noise = self.noise
        return drawing.generate(request, guides, saved)


def grey_mask() -> Tensor:
    """What is kept on the left, drawn in ever more steps to the right."""
    return torch.linspace(-0.5, 1, SIZE[0]).clamp(min=0).expand(1, 1, SIZE[1], SIZE[0])


def jumping(sampler: Sampler) -> Jumps:
    return Jumps(sampler, schedule("jumps", 2), 2)


CASES = {
    "DDIM": Case(DDIM(eta=0.8)),
    "DDIM without noise": Case(DDIM(eta=0)),
    "DDIM, steps taken again": Case(DDIM(eta=1, **TWICE)),
    "DDPM": Case(DDPM()),
    "DDPM, mirrored, steps taken again": Case(DDPM(**TWICE), mirror=MIRROR),
    "PLMS": Case(PLMS()),
    "PLMS of order 4": Case(PLMS(order=4)),
    "PLMS of order 3, mirrored": Case(PLMS(order=3), mirror=MIRROR),
    "DPM-Solver++": Case(DPMSolver()),
    "DPM-Solver++ with noise": Case(DPMSolver(eta=1)),
    "DPM-Solver++, mirrored, steps taken again": Case(DPMSolver(eta=0.5, **TWICE), mirror=MIRROR),
    "an init image": Case(DPMSolver(), init=True, skip=2),
    "an init image, mirrored": Case(PLMS(order=4), init=True, skip=2, mirror=MIRROR),
    "grey values known for a while": Case(PLMS(), (7, 8), known=True),
    "steps skipped": Case(PLMS(), skip=3),
    "random classes": Case(DDIM(), classes=True),
    "three together": Case(DPMSolver(eta=0.5, **TWICE), (7, 8, 9), mirror=MIRROR),
    "three together, by PLMS": Case(PLMS(order=4), (7, 8, 9), init=True, skip=1),
    "two together that ask for different things": Case(DDIM(), (7, 8), each=True),
    "a mask": Case(DDIM(**TWICE), init=True, mask=True),
    "a mask, mirrored": Case(DPMSolver(), init=True, mask=True, mirror=MIRROR),
    "a mask, mirrored at the end": Case(
        DDIM(), init=True, mask=True, mirror=Mirror("horizontal", (1.0,))
    ),
    "a mask, by PLMS, with jumps": Case(jumping(PLMS(order=4)), init=True, mask=True, skip=1),
    "a mask, three together, with jumps": Case(
        jumping(DPMSolver(eta=1)), (7, 8, 9), init=True, mask=True, interval=SELDOM
    ),
    "a mask, blended and straight": Case(
        DDPM(), init=True, mask=True, target=GuidanceTarget("blend", rho=ZERO, mu=ONE)
    ),
    "all augmentations": Case(DDIM(), cutouts=few(grayscale=0.5, jitter=0.1)),
    "guides that rest": Case(DDIM(**TWICE), interval=SELDOM),
    "guides that rest, mirrored": Case(DPMSolver(), interval=SELDOM, mirror=MIRROR),
    "three together, guides that rest, straight": Case(
        PLMS(), (7, 8, 9), interval=SELDOM, target=GuidanceTarget("blend", rho=ZERO, mu=ONE)
    ),
    "noisy images, moved in between, guides that rest": Case(
        DDIM(**TWICE), interval=SELDOM, target=GuidanceTarget(mu=ONE), method=GuidanceMethod(
            schedule("iterations", 3), schedule("smoothing", 0.2), schedule("samples", 2)
        ),
    ),
    "a shift of a given size": Case(
        DPMSolver(), (7, 8), method=GuidanceMethod(relative=schedule("relative", 0.1))
    ),
    "noise that is turned": Case(
        DDIM(**TWICE), interval=SELDOM, method=GuidanceMethod(spherical=schedule("s", 0.3))
    ),
    "guides that rest, no gradient in between": Case(
        DDIM(), interval=GuidanceInterval(SELDOM.every, "nothing")
    ),
    "windows": Case(DPMSolver(), tiles="blend", size=LARGE),
    "windows that shift": Case(DDIM(**TWICE), tiles="shift", size=LARGE),
    "windows that shift, three together": Case(
        PLMS(order=3), (7, 8, 9), mirror=MIRROR, classes=True, tiles="shift", size=LARGE
    ),
    "windows that shift, learned variances": Case(
        DDPM(), init=True, skip=2, tiles="shift", size=LARGE
    ),
    "windows on a ring": Case(DPMSolver(eta=1), tiles="blend", size=LARGE, rings=(True, True)),
    "a ring": Case(PLMS(), (7, 8), rings=(True, False)),
    "a JiT": Case(DPMSolver(eta=1), (7, 8), size=(8, 8), jit=True),
    "a JiT, a larger canvas": Case(DDIM(**TWICE), (7, 8), tiles="auto", size=LARGE, jit=True),
    "a JiT, windows that shift": Case(PLMS(), init=True, skip=2, tiles="shift", size=LARGE,
                                      jit=True),
    "Disco's cutouts": Case(DDIM(), cutouts=DiscoCutouts(overview=1, inner=1, batches=1)),
    "regions": Case(DPMSolver(eta=0.5, **TWICE), regions="scene"),
    "regions of three together, in windows": Case(DDIM(**TWICE), (7, 8, 9), regions="objects"),
    "regions in windows, by PLMS": Case(PLMS(order=4), regions="objects", interval=SELDOM),
    "regions in windows, mirrored": Case(DDPM(), regions="objects", mirror=MIRROR),
    "DiscoArt's cutouts": Case(PLMS(), cutouts=DiscoCutouts(overview=1, inner=1, shared=False)),
}  # fmt: skip


def parts(step: Step) -> dict[str, Tensor]:
    """Everything about a step that is a number."""
    guess = step.prediction
    found = {"x": step.x, "pred": guess.guided, "plain": guess.unguided, "seen": guess.seen}
    found |= {"similarity": guess.similarity, "norm": guess.grad_norm, "i": torch.tensor(step.i)}
    found |= {f"loss of {name}": loss for name, loss in guess.losses.items()}
    found |= {f"state: {name}": tensor for name, tensor in step.state.items()}
    return {what: tensor for what, tensor in found.items() if tensor is not None}


@pytest.mark.parametrize("name", CASES)
def test_from_any_state_on_every_bit_is_that_of_a_drawing_that_never_stopped(
    name: str, tmp_path
) -> None:
    case, path = CASES[name], tmp_path / "state.safetensors"
    whole = [(step.i, parts(step)) for step in case.draw()]
    assert len(whole) == STEPS - case.skip
    for k, step in enumerate(case.draw()):
        checkpoint.save(path, step.state, "x")  # a file between, and nothing else
        torch.manual_seed(k)  # no stream of the process is used
        # From the first state all steps are drawn. From a later one two: the state after them is
        # among what is compared, and what follows from that state is compared in its turn.
        far = None if k == 0 else 2
        again = islice(case.draw(checkpoint.load(path, "x")), far)
        rest = [(later.i, parts(later)) for later in again]
        after = whole[k + 1 :][:far]
        assert [i for i, _ in rest] == [i for i, _ in after]
        for (i, mine), (_, expected) in zip(rest, after, strict=True):
            assert mine.keys() == expected.keys()
            for what in expected:
                assert torch.equal(mine[what], expected[what]), f"{what} at {i} after step {k + 1}"


@pytest.mark.parametrize(
    "name", ["DDIM", "PLMS of order 4", "DPM-Solver++", "three together", "guides that rest"]
)
def test_without_what_was_remembered_or_drawn_the_rest_would_differ(name: str) -> None:
    """Otherwise the test above could not tell that any of it is kept."""
    steps = list(CASES[name].draw())
    saved = steps[2].state
    for forgotten in [key for key in saved if key not in ("x", "at")]:
        other = dict(saved)
        if forgotten == "dice":
            other["dice"] = steps[0].state["dice"]
        else:
            other[forgotten] = torch.zeros_like(saved[forgotten])
        rest = zip(map(parts, CASES[name].draw(other)), map(parts, steps[3:]), strict=True)
        assert any(differ(*pair) for pair in rest), forgotten


def differ(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """In what a step shows, not only in what it keeps."""
    shown = [name for name in other if not name.startswith("state: ")]
    return any(name not in one or not torch.equal(one[name], other[name]) for name in shown)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("a mask")])
def test_what_a_mask_keeps_is_the_init_image_at_every_step(name: str) -> None:
    init = torch.rand(1, 3, SIZE[1], SIZE[0], generator=torch.Generator().manual_seed(1)) * 2 - 1
    kept = (grey_mask() == 0).expand(1, 3, -1, -1)
    first, *_, last = CASES[name].draw()
    for step in (first, last):
        for image in (step.prediction.guided, step.prediction.unguided):
            assert torch.equal(image[:1][kept], init[kept])
    assert (last.prediction.unguided[:1][~kept] != init[~kept]).all()


@pytest.mark.parametrize(
    "size, box, corners",
    [
        ((16, 8), (9, 1, 15, 7), [(8, 0)]),  # as large as the model's own size, around the box
        ((16, 16), (0, 0, 4, 4), [(0, 0)]),
        ((8, 8), (4, 0, 8, 8), None),  # the model's own size
        ((24, 8), (4, 0, 20, 8), None),  # more than a window
    ],
)
def test_a_part_of_a_larger_picture_has_a_window_of_its_own(size, box, corners) -> None:
    net = network(0)
    card = ModelCard(unet=net.config, size=[8, 8], recommended=Recommended(area="middle"))
    drawing = DiffusionGenerator(net, card, DDIM(), CPU)
    mask = torch.zeros(1, 1, size[1], size[0])
    mask[..., box[1] : box[3], box[0] : box[2]] = 1
    asked = Request(size, (7, 8), STEPS, torch.zeros(1, 3, size[1], size[0]), mask=mask)
    model = ModelDenoiser(net, timeline("linear", STEPS))
    found = drawing._of_regions(model, asked)
    assert getattr(found, "corners", None) == (corners and [corners, corners])


def test_an_image_under_a_mask_does_not_depend_on_its_batch() -> None:
    case = CASES["a mask, three together, with jumps"]
    *_, together = case.draw()
    *_, alone = replace(case, seeds=(8,)).draw()
    mine, expected = together.prediction.unguided[1], alone.prediction.unguided[0]
    assert torch.allclose(mine, expected, atol=1e-4)


@pytest.mark.parametrize("sampler", [DDIM(), DDPM(), PLMS(order=3), DPMSolver(eta=1)], ids=str)
@pytest.mark.parametrize("tiles", ["blend", "shift"])
def test_one_window_draws_what_no_window_draws(tiles: str, sampler: Sampler) -> None:
    one, none = (Case(sampler, tiles=kind) for kind in (tiles, "off"))
    for mine, expected in zip(map(parts, one.draw()), map(parts, none.draw()), strict=True):
        assert mine.keys() == expected.keys()
        assert all(torch.equal(mine[what], expected[what]) for what in expected)


@pytest.mark.parametrize("tiles", ["blend", "shift"])
def test_in_windows_an_image_is_drawn_as_alone(tiles: str) -> None:
    """To rounding of the networks; an image's windows shift by its own random numbers."""
    case = Case(DDPM(), (7, 8), tiles=tiles, size=LARGE, classes=True)
    *_, together = case.draw()
    for b, seed in enumerate(case.seeds):
        *_, alone = replace(case, seeds=(seed,)).draw()
        assert torch.allclose(together.x[b], alone.x[0], atol=1e-3)


def test_windows_suit_the_secondary_model_too() -> None:
    """Which halves an image five times: 96 pixels in two windows of multiples of 32."""
    net = network(0)
    small = randomised(SecondaryModel(), seed=1).eval().requires_grad_(False)
    drawing = DiffusionGenerator(
        net, ModelCard(unet=net.config, size=[48, 48]), DDIM(), CPU,
        target=GuidanceTarget(secondary=small), tiles="blend",
    )  # fmt: skip
    request = Request((96, 32), (7,), STEPS, skip=STEPS - 1)
    (step,) = drawing.generate(request, {"range": Range().prepare(Scene([], {}, few(), CPU))})
    assert step.x.shape == (1, 3, 32, 96)


def test_a_state_is_not_changed_by_going_on() -> None:
    """So that it can be written down later, when there is time."""
    steps = list(CASES["PLMS of order 4"].draw())
    before = {name: tensor.clone() for name, tensor in steps[2].state.items()}
    list(CASES["PLMS of order 4"].draw(steps[2].state))
    assert all(torch.equal(steps[2].state[name], before[name]) for name in before)


def test_a_state_of_another_request_is_refused() -> None:
    one = next(CASES["DDIM"].draw())
    with pytest.raises(ValueError, match="size or number"):
        next(CASES["three together"].draw(one.state))
    with pytest.raises(ValueError, match="not of this request"):
        next(replace(CASES["DDIM"], skip=3).draw(one.state))
    with pytest.raises(ValueError, match="not of this request"):
        next(CASES["DDIM"].draw({"x": one.x}))


def test_a_network_of_one_size_sees_windows_of_that_size_only() -> None:
    """Which its places for patches demand; the picture has no place that none of them shows."""
    seen: list[tuple[int, ...]] = []
    handle = transformer().register_forward_pre_hook(
        lambda _, args: seen.append(args[0].shape[2:])
    )
    try:
        steps = list(Case(DDIM(), tiles="auto", size=LARGE, jit=True).draw())
    finally:
        handle.remove()
    assert set(seen) == {(8, 8)} and len(seen) == STEPS * 3 * 2
    assert steps[-1].x.shape == (1, 3, LARGE[1], LARGE[0]) and steps[-1].x.isfinite().all()


def test_the_memory_of_a_transformer_is_counted_and_recomputing_saves_some() -> None:
    net = transformer(8)
    drawing = DiffusionGenerator(net, JiTCard(jit=net.config, size=[8, 8]), DDIM(), CPU).on_meta()
    request, needs = Request((8, 8), [1, 2], STEPS), []
    for checkpointing in (False, True):
        drawing.memory_policy.checkpointing = checkpointing
        owned = held(*drawing.networks().values())
        needs.append(measure_step(drawing, {}, request, "cpu", owned, 0.5))
    assert list(drawing.networks()) == ["JiT"]
    assert 0 < needs[1].activations < needs[0].activations / 2
    # Tokens of both images, of every block, are the least that is kept.
    assert needs[0].activations > 8 * 2 * 4 * 16 * 4


def test_a_picture_begins_with_the_noise_that_is_given():
    """That of its own seed makes the same picture, that of another seed another."""
    shape = (1, 3, SIZE[1], SIZE[0])
    own, other = (torch.randn(shape, generator=torch.Generator().manual_seed(k)) for k in (7, 8))
    usual, same, different = (
        [step.x for step in Case(DDIM(eta=0), noise=noise).draw()][-1]
        for noise in (None, own, other)
    )
    assert torch.equal(usual, same)
    assert not torch.allclose(usual, different, atol=1e-3)
