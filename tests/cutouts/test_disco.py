"""Disco's cutouts equal those of resize-right and torchvision, driven as Disco drives them."""

import pytest
import resize_right
import torch
from torch import Tensor

from guided import devices
from guided.compat.open_clip import import_late
from guided.compat.replacing import replaced
from guided.cutouts.disco import DiscoCutoutSampler, hue_turned
from guided.cutouts.settings import DiscoCutouts

import_late()
from torchvision import transforms as T  # noqa: E402
from torchvision.transforms import functional as TF  # noqa: E402

SIDE = 24


def picture(height: int = 48, width: int = 80, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1)).to(dtype)


def views(image: Tensor, progress: float = 0.5, seed: int = 3, side: int = SIDE, **more) -> Tensor:
    return DiscoCutoutSampler(DiscoCutouts(**more))(image, (side, side), progress, seed).views


# ---- the reference -------------------------------------------------------------------------

# randn_like would follow the order of memory, in which resize-right leaves a transposed view.
NOISE = T.Lambda(lambda x: x + torch.randn(x.shape) * 0.01)
CHAIN = T.Compose(
    [
        T.RandomHorizontalFlip(0.5),
        NOISE,
        T.RandomAffine(10, (0.05, 0.05), interpolation=T.InterpolationMode.BILINEAR),
        NOISE,
        T.RandomGrayscale(0.1),
        NOISE,
        T.ColorJitter(0.1, 0.1, 0.1, 0.1),
    ]
)


def reference(image, side, overview, inner, power, gray, shared, first):
    """One set, by the description of Disco's and DiscoArt's."""

    def shrunk(x):
        return resize_right.resize(x, out_shape=[1, 3, side, side])

    grey = T.Grayscale(3)
    height, width = image.shape[2:]
    bars = [abs(min(0, height - width)) // 2, abs(min(0, width - height)) // 2]  # down, across
    whole = shrunk(T.Pad([bars[1], bars[0]])(image))
    kinds = [whole, grey(whole), TF.hflip(whole), grey(TF.hflip(whole))]
    cuts = kinds[:overview] if overview <= 4 or first else []
    cuts = cuts + [whole] * (overview - len(cuts))
    finished = [] if shared else [CHAIN(cut) for cut in cuts]
    for i in range(inner):
        largest, smallest = min(height, width), min(height, width, side)
        crop = int(torch.rand([]) ** power * (largest - smallest) + smallest)
        x = torch.randint(0, width - crop + 1, ()).item()
        y = torch.randint(0, height - crop + 1, ()).item()
        cut = TF.crop(image, y, x, crop, crop)
        cut = shrunk(grey(cut) if i <= int(gray * inner) else cut)
        if shared:
            cuts.append(cut)
        else:
            finished.append(CHAIN(cut))
    return CHAIN(torch.cat(cuts)) if shared else torch.cat(finished)


@pytest.mark.parametrize("shape", [(48, 80), (80, 48), (64, 64), (16, 20)])
@pytest.mark.parametrize(("overview", "inner"), [(3, 2), (4, 5), (6, 3), (0, 4), (2, 0)])
@pytest.mark.parametrize("art", [False, True], ids=["disco", "discoart"])
def test_cutouts_equal_the_references(shape, overview, inner, art):
    image = picture(*shape)
    ours = views(
        image,
        overview=overview,
        inner=inner,
        power=2,
        gray=0.4,
        batches=2,
        shared=not art,
        variants="first" if art else "few",
    )
    with torch.random.fork_rng():
        torch.manual_seed(3)
        sets = [reference(image, SIDE, overview, inner, 2, 0.4, not art, art) for _ in range(2)]
    assert (ours - torch.cat(sets)).abs().max() < 2e-5


@pytest.mark.parametrize("turn", [-0.1, -0.03, 0.0, 0.07, 0.1])
def test_hue_turns_as_in_torchvision_also_outside_the_range_and_on_the_way_back(turn):
    image = 1.4 * picture(64, 64) - 0.2
    image[..., :4] = image[:, :1, :, :4]  # greys have none
    mine, theirs = image.clone().requires_grad_(), image.clone().requires_grad_()
    ours, expected = hue_turned(mine, turn), TF.adjust_hue(theirs, turn)
    assert (ours - expected).abs().max() < 2e-5
    pull = torch.linspace(-1, 2, image.numel()).view_as(image)
    (back,) = torch.autograd.grad(ours, mine, pull)
    (true,) = torch.autograd.grad(expected, theirs, pull)
    colourful = image.amax(1, keepdim=True) - image.amin(1, keepdim=True) > 0.01
    assert ((back - true) * colourful).abs().max() < 1e-3 * true.abs().max()


# ---- what a picture depends on ---------------------------------------------------------------


def test_shared_augmentations_leave_overviews_alike_but_for_noise():
    cuts = views(picture(), overview=6, inner=0, batches=1)
    assert 0 < (cuts - cuts[:1]).abs().max() < 0.2
    apart = views(picture(), overview=6, inner=0, batches=1, shared=False)
    assert (apart - apart[:1]).abs().max() > 0.3


def test_four_overviews_are_plain_grey_mirrored_and_both():
    plain, gray, mirrored, both = views(picture(), overview=4, inner=0, batches=1, augment=False)
    assert torch.equal(mirrored, plain.flip(-1))
    assert torch.equal(gray[0], gray[1])
    assert torch.equal(both, gray.flip(-1))
    assert not torch.equal(plain[0], plain[1])


@pytest.mark.parametrize(("variants", "kinds"), [("few", 1), ("first", 4)])
def test_more_than_four_overviews(variants, kinds):
    cuts = views(picture(), overview=7, inner=0, batches=1, augment=False, variants=variants)
    assert len({tuple(cut.flatten().tolist()) for cut in cuts}) == kinds


@pytest.mark.parametrize(
    ("overview", "variants", "merge", "counts"),
    [
        (7, "few", 1, [7]),
        (7, "few", 2, [4, 3]),
        (4, "few", 1, [1, 1, 1, 1]),  # no two are alike
        (7, "first", 1, [4, 1, 1, 1]),  # plain, grey, mirrored, both; three more plain ones
        (7, "first", 3, [2, 1, 1, 1, 1, 1]),
        (7, "first", None, [1] * 7),
        (3, "first", 1, [1, 1, 1]),
    ],
)
def test_only_plain_overviews_are_merged(overview, variants, merge, counts):
    chosen = DiscoCutouts(
        overview=overview, inner=2, batches=2, augment=False, variants=variants, merge=merge
    )
    shown = DiscoCutoutSampler(chosen)(picture(), (SIDE, SIDE), 0.5, 3)
    assert shown.counts == [*counts, 1, 1] * 2 and len(shown.views) == len(shown.counts)
    plain = shown.views[0]
    alike = [torch.equal(view, plain) for view in shown.views[: len(counts)]]
    whole = 1 + max(0, overview - 4) if variants == "first" or overview <= 4 else overview
    assert sum(count for count, same in zip(counts, alike, strict=True) if same) == whole


@pytest.mark.parametrize(("gray", "grays"), [(0, 1), (0.2, 1), (0.5, 3), (1, 4)])
def test_one_more_inner_cutout_is_grey_than_asked_for(gray, grays):
    cuts = views(picture(), overview=0, inner=4, gray=gray, batches=1, augment=False)
    assert sum(torch.equal(cut[0], cut[1]) for cut in cuts) == grays


def test_the_letter_box_is_black():
    cuts = views(torch.ones(1, 3, 32, 64), overview=1, inner=0, batches=1, augment=False)
    assert cuts[0, :, : SIDE // 4 - 2].abs().max() == 0
    assert cuts[0, :, SIDE // 2].min() > 0.9


def test_inner_cutouts_are_the_short_side_at_power_0_and_clips_size_at_a_high_one():
    ramp = torch.linspace(0, 1, 96).expand(1, 3, 96, 96).clone()
    settings = dict(overview=0, inner=6, batches=1, augment=False)
    for power, span in ((0, 1.0), (100, SIDE / 96)):
        cuts = views(ramp, power=power, **settings)
        middle = cuts[:, 0, SIDE // 2]
        slopes = middle[:, SIDE // 2 + 4] - middle[:, SIDE // 2 - 4]
        assert torch.allclose(slopes, torch.tensor(span * 8 / SIDE), atol=0.02)


def test_batches_may_vary_over_the_run():
    settings = dict(overview=2, inner=1, batches=[[0, 1], [0.5, 3]])
    assert len(views(picture(), progress=0.2, **settings)) == 3
    assert len(views(picture(), progress=0.6, **settings)) == 9


def test_the_same_seed_draws_the_same_and_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    first = views(picture(), seed=4)
    assert torch.equal(first, views(picture(), seed=4))
    assert not torch.equal(first, views(picture(), seed=5))
    assert torch.equal(torch.get_rng_state(), before)


def test_a_gradient_reaches_every_pixel():
    image = picture(48, 48).requires_grad_()
    views(image).sum().backward()
    assert image.grad.abs().min() > 0


# ---- settings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        dict(overview=-1),
        dict(inner=2.5),
        dict(power=101),
        dict(gray=1.1),
        dict(batches=0),
        dict(batches=[[0, 1], [0.5, 0]]),
        dict(micro_batch=0),
        dict(variants="all"),
        dict(merge=0),
    ],
    ids=str,
)
def test_a_setting_out_of_range_is_refused_by_name(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        DiscoCutouts(**settings)


def test_cutouts_that_show_nothing_at_some_time_are_refused():
    with pytest.raises(ValueError, match=r"both 0 at progress 0\.6"):
        DiscoCutouts(overview=[[0, 4], [0.6, 0]], inner=[[0, 2], [0.5, 0]])


@pytest.mark.parametrize("more", [{}, {"shared": False}, {"inner": 0}])
@pytest.mark.parametrize("progress", [0.1, 0.5])
def test_inner_cutouts_on_a_gpu_are_those_on_a_cpu(progress, more):
    """There they are resized together, and made grey afterwards."""
    image = picture(dtype=torch.float64).requires_grad_()
    alone = views(image, progress, batches=2, **more)
    with replaced(devices, "on_cpu", lambda x: False):
        together = views(image, progress, batches=2, **more)
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    grads = [torch.autograd.grad((x**2).sum(), image)[0] for x in (together, alone)]
    torch.testing.assert_close(*grads, rtol=0, atol=1e-9)
