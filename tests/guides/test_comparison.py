"""How alike a CLIP finds cutouts to prompts."""

import torch

from guided.guides.comparison import compared
from guided.prompts.prompt import Prompt
from tests.doubles import ColourClip


class WholeClip(ColourClip):
    """Reads texts of any length."""

    def split(self, text: str) -> list[str]:
        return [text]


def test_each_cutout_is_compared_with_each_prompt():
    """The embeddings are colours."""
    red = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    views = torch.cat([red, red.flip(1), red])
    found = compared("c", WholeClip(), views, [Prompt("red"), Prompt("blue")])
    assert (found.clip, [asked.text for asked in found.prompts]) == ("c", ["red", "blue"])
    expected = torch.tensor([[1.0, 0], [0, 1], [1, 0]])
    torch.testing.assert_close(found.cosines, expected, atol=1e-5, rtol=0)
