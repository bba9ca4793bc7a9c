"""What CLIP is shown: resizes against resize-right, whole and undistorted overviews, own draws."""

import itertools
import math
import random
from dataclasses import replace
from unittest.mock import patch

import pytest
import resize_right
import torch
from torch import Tensor

from guided import devices
from guided.compat.replacing import replaced
from guided.cutouts.resize import resize
from guided.cutouts.settings import Cutouts
from guided.cutouts.standard import CutoutSampler, grayscale, moved, overviews, stratified
from guided.images import square

SHAPES = [(48, 48), (32, 64), (70, 40), (16, 80)]  # height, width


def picture(height: int = 48, width: int = 64, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def views(image: Tensor, size: int = 24, progress: float = 0.5, seed: int = 3, **more) -> Tensor:
    return CutoutSampler(Cutouts(**more))(image, (size, size), progress, seed).views


# ---- colours and crops ---------------------------------------------------------------------


def test_a_plain_colour_stays_what_it_is_up_to_the_border() -> None:
    flat = torch.full((1, 3, 30, 50), 0.7)
    assert torch.allclose(views(flat, overview=4, inner=4, augment=False), torch.tensor(0.7))


def test_a_crop_is_resized_as_resize_right_does_it() -> None:
    image = picture(40, 70)
    with patch("torch.rand", return_value=torch.tensor([[0.5, 0.25, 0.75]])):
        (view,) = views(image, 12, overview=0, inner=1, smallest=0.5, gray=0, augment=False)
    side = int(0.5 * (40 - 20) + 20)
    left, top = int(0.25 * (70 - side + 1)), int(0.75 * (40 - side + 1))
    crop = image[:, :, top : top + side, left : left + side]
    expected = resize_right.resize(crop, out_shape=[1, 3, 12, 12])[0]
    assert (view - expected)[:, 2:-2, 2:-2].abs().max() < 2e-5


# ---- overview ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 64), (64, 32), (48, 48), (16, 80), (33, 50)])
def test_an_overview_shows_the_whole_image_in_its_true_shape(shape: tuple[int, int]) -> None:
    """A bright square in each corner is seen, as wide as it is high."""
    image, mark = torch.zeros(1, 3, *shape), 8
    for top in (0, shape[0] - mark):
        for left in (0, shape[1] - mark):
            image[:, :, top : top + mark, left : left + mark] = 1
    long = max(shape)
    view = overviews(image, (long, long), 1)[0, 0]
    bright = (view > 0.9).nonzero()
    assert len(bright) == 4 * mark * mark
    top, left = bright.min(0).values.tolist()
    assert (top, left) == ((long - shape[0]) // 2, (long - shape[1]) // 2)
    high, wide = (bright.max(0).values - bright.min(0).values + 1).tolist()
    assert (high, wide) == shape


def test_the_bars_of_a_letter_box_have_the_images_mean_colour() -> None:
    image = picture(20, 40)
    boxed = square(image)
    assert boxed.shape == (1, 3, 40, 40)
    assert torch.equal(boxed[:, :, 10:30], image - image.mean((2, 3), True) + boxed[:, :, :1, :1])
    bar = boxed[0, :, :10].flatten(1)
    assert torch.allclose(bar, image.mean((2, 3)).T.expand_as(bar))


@pytest.mark.parametrize("shape", [(20, 40), (40, 20)])
def test_the_bars_of_a_letter_box_do_not_push_the_image(shape: tuple[int, int]) -> None:
    """They follow the image's mean colour, but CLIP's wish for them must not tint it."""
    image = picture(*shape).requires_grad_()
    boxed = square(image)
    boxed[:, :, :10, :10].sum().backward()  # a corner of the first bar
    assert torch.equal(image.grad, torch.zeros_like(image))


def test_every_overview_is_the_whole_image() -> None:
    whole = resize(square(picture()), (24, 24))
    assert torch.equal(overviews(picture(), (24, 24), 3), whole.expand(3, -1, -1, -1))


@pytest.mark.parametrize("shape", [(24, 60), (60, 24), (24, 24)])
def test_of_a_wide_image_the_middle_square_may_be_all_that_is_seen(shape: tuple[int, int]) -> None:
    """For models of single objects: nothing beside the middle is pushed towards the prompt."""
    image = torch.rand(1, 3, *shape, requires_grad=True)
    seen = Cutouts(overview=3, inner=2, area="middle").prepare()(image, (16, 16), 0.5, 1)
    top, left = (shape[0] - 24) // 2, (shape[1] - 24) // 2
    square = image[:, :, top : top + 24, left : left + 24].detach()
    same = Cutouts(overview=3, inner=2).prepare()(square, (16, 16), 0.5, 1)
    assert torch.equal(seen.views, same.views)
    seen.views.sum().backward()
    beside = image.grad.clone()
    beside[:, :, top : top + 24, left : left + 24] = 0
    assert image.grad.abs().max() > 0 and beside.abs().max() == 0


def test_moving_by_nothing_changes_nothing_and_a_flip_is_exact() -> None:
    image = picture(24, 24)
    assert torch.allclose(moved(image, 0, 0, 0), image, atol=1e-6)
    assert torch.allclose(moved(image, 1, 0, 0), image.flip(3), atol=1e-6)


def test_a_turn_keeps_the_distance_to_the_middle_on_any_shape() -> None:
    """A point right of the middle ends on the circle through it, also on an oblong view."""
    image = torch.zeros(64, 3, 41, 81)
    image[:, :, 20, 55] = 1
    for view in moved(image, 0.5, 180, 0)[:, 0]:
        if view.max() > 0.3:
            row, column = divmod(view.argmax().item(), 81)
            assert math.hypot(row - 20, column - 40) == pytest.approx(15, abs=1.0)


def test_grey_is_luminance() -> None:
    colours = torch.eye(3).view(1, 3, 1, 3)  # red, green, blue
    assert grayscale(colours)[0, :, 0].tolist() == [pytest.approx([0.299, 0.587, 0.114])] * 3


# ---- random draws --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [12, 40])
def test_any_shape_of_image_gives_views_of_clips_size(shape: tuple[int, int], size: int) -> None:
    """Also where CLIP's input is larger than the image's short side."""
    seen = views(picture(*shape), size, overview=3, inner=5, batches=2)
    assert seen.shape == (16, 3, size, size)
    assert torch.isfinite(seen).all()


def test_every_view_has_its_own_draw() -> None:
    seen = views(picture(), overview=8, inner=8, noise=0, gray=0)
    apart = torch.cdist(seen.flatten(1), seen.flatten(1)) + 1e9 * torch.eye(len(seen))
    assert apart.min() > 0.5  # far more than any rounding


def test_views_of_the_same_kind_differ_in_flip_place_and_colour() -> None:
    """One augmentation at a time, on views that are equal without it."""
    ramp = torch.linspace(0.2, 0.8, 24).expand(1, 3, 24, 24).clone()
    ramp[:, 1] *= 0.5

    def seen(**chosen) -> Tensor:
        off = dict(flip=0, degrees=0, translate=0, noise=0, grayscale=0, jitter=0)
        views = CutoutSampler(Cutouts(overview=1, inner=0, batches=32, **{**off, **chosen}))
        return views(ramp, (24, 24), 0.5, 1).views

    assert len(seen().unique(dim=0)) == 1
    flipped = (seen(flip=0.5)[:, 0, 0, 0] > 0.5).sum()
    assert 8 <= flipped <= 24
    grey = seen(grayscale=0.5)
    assert 8 <= ((grey[:, 0] - grey[:, 1]).abs().amax((1, 2)) < 1e-6).sum() <= 24
    for one in (dict(degrees=10), dict(translate=0.1), dict(jitter=0.1), dict(noise=0.01)):
        assert len(seen(**one).unique(dim=0)) == 32, one


def test_a_mirrored_view_is_mirrored_exactly() -> None:
    seen = picture(9, 15)
    assert torch.allclose(moved(seen, flip=1, degrees=0, translate=0), seen.flip(3), atol=1e-5)


def test_a_turned_view_keeps_its_shape_where_clips_input_is_not_square() -> None:
    """A point 3 to the right of the middle, turned by 90 degrees, is 3 above or below it."""
    seen = torch.zeros(1, 3, 9, 17)
    seen[:, :, 4, 8 + 3] = 1
    with patch("torch.rand", return_value=torch.tensor([[0.9], [0.75], [0.5], [0.5]])):
        turned = moved(seen, flip=0, degrees=180, translate=0)[0, 0]
    row, column = divmod(int(turned.argmax()), 17)
    assert turned.max() > 0.99 and column == 8 and abs(row - 4) == 3


def test_the_same_seed_gives_the_same_views_and_another_seed_others() -> None:
    first, again = views(picture(), seed=5), views(picture(), seed=5)
    assert torch.equal(first, again)
    assert not torch.allclose(first, views(picture(), seed=6))


def test_drawing_views_leaves_every_global_generator_untouched() -> None:
    torch_before, python_before = torch.get_rng_state(), random.getstate()
    first = views(picture(), seed=5)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert random.getstate() == python_before
    torch.manual_seed(99)  # nor does it matter what state they are in
    assert torch.equal(first, views(picture(), seed=5))


@pytest.mark.parametrize(
    "merge, counts",
    [(None, [1] * 7), (7, [1] * 7), (9, [1] * 7), (1, [7]), (2, [4, 3]), (3, [3, 2, 2])],
)
def test_merged_overviews_are_fewer_and_stand_for_all(merge, counts) -> None:
    chosen = Cutouts(overview=7, inner=2, batches=2, merge=merge)
    shown = CutoutSampler(chosen)(picture(), (24, 24), 0.5, 3)
    assert shown.counts == [*counts, 1, 1] * 2
    assert len(shown.views) == len(shown.counts)
    whole = resize(square(picture()), (24, 24))
    still = CutoutSampler(replace(chosen, augment=False))(picture(), (24, 24), 0.5, 3).views
    assert [torch.equal(view[None], whole) for view in still[: len(counts)]] == [True] * len(
        counts
    )


def test_the_inner_views_of_a_set_without_overviews_are_not_merged() -> None:
    shown = CutoutSampler(Cutouts(overview=0, inner=3, merge=1))(picture(), (24, 24), 0.5, 3)
    assert shown.counts == [1, 1, 1]


# ---- schedules -----------------------------------------------------------------------------


@pytest.mark.parametrize("gray, count", [(0, 0), (0.1, 1), (0.2, 2), (0.5, 5), (1, 10)])
def test_the_given_share_of_inner_views_is_grey(gray: float, count: int) -> None:
    seen = views(picture(), overview=0, inner=10, gray=gray, augment=False)
    grey = (seen[:, 0] - seen[:, 1]).abs().amax((1, 2)) < 1e-6
    assert grey.tolist() == [True] * count + [False] * (10 - count)


def sides(progress: float = 0.0, **more) -> list[int]:
    """The sizes of the crops, before they are resized."""
    found = []

    def watched(image: Tensor, size: tuple[int, int]) -> Tensor:
        found.append(image.shape[2:])
        return resize(image, size)

    with patch("guided.cutouts.standard.resize", watched):
        views(picture(64, 96), 8, progress, overview=0, inner=300, augment=False, **more)
    assert all(height == width for height, width in found)
    return [height for height, _ in found]


def test_inner_views_range_from_clips_own_size_to_the_short_side() -> None:
    found = sides()
    assert min(found) >= 8 and max(found) <= 64
    assert min(found) < 12 and max(found) > 60


def test_the_smallest_inner_view_may_be_a_share_of_the_short_side() -> None:
    assert 32 <= min(sides(smallest=0.5)) < 36
    assert set(sides(smallest=1)) == {64}


def test_power_favours_small_views_above_one_and_large_ones_below() -> None:
    """The mean of U**p is 1 / (p + 1)."""
    for power in (0.25, 1, 4):
        mean = sum(sides(power=power)) / 300
        assert mean == pytest.approx(8 + (64 - 8) / (power + 1), abs=4)


def test_schedules_follow_the_progress_of_the_run() -> None:
    chosen = dict(overview=[[0, 3], [0.4, 1]], inner=[[0, 0], [0.4, 5]], augment=False)
    assert len(views(picture(), progress=0.39, **chosen)) == 3
    assert len(views(picture(), progress=0.4, **chosen)) == 6
    early, late = (sum(sides(p, power=[[0, 0.2], [0.5, 5]])) for p in (0.1, 0.9))
    assert early > 2 * late


# ---- stratified cutouts --------------------------------------------------------------------


def rectangles(seed: int, shape: tuple[int, int] = (32, 48), **more) -> list[tuple[int, ...]]:
    """Return top, left, bottom and right of the inner cutouts, read off a picture of places."""
    down, across = torch.meshgrid(*(torch.arange(n) for n in shape), indexing="ij")
    found = []

    def watched(image: Tensor, size: tuple[int, int]) -> Tensor:
        found.append((*image[0, :2, 0, 0].int().tolist(), *image[0, :2, -1, -1].int().tolist()))
        return resize(image, size)

    with patch("guided.cutouts.standard.resize", watched):
        image = torch.stack([down, across, across])[None].float()
        views(image, 8, seed=seed, overview=0, augment=False, **{"gray": 0, **more})
    return [(top, left, bottom + 1, right + 1) for top, left, bottom, right in found]


def coverage(stratified: bool, **more) -> Tensor:
    """Return how many of the inner cutouts show each pixel, for 300 seeds: (300, 32, 48)."""
    maps = torch.zeros(300, 32, 48)
    for seed, seen in enumerate(maps):
        for top, left, bottom, right in rectangles(seed, stratified=stratified, **more):
            seen[top:bottom, left:right] += 1
    return maps


@pytest.mark.parametrize("inner", [4, 7])
def test_stratified_cutouts_show_the_picture_more_evenly_and_each_pixel_as_often(
    inner: int,
) -> None:
    plain, even = (coverage(s, inner=inner, smallest=0.3) for s in (False, True))
    assert even.var(0).mean() < 0.6 * plain.var(0).mean()
    # Equal expectations: the means of 300 differ by less than 5 of their standard errors.
    error = ((plain.var(0) + even.var(0)) / 300).sqrt().clamp(min=0.01)
    assert ((even.mean(0) - plain.mean(0)).abs() < 5 * error).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9, 12, 16, 40])
@pytest.mark.parametrize("shape", [(64, 64), (40, 120), (300, 10)])
def test_stratified_sizes_are_one_in_each_part(count: int, shape: tuple[int, int]) -> None:
    torch.manual_seed(count)
    draws = stratified(count, *shape)
    assert draws.shape == (count, 3) and (draws >= 0).all() and (draws < 1).all()
    assert sorted((draws[:, 0] * count).long().tolist()) == list(range(count))


@pytest.mark.parametrize(
    ("count", "shape", "rows"),
    [(9, (64, 64), 3), (16, (50, 60), 4), (12, (30, 40), 3), (5, (300, 10), 5), (4, (9, 90), 1)],
)
def test_stratified_places_are_one_in_each_cell_of_a_near_square_grid(
    count: int, shape: tuple[int, int], rows: int
) -> None:
    torch.manual_seed(count)
    for _ in range(20):
        _, across, down = stratified(count, *shape).T
        cells = zip(
            (down * rows).long().tolist(), (across * count / rows).long().tolist(), strict=True
        )
        assert sorted(cells) == list(itertools.product(range(rows), range(count // rows)))


def test_every_stratified_number_alone_is_uniform() -> None:
    torch.manual_seed(0)
    draws = torch.cat([stratified(7, 48, 64) for _ in range(1000)])
    for column in draws.T:
        shares = torch.histc(column, 10, 0, 1) / len(column)
        assert (shares - 0.1).abs().max() < 0.02
    assert abs(torch.corrcoef(draws.T) - torch.eye(3)).max() < 0.05


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_stratified_cutout_is_inside(shape: tuple[int, int], largest: bool) -> None:
    """Also for the largest number that torch.rand gives."""
    most = torch.tensor(1 - 2**-24)
    rand = (lambda *size: most.expand(size)) if largest else torch.rand
    with patch("torch.rand", rand):
        found = rectangles(3, shape, inner=13, stratified=True, smallest=0.1)
    assert len(found) == 13
    for top, left, bottom, right in found:
        assert 0 <= top < bottom <= shape[0] and 0 <= left < right <= shape[1]
        assert bottom - top == right - left


def test_grey_cutouts_are_not_always_the_uppermost() -> None:
    first = [rectangles(seed, inner=9, stratified=True, smallest=0.1)[0][0] for seed in range(60)]
    assert min(first) < 5 and max(first) > 15


def test_stratified_cutouts_are_the_seeds_own_and_differentiable() -> None:
    chosen = dict(overview=0, inner=5, stratified=True, smallest=0.5, noise=0)
    assert torch.equal(views(picture(), seed=5, **chosen), views(picture(), seed=5, **chosen))
    assert not torch.equal(views(picture(), seed=5, **chosen), views(picture(), seed=6, **chosen))
    shown = CutoutSampler(Cutouts(**{**chosen, "inner": 2}, jitter=0))
    image = picture(7, 9, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: shown(x, (4, 4), 0.1, 7).views, image, atol=1e-6)


# ---- weights -------------------------------------------------------------------------------


def test_cutouts_weigh_by_their_side_and_overviews_by_their_own_weight() -> None:
    shape, more = (32, 48), dict(inner=6, smallest=0.2, batches=2)
    found = rectangles(3, shape, **more)
    chosen = Cutouts(overview=3, size_weight=2, whole_weight=3, merge=1, augment=False, **more)
    seen = CutoutSampler(chosen)(picture(*shape), (8, 8), 0.5, 3).counts
    sides = [(bottom - top) / 32 for top, _, bottom, _ in found]
    raw = [9.0, *(side**2 for side in sides[:6]), 9.0, *(side**2 for side in sides[6:])]
    assert seen == pytest.approx([weight * 18 / sum(raw) for weight in raw])


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize(("power", "exponent", "whole"), [(1, 1, 3), (1.5, 1, 1), (1, 0.5, 0.2)])
def test_the_weights_expectation_is_that_of_the_sizes(
    stratified: bool, power: float, exponent: float, whole: float
) -> None:
    """Sides are s + (1 - s) U**power, U uniform; the mean weight of all is 1."""
    chosen = Cutouts(overview=2, inner=200, power=power, smallest=0.25, augment=False,
                     stratified=stratified, size_weight=exponent, whole_weight=whole)  # fmt: skip
    counts = CutoutSampler(chosen)(picture(256, 256), (2, 2), 0.5, 3).counts
    assert sum(counts) == pytest.approx(202)
    uniform = (torch.arange(10_000) + 0.5) / 10_000
    mean = ((0.25 + 0.75 * uniform**power) ** exponent).mean().item()
    expected = whole / mean  # an overview beside the mean inner cutout
    assert counts[0] / (sum(counts[2:]) / 200) == pytest.approx(expected, rel=0.08)


def test_without_weights_every_cutout_stands_for_itself_exactly() -> None:
    for chosen in (Cutouts(), Cutouts(stratified=True, batches=3)):
        counts = CutoutSampler(chosen)(picture(), (24, 24), 0.5, 3).counts
        assert counts == [1] * len(counts)


# ---- gradients -----------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(32, 32), (32, 64), (70, 40)])
@pytest.mark.parametrize("augment", [False, True])
def test_the_gradient_reaches_every_pixel_through_overviews(
    shape: tuple[int, int], augment: bool
) -> None:
    image = picture(*shape).requires_grad_()
    views(image, 16, overview=4, inner=0, augment=augment).sum().backward()
    assert (image.grad != 0).all()


def test_inner_views_reach_the_corners_too() -> None:
    image = picture(40, 60).requires_grad_()
    views(image, 12, overview=0, inner=400, gray=0, augment=False).sum().backward()
    assert (image.grad[:, :, [0, 0, -1, -1], [0, -1, 0, -1]] > 0).all()


def test_views_are_differentiable() -> None:
    """Of a square image: bars take the mean colour, but give no gradient back."""
    cutouts = Cutouts(overview=2, inner=1, smallest=0.6, flip=1, jitter=0, noise=0.01)
    shown = CutoutSampler(cutouts)
    image = picture(7, 7, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: shown(x, (4, 4), 0.1, 7).views, image, atol=1e-6)


def test_every_augmentation_may_vary_over_the_run() -> None:
    """Off in the first half, so that there the views are plain; on in the second."""
    off_then_on = {"step": [[0, 0], [0.5, 0.3]]}
    names = ("flip", "translate", "noise", "grayscale", "jitter")
    image = picture()
    plain = Cutouts(overview=3, inner=0, augment=False).prepare()(image, (8, 8), 0.2, 1).views
    for name in (*names, "degrees"):
        quiet = dict.fromkeys((*names, "degrees"), 0)
        value = {"step": [[0, 0], [0.5, 90]]} if name == "degrees" else off_then_on
        if name in ("flip", "grayscale"):
            value = {"step": [[0, 0], [0.5, 1]]}
        views = Cutouts(overview=3, inner=0, **{**quiet, name: value}).prepare()
        assert torch.equal(views(image, (8, 8), 0.2, 1).views, plain), name
        assert not torch.allclose(views(image, (8, 8), 0.7, 1).views, plain), name


def test_the_number_of_sets_and_the_smallest_square_may_vary() -> None:
    views = Cutouts(
        overview=0,
        gray=0,
        inner=4,
        augment=False,
        batches=[[0, 1], [0.5, 3]],
        smallest=[[0, 1], [0.5, 0.1]],
    ).prepare()
    image = picture(48, 48)
    whole, squares = views(image, (8, 8), 0.2, 1).views, views(image, (8, 8), 0.7, 1).views
    assert (len(whole), len(squares)) == (4, 12)
    # With the whole short side, every square is the image itself.
    assert torch.equal(whole, whole[:1].expand_as(whole))
    assert not torch.equal(squares, squares[:1].expand_as(squares))


def test_a_count_on_its_way_from_one_number_to_another_is_rounded() -> None:
    views = Cutouts(overview={"linear": [[0, 2], [1, 6]]}, inner=0).prepare()
    assert [len(views(picture(), (8, 8), p, 1).views) for p in (0, 0.4, 0.7, 1)] == [2, 4, 5, 6]


@pytest.mark.parametrize("gray", [0, 0.4])
def test_inner_views_on_a_gpu_are_those_on_a_cpu(gray: float) -> None:
    """There they are resized together."""
    image = picture(dtype=torch.float64).requires_grad_()
    alone = views(image, gray=gray, augment=False)
    with replaced(devices, "on_cpu", lambda x: False):
        together = views(image, gray=gray, augment=False)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    grads = [torch.autograd.grad((x**2).sum(), image)[0] for x in (together, alone)]
    torch.testing.assert_close(*grads, rtol=0, atol=1e-9)
