"""A step that ran out of memory is made again in smaller pieces, and the picture is the same."""

import logging

import pytest
import torch

from guided.diffusion.guidance import in_colour
from guided.diffusion.guidance_cache import GuidanceInterval
from guided.diffusion.oom_retry import OOMRetry
from guided.diffusion.samplers import DDIM
from guided.diffusion.unet import UNet
from guided.errors import NoRoom
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.base import LossGuide
from guided.interfaces import Request
from guided.models.cards import ModelCard
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import randomised, smallest_unet

CONFIG = smallest_unet(classes=5)  # so that random numbers are drawn before memory runs out


class Greedy(UNet):
    """From its third pass on it needs more than there is, unless little is kept."""

    passes, hopeless, short = 0, False, False

    def forward(self, *args):
        self.passes += 1
        out = super().forward(*args)
        if self.short and self.passes > 2 and (self.hopeless or not self.checkpointing):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return out


def drawing(**how: bool) -> DiffusionGenerator:
    net = randomised(Greedy(CONFIG), seed=3).eval().requires_grad_(False)
    for name, value in how.items():
        setattr(net, name, value)
    cpu = torch.device("cpu")
    return DiffusionGenerator(
        net, ModelCard(unet=CONFIG), DDIM(), cpu, memory_policy=MemoryPolicy()
    )


def steps(chosen: DiffusionGenerator, saved=None):
    guide = LossGuide(lambda image: image.square().mean((1, 2, 3)), schedule("scale", 50))
    return chosen.generate(Request((8, 8), [7], 5), {"it": guide}, saved)


def test_the_picture_is_the_same_bit_for_bit(caplog):
    calm, short = drawing(), drawing(short=True)
    with caplog.at_level(logging.WARNING):
        pairs = list(zip(steps(calm), steps(short), strict=True))
    for expected, found in pairs:
        assert torch.equal(found.x, expected.x)
        assert torch.equal(found.state["dice"], expected.state["dice"])
    assert short.unet.passes > calm.unet.passes  # something did fail
    assert short.memory_policy.checkpointing
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 1 and "generator.checkpointing=true" in said[0]


def test_guides_that_rest_are_asked_when_they_were_meant_to_be(monkeypatch):
    """Also where the last of a step's memory was not there."""
    pictures, calls = [], 0

    def short_once(image):
        nonlocal calls
        calls += 1
        if calls == 2:  # of the first step: one for the guides, one for who looks on
            raise torch.OutOfMemoryError("CUDA out of memory")
        return in_colour(image)

    for colour in (in_colour, short_once):
        monkeypatch.setattr("guided.diffusion.guidance.in_colour", colour)
        chosen = drawing()
        chosen.interval = GuidanceInterval(schedule("every", 2))
        pictures.append([step.x for step in steps(chosen)])
    assert calls > 2
    assert all(map(torch.equal, *pictures))


def test_the_next_picture_begins_with_what_this_one_learned():
    short = drawing(short=True)
    list(steps(short))
    short.unet.passes = 0
    list(steps(short))
    assert short.unet.passes == 5  # none in vain


def test_a_picture_that_goes_on_is_cut_as_before():
    """Another cut may change its last bits."""
    before, after = drawing(), drawing()
    before.memory_policy.micro_batch, after.memory_policy.micro_batch = 3, 5
    next(steps(after, next(steps(before)).state))
    assert after.memory_policy.micro_batch == 3


def test_when_nothing_smaller_is_left_one_line_says_what_to_set():
    found = steps(drawing(short=True, hopeless=True))
    assert [next(found).i, next(found).i] == [4, 3]  # what was drawn before is there
    with pytest.raises(NoRoom, match=r"size=\[8,8\].*clip=.*secondary=imagenet2"):
        next(found)


def test_a_picture_that_is_larger_than_what_is_denoised_is_told_by_its_own_size():
    def greedy(x, i):
        raise torch.OutOfMemoryError("CUDA out of memory")

    retry = OOMRetry(greedy, None, RandomStreams([7]), MemoryPolicy(), scale=8)
    with pytest.raises(NoRoom, match=r"size=\[32,16\]"):
        retry(torch.zeros(1, 4, 2, 4), 0)
