"""Colours are matched where something is drawn beside what is kept."""

import pytest
import torch

from guided.canvas.seams import matched


def ramp(height: int, width: int) -> torch.Tensor:
    """A smooth picture of three different ramps."""
    down, across = torch.linspace(0.2, 0.8, height), torch.linspace(0.3, 0.7, width)
    image = torch.stack([down[:, None].expand(-1, width), across.expand(height, -1)])
    return torch.cat([image, image.mean(0, keepdim=True)])[None]


def middle(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, height // 4 : height * 3 // 4, width // 4 : width * 3 // 4] = 1
    return mask


@pytest.mark.parametrize("size", [(32, 32), (64, 40), (128, 320)])
def test_a_tint_of_what_is_drawn_goes_away(size):
    kept, mask = ramp(*size), middle(*size)
    tint = torch.tensor([0.05, -0.03, 0.02]).view(1, 3, 1, 1)
    found = matched(kept + tint * mask, kept, mask)
    assert (found - kept).abs().max() < 0.02 < 0.05
    assert (found - kept).abs().mean() < 0.004


def test_what_is_kept_stays_to_the_bit_and_what_fits_stays_nearly():
    kept, mask = ramp(48, 48), middle(48, 48)
    noisy = kept + 0.3 * mask * torch.rand(1, 3, 48, 48)
    found = matched(noisy, kept, mask)
    outside = (mask == 0).expand_as(kept)
    assert torch.equal(found[outside], noisy[outside])
    assert (matched(kept, kept, mask) - kept).abs().max() < 0.02


def test_an_object_that_reaches_the_border_keeps_its_colour():
    kept, mask = torch.ones(1, 3, 32, 32), middle(32, 32)
    image = kept.clone()
    image[:, 1:, 8:24, 8:16] = 0  # red on white, up to the border
    assert (matched(image, kept, mask) - image).abs().max() < 0.01
    tinted = image - 0.04 * mask
    found = matched(tinted, kept, mask)
    assert (found - image).abs().max() < 0.01  # the white around it says by how much


def test_images_of_a_batch_are_matched_each_for_itself():
    kept = torch.cat([ramp(32, 32), 1 - ramp(32, 32)])
    mask = middle(32, 32)
    images = kept + mask * torch.tensor([0.05, -0.04]).view(2, 1, 1, 1)
    together = matched(images, kept, mask)
    for b in range(2):
        alone = matched(images[b : b + 1], kept[b : b + 1], mask)
        assert torch.equal(together[b : b + 1], alone)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_without_a_border_nothing_changes(value):
    image = torch.rand(1, 3, 16, 16)
    assert torch.equal(matched(image, ramp(16, 16), torch.full((1, 1, 16, 16), value)), image)
