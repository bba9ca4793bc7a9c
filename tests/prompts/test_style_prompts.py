"""Whether a look moves the picture to its style, in the eyes of a CLIP that did not guide, and
its palette the colours, in RGB. Minutes:
python -m pytest -m slow tests/prompts/test_style_prompts.py
"""

from statistics import mean

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import guided
from guided.clip import model
from guided.config.composition import compose
from guided.config.presets import presets
from guided.config.schema import build_all
from guided.guides.palette import Palette, distance

SEEDS = (1, 2, 3)
# What both of the embedded CLIPs tell apart from the thing itself, by their texts.
KNOWN = {"silhouette": ("a cat", "a bird", "a car"), "outlined": ("a cat", "a sun")}
MARGIN = 0.02  # in cosine; without the look it is 0
drawn: dict[tuple[str, str, int], Tensor] = {}


def draw(subject: str, look: str, seed: int) -> Tensor:
    """(1, 3, H, W) in [0, 1], drawn with one of the two CLIPs alone."""
    if (subject, look, seed) not in drawn:
        looks = ["draft", look] if look else ["draft"]
        *_, last = guided.frames(subject, "clip.embedded_b=null", look=looks, seed=seed)
        drawn[subject, look, seed] = last.image.clamp(0, 1)
    return drawn[subject, look, seed]


@pytest.fixture(scope="module")
def judge() -> model.Clip:
    """The one that does not guide."""
    card = build_all(compose([]).clip, "clip")["embedded_b"]
    return model.load(card, torch.device("cpu"), torch.float32)


@pytest.mark.slow
@pytest.mark.parametrize("look", KNOWN)
def test_a_look_that_the_pair_knows_moves_the_picture_towards_it(
    look: str, judge: model.Clip
) -> None:
    words = next(p for p in presets("look") if p.choice == look).says["words"]["en"]
    moved = []
    for subject in KNOWN[look]:
        with torch.no_grad():
            plain, styled = judge.encode_text([subject, f"{subject}, {words}"])
            for seed in SEEDS:
                pair = torch.cat([draw(subject, "", seed), draw(subject, look, seed)])
                seen = judge.encode_image(F.interpolate(pair, judge.size, mode="area"))
                before, after = (seen @ (styled - plain)).tolist()
                moved.append(after - before)
    print(look, [round(by, 3) for by in moved])
    assert mean(moved) > MARGIN
    assert sum(by > 0 for by in moved) > 2 * len(moved) / 3


@pytest.mark.slow
@pytest.mark.parametrize("look", ["blueprint", "paper_cut", "ink_wash"])
def test_a_palette_brings_the_picture_to_its_colours(look: str) -> None:
    palette = compose([f"look={look}"]).guide.palette
    values = [[int(c[k : k + 2], 16) / 127.5 - 1 for k in (1, 3, 5)] for c in palette.colours]
    off = distance(torch.tensor(values), palette.between)
    assert isinstance(build_all(compose([f"look={look}"]).guide, "guide")["palette"], Palette)
    for seed in SEEDS:
        plain, styled = (off(2 * draw("a cat", name, seed) - 1).item() for name in ("", look))
        print(look, seed, round(plain, 3), round(styled, 3))
        assert styled < 0.5 * plain
