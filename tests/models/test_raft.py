"""Against torchvision's own class, on random weights."""

import pytest
import torch

from guided.compat.open_clip import import_past_missing_operators
from guided.errors import BadInput
from guided.models import raft
from guided.models.cards import RAFT_LARGE, RAFT_SMALL


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """Return torchvision's small network, whose weights are in the cache."""
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path))
    torch.manual_seed(0)
    net = import_past_missing_operators("torchvision.models.optical_flow").raft_small().eval()
    torch.save(net.state_dict(), tmp_path / RAFT_SMALL.file)
    raft.load.cache_clear()
    yield net
    raft.load.cache_clear()


def pictures(height, width):
    dice = torch.Generator().manual_seed(1)
    return torch.rand(2, 1, 3, height, width, generator=dice)


def test_the_flow_is_that_of_torchvisions_class(theirs):
    before, after = pictures(136, 128)
    with torch.inference_mode():
        expected = theirs(after * 2 - 1, before * 2 - 1)[-1][0].permute(1, 2, 0)
    found = raft.flow(RAFT_SMALL, "cpu", before, after)
    assert expected.abs().max() > 0.1
    assert torch.allclose(found, expected, atol=1e-4)


def test_small_pictures_are_enlarged_and_their_flow_is_in_their_own_pixels(theirs):
    before, after = (
        torch.nn.functional.interpolate(one, (68, 64), mode="bilinear", antialias=True)
        for one in pictures(136, 128)
    )
    found = raft.flow(RAFT_SMALL, "cpu", before, after)
    larger = torch.cat([after, before]) * 2 - 1
    larger = torch.nn.functional.interpolate(larger, (128, 128), mode="bilinear")
    with torch.inference_mode():
        expected = theirs(*larger[:, None])[-1]
    expected = torch.nn.functional.interpolate(expected, (68, 64), mode="area")
    scale = torch.tensor([64 / 128, 68 / 128])
    assert found.shape == (68, 64, 2)
    assert (found - expected[0].permute(1, 2, 0) * scale).abs().mean() < 0.05 * found.abs().mean()


def test_weights_of_another_network_are_refused(theirs, tmp_path):
    (tmp_path / RAFT_LARGE.file).write_bytes((tmp_path / RAFT_SMALL.file).read_bytes())
    with pytest.raises(BadInput, match="raft_large"):
        raft.flow(RAFT_LARGE, "cpu", *pictures(128, 128))
