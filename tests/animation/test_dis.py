import pytest
import torch

from guided.animation.camera import Move
from guided.animation.dis import flow
from guided.animation.warp import flat

cv2 = pytest.importorskip("cv2")
SIZE = WIDTH, HEIGHT = 96, 64


def texture():
    dice = torch.Generator().manual_seed(0)
    layers = [
        torch.nn.functional.interpolate(
            torch.rand(1, 3, rows, rows * 3 // 2, generator=dice), (HEIGHT, WIDTH), mode="bicubic"
        )
        for rows in (6, 12, 24)
    ]
    return torch.stack(layers).mean(0).clamp(0, 1)


@pytest.mark.parametrize("shift", [(3.5, -2), (-7, 0), (1, 9)])
def test_flow_of_a_known_shift(shift):
    before = texture()
    x, y = shift
    after, _ = flat(before, Move(translation_x=x, translation_y=y).flat(SIZE), "border")
    apart = (flow(before, after) + torch.tensor([x, y])).norm(dim=-1)[12:-12, 12:-12]
    assert apart.median() < 0.2
    assert (apart < 0.5).float().mean() > 0.9


def test_the_flow_does_not_depend_on_opencvs_threads():
    before = texture()
    after, _ = flat(before, Move(angle=3, translation_x=2).flat(SIZE), "border")
    kept, found = cv2.getNumThreads(), []
    for threads in (1, 2, 4):
        cv2.setNumThreads(threads)
        found.append(flow(before, after))
        assert cv2.getNumThreads() == threads
    cv2.setNumThreads(kept)
    assert all(torch.equal(one, found[0]) for one in found)
