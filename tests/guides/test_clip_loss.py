"""The CLIP guide: its distance, its gradient, its weights, and its bounded memory."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.cutouts.settings import Cutouts, DiscoCutouts
from guided.guides.clip import ClipGuide
from guided.guides.clip_loss import ClipSimilarity, contrastive_loss, sigmoid_loss, spherical
from guided.images import picture as to_picture
from guided.interfaces import GuideGradient, Scene
from guided.prompts.prompt import Prompt
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import LinearClip, numerical, relative

STILL = Cutouts(overview=1, inner=0, augment=False)  # one view, the image itself


def picture(images: int = 1, height: int = 8, width: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(images, 3, height, width, generator=generator, dtype=torch.float64)


def guide(
    *clips: LinearClip,
    prompts: list[Prompt] | None = None,
    scale: object = 1.0,
    cutouts: Cutouts = STILL,
    clip_weights: dict[str, object] | None = None,
    rings: tuple[bool, bool] = (False, False),
    contrast: float = 0.0,
    **settings: str,
) -> ClipSimilarity:
    scene = Scene(
        prompts=prompts or [Prompt("a red heart")],
        clips={str(k): clip for k, clip in enumerate(clips)},
        cutouts=cutouts,
        device=torch.device("cpu"),
        clip_weights={k: schedule("weight", w) for k, w in (clip_weights or {}).items()},
        rings=rings,
    )
    return ClipGuide(scale=scale, contrast=contrast, **settings).prepare(scene)


def test_a_clip_that_judges_pairs_alone_has_the_gradient_of_its_own_distance() -> None:
    clip = LinearClip()
    clip.kind, clip.logit_scale, clip.logit_bias = "sigmoid", 10.0, -1.0
    prompts = [Prompt("a red heart", 2.0), Prompt("fog", -1.0)]
    made, image = guide(clip, prompts=prompts, scale=3.0), picture()

    def loss(image: Tensor) -> Tensor:
        logits = 10 * clip.encode_image(image) @ clip.encode_text(["a red heart", "fog"]).T - 1
        chance = logits.sigmoid()[0]
        return -3 * (2 / 3 * chance[0].log() + 1 / 3 * (1 - chance[1]).log()) / 10

    pull = made(image, 0.5, RandomStreams([1]))
    assert pull.loss.item() == pytest.approx(loss(image).item())
    assert relative(pull.grad, numerical(loss, image)) < 1e-6


# ---- contrast ---------------------------------------------------------------------------


def test_the_contrastive_loss_is_the_cross_entropy_of_the_prompt_among_its_alternatives() -> None:
    generator = torch.Generator().manual_seed(3)
    views, points, *others = (
        F.normalize(torch.randn(n, 5, generator=generator, dtype=torch.float64), dim=-1)
        for n in (4, 2, 3, 6)
    )
    found = contrastive_loss(views, points, others, 20.0)
    for p, other in enumerate(others):
        texts = torch.cat([points[p : p + 1], other])
        right = torch.zeros(4, dtype=torch.long)
        expected = F.cross_entropy(20 * views @ texts.T, right, reduction="none") / 20
        assert torch.allclose(found[:, p], expected)


def test_a_view_that_shows_nothing_but_the_prompt_is_no_longer_pushed() -> None:
    points = torch.eye(3, dtype=torch.float64)
    view = points[:1].clone().requires_grad_()
    contrastive_loss(view, points[:1], [points[1:]], 100.0).sum().backward()
    assert view.grad is not None and view.grad.abs().max() < 1e-40


@pytest.mark.parametrize("contrast", [1.0, 0.25])
def test_a_contrasted_guide_has_the_gradient_of_both_losses_by_their_shares(contrast) -> None:
    clip = LinearClip()
    clip.logit_scale, clip.lexicon = 5.0, ["a red heart", "a bird", "a tree", "a boat"]
    prompts = [Prompt("a red heart", 2.0), Prompt("a tree", -1.0)]
    made = guide(clip, prompts=prompts, scale=3.0, contrast=contrast)
    image = picture()

    def loss(image: Tensor) -> Tensor:
        view, texts = clip.encode_image(image), clip.encode_text(clip.lexicon)
        surprise = -(5 * view @ texts.T).log_softmax(1)[0] / 5
        angle = (view @ texts.T)[0].acos() ** 2 / 2
        both = contrast * surprise + (1 - contrast) * angle
        return 3 * (2 / 3 * both[0] - 1 / 3 * both[2])

    pull = made(image, 0.5, RandomStreams([1]))
    assert pull.loss.item() == pytest.approx(loss(image).item())
    assert relative(pull.grad, numerical(loss, image)) < 1e-6


def test_a_prompt_without_alternatives_leaves_the_contrast_of_the_others() -> None:
    clip = LinearClip()
    clip.logit_scale, clip.lexicon = 5.0, ["a red heart", "a tree", "a boat"]
    clip.alternatives = lambda text: LinearClip.alternatives(clip, text)[: 9 * (text != "blue")]
    prompts = [Prompt("a red heart", 2.0), Prompt("blue", -1.0)]
    made, image = guide(clip, prompts=prompts, contrast=0.6), picture()

    def loss(image: Tensor) -> Tensor:
        view, texts = clip.encode_image(image), clip.encode_text([*clip.lexicon, "blue"])
        surprise = -(5 * view @ texts[:3].T).log_softmax(1)[0, 0] / 5
        angles = (view @ texts.T)[0].acos() ** 2 / 2
        return 2 / 3 * (0.6 * surprise + 0.4 * angles[0]) - 1 / 3 * angles[3]

    pull = made(image, 0.5, RandomStreams([1]))
    assert pull.loss.item() == pytest.approx(loss(image).item())
    assert relative(pull.grad, numerical(loss, image)) < 1e-6


def test_the_path_of_an_image_prompt_is_no_text(tmp_path) -> None:
    path = tmp_path / "a red heart.png"
    to_picture(picture()).save(path)
    clip = LinearClip()
    clip.lexicon, clip.device = ["a red heart", "a tree"], torch.device("cpu")
    prompts = [Prompt(str(path), image=str(path))]
    pulls = [
        guide(clip, prompts=prompts, contrast=share)(picture(), 0.5, RandomStreams([1]))
        for share in (0.0, 1.0)
    ]
    assert torch.equal(pulls[0].grad, pulls[1].grad)


def test_without_alternatives_the_distance_is_all_of_the_loss() -> None:
    image, plain = picture(), guide(LinearClip())(picture(), 0.5, RandomStreams([1]))
    pull = guide(LinearClip(), contrast=1.0)(image, 0.5, RandomStreams([1]))
    assert torch.equal(pull.loss, plain.loss) and torch.equal(pull.grad, plain.grad)


# ---- distance ------------------------------------------------------------------------------


@pytest.mark.parametrize("degrees", [0.5, 10, 45, 90, 135, 170, 179])
def test_spherical_distance_is_half_the_squared_angle(degrees: float) -> None:
    angle = math.radians(degrees)
    x = torch.tensor([[1.0, 0, 0]], dtype=torch.float64)
    y = torch.tensor([[math.cos(angle), math.sin(angle), 0]], dtype=torch.float64)
    assert spherical(x, y).item() == pytest.approx(angle**2 / 2, rel=1e-9)
    assert spherical(x, y).item() == pytest.approx(math.acos((x @ y.T).item()) ** 2 / 2, rel=1e-9)


def test_every_view_is_compared_to_every_prompt() -> None:
    x, y = torch.eye(3)[:2], torch.eye(3)
    expected = (1 - torch.eye(3)[:2]) * (math.pi / 2) ** 2 / 2
    assert torch.allclose(spherical(x, y), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign, distance", [(1, 0.0), (-1, math.pi**2 / 2)])
def test_equal_and_opposite_points_have_a_finite_gradient(
    sign: int, distance: float, dtype: torch.dtype
) -> None:
    y = torch.nn.functional.normalize(torch.tensor([[0.3, -0.5, 0.7]], dtype=dtype), dim=-1)
    x = (sign * y).requires_grad_()
    found = spherical(x, y)
    (grad,) = torch.autograd.grad(found.sum(), x)
    assert found.item() == pytest.approx(distance, abs=0.01)
    assert torch.isfinite(grad).all()


def test_the_gradient_of_the_distance_is_the_angle() -> None:
    """Along the sphere, d (angle**2 / 2) is angle * d angle."""
    angle = torch.tensor(1.1, dtype=torch.float64, requires_grad=True)
    x = torch.stack([angle.cos(), angle.sin()])[None]
    y = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    (grad,) = torch.autograd.grad(spherical(x, y).sum(), angle)
    assert grad.item() == pytest.approx(1.1, rel=1e-9)


# ---- loss and gradient ---------------------------------------------------------------------


def test_the_loss_is_the_weighted_distance_of_the_image_to_the_prompts() -> None:
    clip, image = LinearClip(), picture()
    prompts = [Prompt("a red heart", 3), Prompt("fog", -1)]
    pull = guide(clip, prompts=prompts, scale=10)(image, 0.5, RandomStreams([1]))
    seen = clip.encode_image(image)
    cosines = [float(seen @ clip.encode_text([p.text]).T) for p in prompts]
    angles = [math.acos(cosine) for cosine in cosines]
    expected = 10 * (0.75 * angles[0] ** 2 - 0.25 * angles[1] ** 2) / 2
    assert pull.loss.item() == pytest.approx(expected, rel=1e-9)
    assert pull.similarity.item() == pytest.approx(0.75 * cosines[0] - 0.25 * cosines[1])


@pytest.mark.parametrize("shape", [(6, 6), (7, 4)])
def test_the_gradient_is_the_derivative_of_the_loss(shape: tuple[int, int]) -> None:
    """With random views too, which the same dice make the same. Where views are letter-boxed, the
    bars give no gradient, so there only inner views are looked at."""
    cutouts = Cutouts(
        overview=int(shape[0] == shape[1]), inner=2, smallest=0.7, jitter=0, gray=0.5
    )
    chosen = guide(LinearClip((4, 4)), scale=3, cutouts=cutouts)
    image = picture(1, *shape)
    pull = chosen(image, 0.5, RandomStreams([4]))
    expected = numerical(lambda x: chosen(x, 0.5, RandomStreams([4])).loss.sum(), image, 1e-5)
    assert relative(pull.grad, expected) < 1e-6


def test_where_edges_meet_the_image_is_looked_at_rolled_at_random() -> None:
    """The loss is that of the image rolled by some offset, which differs from step to step; the
    gradient is rolled back. An object that has to stay in the middle is not rolled."""
    clip, image, offsets = LinearClip(), picture(), []
    plain, ring = guide(clip), guide(clip, rings=(True, True))
    for seed in (1, 2, 3):
        seen = ring(image, 0.5, RandomStreams([seed]))
        for by in product(range(8), range(8)):
            there = plain(image.roll(by, (2, 3)), 0.5, RandomStreams([seed]))
            if relative(there.loss, seen.loss) < 1e-9:
                back = there.grad.roll((-by[0], -by[1]), (2, 3))
                assert relative(back, seen.grad) < 1e-9
                offsets.append(by)
    assert len(offsets) == 3 and len(set(offsets)) > 1
    across = guide(clip, rings=(True, False))(image, 0.5, RandomStreams([1])).loss
    assert any(
        relative(plain(image.roll(by, 3), 0.5, RandomStreams([1])).loss, across) < 1e-9
        for by in range(8)
    )
    middle = replace(STILL, area="middle")
    centred = guide(clip, rings=(True, True), cutouts=middle)(image, 0.5, RandomStreams([1]))
    assert torch.equal(centred.loss, plain(image, 0.5, RandomStreams([1])).loss)


def test_following_the_gradient_makes_the_image_more_similar() -> None:
    chosen = guide(LinearClip(), cutouts=Cutouts(overview=4, inner=4, smallest=0.5))
    image = picture()
    before = chosen(image, 0.5, RandomStreams([1]))
    for k in range(20):
        image = image - 5 * chosen(image, 0.5, RandomStreams([k])).grad
    after = chosen(image, 0.5, RandomStreams([1]))
    assert after.loss < 0.5 * before.loss
    assert after.similarity > before.similarity + 0.2


def test_a_negative_prompt_is_left_behind() -> None:
    """Of two prompts that pull equally hard, the image nears one and leaves the other."""
    clip = LinearClip()
    chosen = guide(clip, prompts=[Prompt("cat", 1), Prompt("dog", -1)])
    image = picture()

    def near(text: str) -> float:
        return float(clip.encode_image(image) @ clip.encode_text([text]).T)

    before = near("cat"), near("dog")
    for _ in range(10):
        image = image - 5 * chosen(image, 0, RandomStreams([1])).grad
    assert near("cat") > before[0] and near("dog") < before[1]


def test_several_clips_share_one_scale() -> None:
    first, second = LinearClip(width=6), LinearClip((5, 5), width=9)
    image = picture()
    both = guide(first, second, scale=8)(image, 0.5, RandomStreams([1]))
    alone = [guide(clip, scale=8)(image, 0.5, RandomStreams([1])) for clip in (first, second)]
    assert torch.allclose(both.grad, (alone[0].grad + alone[1].grad) / 2)
    assert torch.allclose(both.loss, (alone[0].loss + alone[1].loss) / 2)
    assert torch.allclose(both.similarity, (alone[0].similarity + alone[1].similarity) / 2)


def test_weights_count_by_their_share_however_large_they_are() -> None:
    pulls = [
        guide(LinearClip(), prompts=[Prompt("cat", 2 * k), Prompt("fog", k)])(
            picture(), 0, RandomStreams([1])
        )
        for k in (1, 50)
    ]
    assert torch.allclose(pulls[0].grad, pulls[1].grad)


def test_the_scale_is_a_schedule() -> None:
    chosen = guide(LinearClip(), scale=[[0, 2], [0.5, 6]])
    early, late = (chosen(picture(), p, RandomStreams([1])).grad for p in (0.2, 0.7))
    assert torch.allclose(late, 3 * early)


def test_clips_can_be_summed_as_the_references_do() -> None:
    clips = LinearClip(width=6), LinearClip((5, 5), width=9)
    shared, summed = (
        guide(*clips, scale=8, combine=how)(picture(), 0.5, RandomStreams([1]))
        for how in ("mean", "sum")
    )
    assert torch.allclose(summed.grad, 2 * shared.grad)
    assert torch.allclose(summed.similarity, shared.similarity)


def test_a_clips_weight_is_its_share_and_may_vary() -> None:
    clips = LinearClip(width=6), LinearClip((5, 5), width=9)
    made = guide(*clips, scale=8, clip_weights={"0": 3, "1": [[0, 1], [0.5, 0]]})
    alone = [guide(clip, scale=8) for clip in clips]
    early, late = (
        made(picture(), 0.2, RandomStreams([1])),
        made(picture(), 0.7, RandomStreams([1])),
    )
    assert [len(clip.batches) for clip in clips] == [2, 1]  # with no weight it is not run
    expected = [one(picture(), 0.2, RandomStreams([1])).grad for one in alone]
    assert torch.allclose(early.grad, 0.75 * expected[0] + 0.25 * expected[1])
    assert torch.allclose(late.grad, alone[0](picture(), 0.7, RandomStreams([1])).grad)


def test_a_clip_that_is_not_asked_is_not_run() -> None:
    first, second = LinearClip(width=6), LinearClip((5, 5), width=9)
    prompts = [Prompt("cat", clips=("0",)), Prompt("dog", ends=0.5, clips=("1",))]
    made = guide(first, second, prompts=prompts, scale=8)
    made(picture(), 0.7, RandomStreams([1]))
    assert (first.batches, second.batches) == ([1], [])
    assert torch.allclose(
        made(picture(), 0.7, RandomStreams([1])).grad,
        guide(first, prompts=[Prompt("cat")], scale=8)(picture(), 0.7, RandomStreams([1])).grad,
    )


def test_a_step_at_which_nothing_is_asked_has_no_gradient() -> None:
    pull = guide(LinearClip(), prompts=[Prompt("cat", ends=0.5)])(
        picture(), 0.7, RandomStreams([1])
    )
    assert not pull.grad.any() and not pull.loss.any() and pull.similarity is None


@pytest.mark.parametrize("rule, factor", [("sum", 2.0), ("l2", 4 / 10**0.5)])
def test_the_references_rules_of_weights_change_the_strength(rule: str, factor: float) -> None:
    """Weights 3 and -1: the sum of sizes is 4, the sum 2, the root of squares sqrt(10)."""
    prompts = [Prompt("cat", 3), Prompt("fog", -1)]
    ours = guide(LinearClip(), prompts=prompts)(picture(), 0, RandomStreams([1]))
    theirs = guide(LinearClip(), prompts=prompts, weights=rule)(picture(), 0, RandomStreams([1]))
    assert torch.allclose(theirs.grad, factor * ours.grad, rtol=1e-5)


def test_a_prompt_that_changes_is_another_one_then() -> None:
    clip = LinearClip()
    made = guide(clip, prompts=[Prompt("cat", ends=0.5), Prompt("dog", begins=0.5)])
    for progress, text in ((0.2, "cat"), (0.5, "dog"), (1.0, "dog")):
        expected = guide(clip, prompts=[Prompt(text)])(picture(), progress, RandomStreams([1]))
        assert torch.allclose(made(picture(), progress, RandomStreams([1])).grad, expected.grad)


# ---- batches -------------------------------------------------------------------------------

MANY = dict(overview=3, inner=4, smallest=0.5, batches=2)  # 14 views of each image


@pytest.mark.parametrize("micro_batch", [1, 4, 14, 100])
def test_micro_batches_bound_what_clip_sees_at_once_and_change_nothing(micro_batch: int) -> None:
    whole, parts = LinearClip(), LinearClip()
    image = picture(2, 16, 12)
    expected = guide(whole, cutouts=Cutouts(**MANY))(image, 0.5, RandomStreams([1, 2]))
    cutouts = Cutouts(**MANY, micro_batch=micro_batch)
    found = guide(parts, cutouts=cutouts)(image, 0.5, RandomStreams([1, 2]))
    assert whole.batches == [28]
    assert sum(parts.batches) == 28 and max(parts.batches) <= micro_batch
    assert relative(found.grad, expected.grad) < 1e-12
    assert torch.allclose(found.loss, expected.loss)
    assert torch.allclose(found.similarity, expected.similarity)


class SmallClip(LinearClip):
    """Has room for a few views at once."""

    def encode_image(self, views: Tensor) -> Tensor:
        if len(views) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().encode_image(views)


def test_where_memory_runs_out_fewer_views_go_at_once_and_the_pull_is_the_same() -> None:
    image, rng = picture(2, 16, 12), RandomStreams([1, 2])
    expected = guide(LinearClip(), cutouts=Cutouts(**MANY))(image, 0.5, RandomStreams([1, 2]))
    small = SmallClip()
    made = guide(small, cutouts=Cutouts(**MANY))
    found = made(image, 0.5, rng)
    assert relative(found.grad, expected.grad) < 1e-12
    assert torch.allclose(found.similarity, expected.similarity)
    assert sum(small.batches) == 28
    made(image, 0.6, rng)
    assert sum(small.batches) == 2 * 28 and max(small.batches) <= 5  # nothing in vain any more


def test_an_image_of_a_batch_is_pulled_as_if_it_were_alone() -> None:
    images = picture(3, 16, 12)
    together = guide(LinearClip(), cutouts=Cutouts(**MANY))(images, 0.5, RandomStreams([5, 6, 7]))
    alone = guide(LinearClip(), cutouts=Cutouts(**MANY))(images[1:2], 0.5, RandomStreams([6]))
    assert relative(together.grad[1:2], alone.grad) < 1e-12
    assert torch.allclose(together.loss[1:2], alone.loss)


def test_batches_of_cutouts_are_averaged_not_added() -> None:
    one, four = (
        guide(LinearClip(), cutouts=Cutouts(overview=1, inner=0, augment=False, batches=n))
        for n in (1, 4)
    )
    pulls = [chosen(picture(), 0.5, RandomStreams([1])) for chosen in (one, four)]
    assert torch.allclose(pulls[0].grad, pulls[1].grad)
    assert torch.allclose(pulls[0].loss, pulls[1].loss)


# ---- merged overviews ------------------------------------------------------------------------


def pulled(
    cutouts: Cutouts | DiscoCutouts, seeds: list[int], clip: LinearClip | None = None
) -> GuideGradient:
    """By gradients of views that differ much, of images of which each has its own dice."""
    clip = clip or LinearClip(dtype=torch.float32)
    image = picture(1, 16, 12).float().expand(len(seeds), -1, -1, -1)
    return guide(clip, cutouts=cutouts)(image, 0.5, RandomStreams(seeds))


@pytest.mark.parametrize("micro_batch", [None, 3])
@pytest.mark.parametrize(
    "kind, settings",
    [
        (Cutouts, dict(overview=7, inner=2, smallest=0.5, batches=2)),
        (Cutouts, dict(overview=2, inner=0)),
        (DiscoCutouts, dict(overview=7, inner=2, batches=2)),
        (DiscoCutouts, dict(overview=7, inner=2, batches=2, shared=False, variants="first")),
        (DiscoCutouts, dict(overview=4, inner=1)),
    ],
    ids=["ours", "ours, few", "disco", "discoart", "disco, few"],
)
@pytest.mark.parametrize("merge", [1, 2, 3, [[0, 4], [0.5, 3]], 100])
def test_merged_overviews_count_as_often_as_they_are(
    kind: type, settings: dict, merge: object, micro_batch: int | None
) -> None:
    """Without augmentations they are alike, and nothing changes but the work."""
    all_of_them, some = LinearClip(dtype=torch.float32), LinearClip(dtype=torch.float32)
    plain = dict(settings, augment=False)
    expected = pulled(kind(**plain), [1, 2], all_of_them)
    found = pulled(kind(**plain, merge=merge, micro_batch=micro_batch), [1, 2], some)
    assert relative(found.grad, expected.grad) < 1e-5
    assert torch.allclose(found.loss, expected.loss)
    assert torch.allclose(found.similarity, expected.similarity)
    assert sum(some.batches) <= sum(all_of_them.batches)
    if merge == 1 and settings["overview"] > 4:
        assert sum(some.batches) < sum(all_of_them.batches)


@pytest.mark.parametrize(
    "cutouts",
    [
        Cutouts(overview=12, inner=2, smallest=0.3, power=4, merge=2, grayscale=0, jitter=0),
        DiscoCutouts(overview=12, inner=2, power=4, batches=1, merge=2),
    ],
    ids=["ours", "disco"],
)
def test_merged_overviews_pull_the_same_way_on_average(cutouts: Cutouts | DiscoCutouts) -> None:
    """Over many seeds, within the standard error, along each of some directions; and their
    counts matter, for without them it would be another way."""
    count = 150
    directions = torch.randn(8, 3 * 16 * 12, generator=torch.Generator().manual_seed(2))

    def along(chosen: Cutouts | DiscoCutouts, first: int) -> tuple[Tensor, Tensor]:
        """Mean of the gradient along each direction, and the square of its standard error."""
        grads = pulled(chosen, list(range(first, first + count))).grad.flatten(1) @ directions.T
        return grads.mean(0), grads.var(0) / count

    def apart(one: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor]) -> float:
        """The largest difference, in standard errors."""
        return float(((one[0] - other[0]).abs() / (one[1] + other[1]).sqrt()).max())

    whole = along(replace(cutouts, merge=None), count)
    assert apart(along(cutouts, 0), whole) < 3.5
    assert apart(along(replace(cutouts, overview=2, merge=None), 0), whole) > 5


@pytest.mark.parametrize("micro_batch", [None, 3])
def test_each_images_cutouts_count_by_their_own_weights(micro_batch: int | None) -> None:
    """Against the weighted mean over the views of each image, differentiated numerically."""
    cutouts = Cutouts(overview=2, inner=3, smallest=0.4, size_weight=1.5, whole_weight=2,
                      stratified=True, augment=False, micro_batch=micro_batch)  # fmt: skip
    clip, images, dice = LinearClip((4, 4)), picture(2, 9, 9), RandomStreams([3, 8])
    seeds = dice.seeds()
    point = clip.encode_text(["a red heart"])

    def loss(images: Tensor) -> Tensor:
        losses = []
        for image, seed in zip(images, seeds, strict=True):
            batch = cutouts.prepare()(image[None], (4, 4), 0.5, seed)
            weights = torch.tensor(batch.counts, dtype=torch.float64)
            distances = (clip.encode_image(batch.views) @ point.T)[:, 0].arccos().square() / 2
            losses.append((distances * weights).sum() / weights.sum())
        return torch.stack(losses)

    made = guide(clip, cutouts=cutouts)(images, 0.5, RandomStreams([3, 8]))
    assert torch.allclose(made.loss, loss(images), rtol=1e-6)
    assert relative(made.grad, numerical(lambda x: loss(x).sum(), images, 1e-5)) < 1e-5
    even = guide(clip, cutouts=replace(cutouts, size_weight=0, whole_weight=1))
    assert relative(even(images, 0.5, RandomStreams([3, 8])).grad, made.grad) > 0.02


def test_views_are_drawn_anew_at_every_step() -> None:
    chosen, rng = guide(LinearClip(), cutouts=Cutouts(**MANY)), RandomStreams([1])
    first, second = (chosen(picture(), 0.5, rng).grad for _ in range(2))
    assert not torch.allclose(first, second)


def test_a_gradient_too_small_for_half_precision_survives() -> None:
    """A CLIP in float16 would lose most of a gradient of 1e-7 on its way back."""

    class FaintClip(LinearClip):
        dtype = torch.float16

        def encode_image(self, views: Tensor) -> Tensor:
            seen = views.to(self.dtype).float().flatten(1) @ self.map
            return torch.nn.functional.normalize(1 + 1e-7 * seen, dim=-1)

    grads = []
    for FaintClip.dtype in (torch.float16, torch.float32):
        clip = FaintClip(dtype=torch.float32)
        chosen = guide(clip)
        grads.append(chosen(picture().float(), 0, RandomStreams([1])).grad)
    assert 0 < grads[1].abs().max() < 1e-6
    assert relative(grads[0], grads[1]) < 0.01


def test_small_towers_side_by_side_pull_as_one_after_another() -> None:
    """Bit for bit: on one core they take turns, on several each has its own."""
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            made = guide(LinearClip(width=5), LinearClip(), LinearClip(width=7), scale=3.0)
            found.append(made(picture(2), 0.5, RandomStreams([1, 2])))
            assert torch.get_num_threads() == threads
            with ThreadPoolExecutor(1) as later:  # a web program's, say
                assert later.submit(torch.get_num_threads).result() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(found[0].grad, found[1].grad) and found[0].grad.any()
    assert torch.equal(found[0].similarity, found[1].similarity)


# ---- the sigmoid loss ------------------------------------------------------------------------

SCALE, BIAS = 110.0, -12.0  # about what SigLIP learned


def one(cosine: float, weight: float = 1.0) -> float:
    cosines = torch.tensor([[cosine]], dtype=torch.float64)
    return sigmoid_loss(cosines, torch.tensor([weight], dtype=torch.float64), SCALE, BIAS).item()


@pytest.mark.parametrize("cosine", [-0.3, 0.0, 0.08, 0.11, 0.15, 0.5])
@pytest.mark.parametrize("weight", [1.0, 0.3, -0.5])
def test_it_is_the_papers_loss_of_a_pair(cosine: float, weight: float) -> None:
    """-log sigmoid(label * (scale * cosine + bias)), label 1 for a pair and -1 for none."""
    label = math.copysign(1, weight)
    chance = 1 / (1 + math.exp(-label * (SCALE * cosine + BIAS)))
    assert one(cosine, weight) == pytest.approx(-abs(weight) * math.log(chance) / SCALE)


def test_prompts_add_up_and_views_do_not_mix() -> None:
    generator = torch.Generator().manual_seed(0)
    cosines = torch.rand(4, 3, generator=generator, dtype=torch.float64) * 0.3
    weights = torch.tensor([0.5, 0.3, -0.2], dtype=torch.float64)
    alone = [
        sum(one(c.item(), w.item()) for c, w in zip(row, weights, strict=True)) for row in cosines
    ]
    assert sigmoid_loss(cosines, weights, SCALE, BIAS).tolist() == pytest.approx(alone)


def test_a_prompt_pulls_where_it_is_not_seen_and_a_negative_one_pushes_where_it_is() -> None:
    cosines = torch.tensor([[0.0], [0.3]], dtype=torch.float64, requires_grad=True)
    for weight, unseen, seen in ((1.0, -1.0, 0.0), (-1.0, 0.0, 1.0)):
        loss = sigmoid_loss(cosines, torch.tensor([weight], dtype=torch.float64), SCALE, BIAS)
        (slope,) = torch.autograd.grad(loss.sum(), cosines)
        assert slope[:, 0].tolist() == pytest.approx([unseen, seen], abs=1e-4)


def test_far_off_it_neither_overflows_nor_stops_pulling() -> None:
    cosines = torch.tensor([[-1.0]], requires_grad=True)
    loss = sigmoid_loss(cosines, torch.ones(1), 1e4, -10.0)
    (slope,) = torch.autograd.grad(loss.sum(), cosines)
    assert torch.isfinite(loss).all()
    assert slope.item() == pytest.approx(-1)
