import math

import pytest
import torch

from guided.animation.sharpness import as_sharp, detail, sharpened, size

SIDE = 48


def waves(across: int, down: int = 0, amount: float = 0.2) -> torch.Tensor:
    """Return a picture of waves, so many on each side."""
    at = (torch.arange(SIDE, dtype=torch.float64) + 0.5) / SIDE
    turns = across * at + down * at[:, None]
    return (0.5 + amount * torch.cos(2 * math.pi * turns)).expand(1, 3, SIDE, SIDE)


def noise(seed: int) -> torch.Tensor:
    return 0.5 + 0.1 * torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("across", "down"), [(6, 0), (0, 12), (8, 5)])
def test_detail_of_a_wave_is_what_the_binomial_filter_takes_away(across, down):
    kept = math.cos(math.pi * across / SIDE) ** 4 * math.cos(math.pi * down / SIDE) ** 4
    found = detail(waves(across, down))[..., 4:-4, 4:-4]
    assert (found - (1 - kept) * (waves(across, down) - 0.5)[..., 4:-4, 4:-4]).abs().max() < 1e-12


def test_sharpening_adds_detail():
    image = noise(1)
    assert torch.equal(sharpened(image, 0), image)
    assert torch.allclose(sharpened(image, 0.4) - image, 0.4 * detail(image), atol=1e-6)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_blend_becomes_as_sharp_as_what_it_is_made_of(share):
    first, last = noise(1), 0.5 + 0.8 * (noise(2) - 0.5)
    blend = (1 - share) * first + share * last
    wanted = (1 - share) * size(detail(first)) + share * size(detail(last))
    assert size(detail(blend)) < 0.85 * wanted
    found = as_sharp(blend, first, last, share)
    assert size(detail(found)) == pytest.approx(wanted, rel=1e-3)
    assert float(found.mean()) == pytest.approx(float(blend.mean()), abs=1e-3)


def test_one_that_is_as_sharp_already_stays_as_it_is():
    soft, sharp = waves(4), waves(12)
    assert torch.equal(as_sharp(sharp, soft, soft, 0.5), sharp)
    assert torch.equal(as_sharp(sharp, sharp, sharp, 0.5), sharp)
    plain = torch.full_like(sharp, 0.3)
    assert torch.equal(as_sharp(plain, sharp, sharp, 0.5), plain)  # has no detail to add


def test_no_more_is_added_than_its_own_detail():
    faint = waves(12, amount=0.02)
    found = as_sharp(faint, waves(12), waves(12), 0.5)
    assert torch.allclose(found, faint + detail(faint))
