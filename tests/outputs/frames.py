"""Frames made by hand."""

import torch

from guided.interfaces import Frame, Prediction

SETTINGS = {
    "prompt": "x", "steps": 4, "seed": 9, "size": [6, 4], "model": {"name": "m"},
    "clip": {}, "sampler": {"_target_": "a.DDIM"}, "count": 2,
}  # fmt: skip


def frame(index=0, step=1, steps=4, value=0.5):
    image = torch.full((1, 3, 4, 6), value)
    guess = Prediction(image, image, losses={"clip": torch.tensor([2.0])})
    return Frame(index, 9 + index, step, steps, step / steps, image, guess, 0.1)


def watch(output, run, frames):
    with output.open(run) as viewer:
        for one in frames:
            viewer.see(one)


def all_frames():
    return [frame(k, step, value=step / 4) for k in range(2) for step in range(1, 5)]
