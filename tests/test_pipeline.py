"""The frames of a plan: their order, seeds, prompts and init pictures, with a generator of known
predictions; and models that are loaded once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from guided.canvas.mask import Mask
from guided.canvas.outpaint import Outpaint
from guided.clip import model
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.cutouts.settings import Cutouts
from guided.guides.base import GuidePerImage
from guided.interfaces import Guide, Prediction, Request, Scene, State, Step
from guided.memory import planner
from guided.memory.planner import MemoryRequest
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.pipeline import Pipeline
from tests.doubles import ColourClip, FixedGuide, LinearClip

SEED = 7
COLOURS = {"red": [1.0, -1.0, -1.0], "green": [-1.0, 1.0, -1.0], "blue": [-1.0, -1.0, 1.0]}


@dataclass
class KnownGenerator:
    """Predicts one colour for every image; the guided prediction is another."""

    colour: str = "red"
    calls: list[tuple[Request, Mapping[str, Guide], State | None]] = field(default_factory=list)

    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        self.calls.append((request, guides, saved))
        width, height = request.size
        image = torch.tensor(COLOURS[self.colour])[None, :, None, None]
        x = image.expand(len(request.seeds), 3, height, width)
        first = request.drawn - 1 if saved is None else int(saved["at"]) - 1
        for i in range(first, -1, -1):
            yield Step(i, x, Prediction(-x, x), state={"at": torch.tensor(i)})


class WholeClip(ColourClip):
    """Reads texts of any length, and waits where it is told to."""

    offloaded = False

    def set_offloaded(self, offloaded: bool) -> None:
        self.offloaded = offloaded

    def split(self, text: str) -> list[str]:
        return [text]


@dataclass
class RecordingGuide:
    """Settings of a guide that note the scenes that it is prepared for."""

    scenes: list[Scene] = field(default_factory=list)

    def prepare(self, scene: Scene) -> Guide:
        self.scenes.append(scene)
        return FixedGuide(torch.zeros(()))


@pytest.fixture(scope="module")
def usual() -> Plan:
    return Plan.read(compose(["prompt=red", f"seed={SEED}", "steps=3"]))


@pytest.fixture
def guide() -> RecordingGuide:
    return RecordingGuide()


@pytest.fixture
def plan(usual: Plan, guide: RecordingGuide) -> Plan:
    return replace(usual, guides={"recording": guide}, size=(8, 4))


def pipeline(generator: KnownGenerator, **clips: object) -> Pipeline:
    return Pipeline(generator, clips, None, "cpu", "float32")


# ---- frames --------------------------------------------------------------------------------


@pytest.mark.parametrize("count, batch_size", [(1, 1), (3, 1), (4, 2), (5, 2), (2, 9)])
def test_frames_of_one_batch_alternate_and_batches_follow_each_other(plan, count, batch_size):
    plan = replace(plan, count=count, batch_size=batch_size)
    frames = list(pipeline(KnownGenerator()).frames(plan))
    batches = [range(k, min(k + batch_size, count)) for k in range(0, count, batch_size)]
    expected = [(k, step) for batch in batches for step in (1, 2, 3) for k in batch]
    assert [(frame.index, frame.step) for frame in frames] == expected
    for frame in frames:
        assert frame.seed == SEED + frame.index
        assert (frame.steps, frame.progress) == (3, frame.step / 3)
        assert frame.last == (frame.step == 3)
        assert frame.image.shape == (1, 3, 4, 8)


def test_a_frame_shows_the_prediction_without_guides_from_0_to_1(plan):
    frame = next(pipeline(KnownGenerator("green")).frames(plan))
    assert frame.image[0, :, 0, 0].tolist() == [0, 1, 0]


def test_the_state_to_go_on_from_comes_with_the_last_image_of_each_step_but_the_end(plan):
    frames = pipeline(KnownGenerator()).frames(replace(plan, count=2, batch_size=2))
    found = [(frame.index, frame.step) for frame in frames if frame.state is not None]
    assert found == [(1, 1), (1, 2)]


def test_with_a_state_the_frames_after_it_are_the_same(plan):
    drawn = pipeline(KnownGenerator())
    whole = list(drawn.batch(plan, 4, [SEED, SEED + 1]))
    rest = list(drawn.batch(plan, 4, [SEED, SEED + 1], whole[1].state))
    assert [(f.index, f.seed, f.step) for f in rest] == [
        (f.index, f.seed, f.step) for f in whole[2:]
    ]
    assert rest[-1].last


def test_a_generator_gets_the_prompts_of_each_image(plan):
    generator = KnownGenerator()
    list(pipeline(generator).frames(replace(plan, count=2, batch_size=2)))
    (request, *_), *_ = generator.calls
    assert [[asked.text for asked in own] for own in request.prompts] == [["red"], ["red"]]


def test_skipped_steps_are_not_counted(plan):
    frames = list(pipeline(KnownGenerator()).frames(replace(plan, skip=1)))
    assert [(frame.step, frame.steps, frame.progress) for frame in frames] == [
        (1, 2, 0.5),
        (2, 2, 1.0),
    ]


@pytest.mark.parametrize("colour, cosine", [("red", 1.0), ("green", 0.0)])
def test_only_a_finished_picture_has_a_score_its_cosine_with_the_prompt(plan, colour, cosine):
    """The embeddings are colours."""
    plan = replace(plan, size=(8, 8))
    scores = [
        frame.score for frame in pipeline(KnownGenerator(colour), c=WholeClip()).frames(plan)
    ]
    assert scores == [None, None, pytest.approx(cosine, abs=1e-5)]


@pytest.mark.parametrize(("area", "in_windows"), [("whole", True), ("middle", False)])
def test_the_finished_picture_is_drawn_again_at_a_larger_size(plan, guide, area, in_windows):
    recommended = replace(plan.model.recommended, area=area)  # middle: it draws single objects
    plan = replace(plan, model=replace(plan.model, recommended=recommended))
    generator = KnownGenerator("blue")
    drawn = pipeline(generator)
    drawn.enlarger = lambda image, times: image.repeat_interleave(times, 2).repeat_interleave(
        times, 3
    )
    plan = replace(plan, steps=10, count=2, batch_size=2, upscale=2, redraw=0.35)
    frames = list(drawn.frames(plan))
    assert [frame.larger is not None for frame in frames] == [False] * 18 + [True] * 2
    assert {frame.image.shape[2:] for frame in frames} == {(4, 8)}
    assert frames[-1].larger.shape == (1, 3, 8, 16)
    assert len(generator.calls) == 2
    again = generator.calls[1][0]
    assert (again.size, again.seeds) == ((16, 8), [SEED, SEED + 1])
    assert again.in_windows == in_windows
    assert again.drawn == 4
    blue = torch.tensor(COLOURS["blue"]).view(1, 3, 1, 1)
    torch.testing.assert_close(again.init, blue.expand(2, 3, 8, 16))
    assert guide.scenes[-1].init.shape == (1, 3, 8, 16)  # what a likeness keeps near


@pytest.mark.parametrize("tile", ["none", "x"])
def test_a_picture_whose_edges_meet_is_enlarged_beyond_them(plan, tile):
    """An enlarger that looks two pixels to the right sees the left edge there, or nothing."""
    drawn = pipeline(generator := HalfGenerator("red"))
    drawn.enlarger = lambda image, times: F.pad(
        image[..., 2:], (0, 2)
    ).repeat_interleave(times, 2).repeat_interleave(times, 3)  # fmt: skip
    list(drawn.frames(replace(plan, steps=10, upscale=2, redraw=0.35, tile=tile)))
    right = generator.calls[1][0].init[0, :, 0, -1].tolist()
    assert right == (COLOURS["green"] if tile == "x" else [-1, -1, -1])


# ---- prompts, init pictures and guides -----------------------------------------------------


def test_images_with_the_same_prompts_share_their_guides(plan, guide):
    generator = KnownGenerator()
    list(pipeline(generator).frames(replace(plan, count=3, batch_size=3)))
    ((_, guides, _),) = generator.calls
    assert len(guide.scenes) == 1
    assert isinstance(guides["recording"], FixedGuide)


def test_images_whose_wildcards_differ_have_guides_of_their_own(plan, guide):
    prompt = replace(plan.prompts[0], text="{red|green|blue}")
    plan = replace(plan, prompts=[prompt], count=9, batch_size=9)
    generator = KnownGenerator()
    frames = list(pipeline(generator).frames(plan))
    ((_, guides, _),) = generator.calls
    assert isinstance(guides["recording"], GuidePerImage)
    heard = [[one.text for one in scene.prompts] for scene in guide.scenes]
    assert heard == [[one.text for one in plan.prompts_of(SEED + k)] for k in range(9)]
    assert len({texts[0] for texts in heard}) > 1
    for frame in frames:
        assert [one.text for one in frame.prompts] == frame.decided == heard[frame.index]


@dataclass(frozen=True)
class SeedInit:
    """An init picture whose grey tells its seed."""

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        return torch.full((1, 3, size[1], size[0]), seed / 100)


def test_every_image_begins_with_the_init_picture_of_its_seed(plan, guide):
    plan = replace(plan, init=SeedInit(), count=3, batch_size=2, skip=1)
    generator = KnownGenerator()
    list(pipeline(generator).frames(plan))
    requests = [request for request, _, _ in generator.calls]
    assert [list(request.seeds) for request in requests] == [[7, 8], [9]]
    for request in requests:
        grey = request.init[:, 0, 0, 0]  # from -1 to 1
        assert torch.allclose((grey + 1) / 2, torch.tensor(request.seeds) / 100)
        assert (request.size, request.steps, request.skip) == ((8, 4), 3, 1)
    assert [float(scene.init[0, 0, 0, 0]) for scene in guide.scenes] == [
        pytest.approx(seed / 100) for seed in (7, 8, 9)
    ]


class HalfGenerator(KnownGenerator):
    """Predicts a picture that is green on the left, and of the colour on the right."""

    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        green = torch.tensor(COLOURS["green"])[:, None, None]
        for step in super().generate(request, guides, saved):
            image = step.x.clone()
            image[..., : request.size[0] // 2] = green
            yield replace(step, prediction=Prediction(image, image))


def test_a_picture_under_a_mask_is_scored_by_what_is_drawn_anew(plan, guide):
    """Half of it is red, as was asked, and the mask is about that half, or about the other."""
    for box, score in ((None, 0.5), ((4, 0, 8, 4), 1.0), ((0, 0, 4, 4), 0.0)):
        picture = Image.new("L", (8, 4), 0)
        picture.paste(255, box or (0, 0, 8, 4))
        masked = replace(plan, init=SeedInit(), mask=Mask(picture) if box else None)
        generator = HalfGenerator()
        *_, last = pipeline(generator, a=WholeClip()).frames(masked)
        assert last.score == pytest.approx(score, abs=0.01)
    (request, _, _) = generator.calls[0]
    assert torch.equal(request.mask, masked.mask.tensor())
    assert torch.equal(guide.scenes[-1].mask, request.mask)


def test_an_outpainted_picture_has_the_init_picture_in_its_place(plan):
    around = Outpaint((8, 4), (2, 0, 4, 0))
    generator = KnownGenerator()
    plan = replace(plan, init=SeedInit(), outpaint=around, size=around.size)
    list(pipeline(generator).frames(replace(plan, mask=Mask(around.mask()))))
    (request, _, _) = generator.calls[0]
    assert request.init.shape == (1, 3, 4, 14)
    assert (request.mask[..., 2:10] == 0).all() and request.mask.sum() == 6 * 4


def test_cutouts_for_outputs_are_made_once_for_each_size_of_clips(plan):
    clips = {"a": LinearClip((8, 8)), "b": LinearClip((6, 10)), "c": LinearClip((8, 8))}
    plan = replace(plan, cutouts=Cutouts(overview=1, inner=2, augment=False))
    look = pipeline(KnownGenerator(), **clips).look(plan)
    shapes = [tuple(views.shape[1:]) for views in look(torch.rand(1, 3, 16, 16), 0.5, SEED)]
    assert shapes == [(3, 8, 8), (3, 6, 10)]


def test_cutouts_for_outputs_are_around_what_a_mask_has(plan):
    """The picture is black but for the corner that is drawn anew."""
    area = Image.new("L", (16, 16), 0)
    area.paste(255, (12, 12, 16, 16))
    image = torch.zeros(1, 3, 16, 16)
    image[..., 12:, 12:] = 1
    settings = Cutouts(overview=0, inner=4, augment=False, smallest=0.25, power=9, gray=0)
    plan = replace(plan, cutouts=settings, mask=Mask(area))
    drawn = pipeline(KnownGenerator(), a=WholeClip())
    (seen,) = drawn.look(plan)(image, 0.5, SEED)
    (compared,) = drawn.compare(plan)(image, plan.prompts, 0.5, SEED)
    assert torch.equal(compared.views, seen)
    assert (seen.mean((1, 2, 3)) > 0.2).all()


# ---- loading -------------------------------------------------------------------------------


def test_rows_share_models_and_what_was_planned_and_free_what_they_do_not_need(usual, monkeypatch):
    planned: list[MemoryRequest] = []

    def plan_memory(request: MemoryRequest, policy: MemoryPolicy) -> str:
        planned.append(request)
        return "it fits"

    def load(*_: object) -> WholeClip:
        return WholeClip()  # the real ones need seconds

    monkeypatch.setattr(planner, "plan_memory", plan_memory)
    monkeypatch.setattr(model, "load", load)
    loaded = ModelCache()
    plan = usual
    first = Pipeline.open(plan, loaded)
    second = Pipeline.open(replace(plan, seed=1, steps=9), loaded)
    assert second.clips.keys() == first.clips.keys() == plan.clips.keys()
    assert all(second.clips[name] is first.clips[name] for name in first.clips)
    for name, network in first.generator.networks().items():
        assert second.generator.networks()[name] is network
    assert second.memory_policy is first.memory_policy
    assert (first.memory_report, second.memory_report) == ("it fits", None)
    assert len(planned) == 1
    one = dict(list(plan.clips.items())[:1])
    third = Pipeline.open(replace(plan, clips=one), loaded)
    assert list(third.clips) == list(one)
    assert third.memory_policy is not first.memory_policy and len(planned) == 2
    kept = [id(found) for _, found in loaded.models.values()]
    gone = set(first.clips) - set(one)
    assert gone and not any(id(first.clips[name]) in kept for name in gone)
