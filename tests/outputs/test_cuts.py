"""Sheets of cutouts."""

import torch
from PIL import Image

from guided.outputs.cuts import Cuts
from tests.outputs.frames import all_frames, watch


def test_cuts_show_every_view_of_every_clip(run):
    run.look = lambda image, progress, seed: [
        torch.full((3, 3, 5, 5), progress), torch.zeros(1, 3, 4, 4)
    ]  # fmt: skip
    frames = all_frames()[:4]
    for one in frames:
        one.prediction.progress = 0.5
    watch(Cuts(every=2), run, frames)
    assert sorted(path.name for path in (run.folder / "cuts").iterdir()) == [
        "0000_0002.png", "0000_0004.png"
    ]  # fmt: skip
    with Image.open(run.folder / "cuts" / "0000_0002.png") as sheet:
        assert sheet.size == (14, 14)  # two by two, the larger size, and gaps
        grey, black = (128, 128, 128), (0, 0, 0)
        assert [sheet.getpixel(at) for at in ((2, 2), (9, 2), (2, 9), (9, 9))] == [
            grey, grey, grey, black
        ]  # fmt: skip
