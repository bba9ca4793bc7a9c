"""The CSPDarknet tower beside timm's in open_clip, bit for bit."""

import torch

from guided.clip.darknet import DarknetTower
from tests.clip.test_regnet import both, results

NAME = "cs3darknet_focus_s"


def test_outputs_and_gradients_are_those_of_timm() -> None:
    ours, theirs = map(results, both(NAME, DarknetTower))
    assert ours[0].shape == (3, 16) and ours[1].abs().max() > 0
    assert all(map(torch.equal, ours, theirs))
