import pytest
import torch

from guided.animation.colours import carried, followed, matched, statistics


def cloud(seed, mean=0.5, spread=0.1):
    dice = torch.Generator().manual_seed(seed)
    return (mean + spread * torch.randn(1, 3, 24, 32, generator=dice)).clamp(0, 1)


def test_statistics_are_those_of_lab():
    grey = statistics(torch.full((1, 3, 8, 8), 0.5))
    assert grey[0] == pytest.approx(53.39, abs=0.05)  # L of the middle grey of sRGB
    assert grey[1:] == pytest.approx([0] * 5, abs=0.05)
    red = statistics(torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 8, 8))
    assert red[:3] == pytest.approx([53.24, 80.09, 67.20], abs=0.1)  # of pure red of sRGB


def test_statistics_of_a_part_are_those_of_the_part_alone():
    image, shown = cloud(4), torch.zeros(1, 1, 24, 32, dtype=torch.bool)
    shown[..., 5:12] = True
    assert statistics(image, shown) == statistics(image[..., 5:12])
    assert statistics(image, shown & False) == statistics(image)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_colours_come_nearer_by_the_share(share):
    image, other = cloud(0), cloud(1, mean=0.6, spread=0.08)
    now, aim = statistics(image), statistics(other)
    found = statistics(matched(image, now, aim, share))
    expected = [a + share * (b - a) for a, b in zip(now, aim, strict=True)]
    assert found == pytest.approx(expected, abs=0.4)


def test_what_agrees_already_is_not_changed():
    image = cloud(2)
    assert (matched(image, *[statistics(image)] * 2, 1.0) - image).abs().max() < 2 / 255


def test_a_plain_picture_is_not_torn_apart():
    plain = torch.full((1, 3, 8, 8), 0.4) + 0.001 * torch.randn(1, 3, 8, 8)
    found = matched(plain, statistics(plain), statistics(cloud(3, spread=0.3)), 1.0)
    assert found.std((2, 3)).max() < 0.01


def test_the_average_moves_slowly():
    one, other = [0.0] * 6, [10.0] * 6
    assert followed(None, other, 0.9) == other
    assert followed(one, other, 0.9) == pytest.approx([1.0] * 6)
    average = one
    for _ in range(60):
        average = followed(average, other, 0.9)
    assert average == pytest.approx(other, abs=0.1)


def test_what_a_move_changes_the_reference_changes_too():
    reference, before = statistics(cloud(5)), statistics(cloud(6, 0.6))
    assert carried(reference, before, before) == pytest.approx(reference, abs=1e-4)
    after = statistics(cloud(7, 0.3, 0.2))
    assert carried(before, before, after) == pytest.approx(after, abs=1e-4)
    assert min(carried(reference, [0.0] * 3 + [99.0] * 3, [0.0] * 6)[3:]) == 0
