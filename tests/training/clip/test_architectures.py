"""The small CLIPs, against open_clip's own reading."""

from pathlib import Path

import torch

from guided.compat.open_clip import import_open_clip
from guided.training.clip import architectures, bpe


def test_three_towers_differ_and_load_as_a_local_folder(tmp_path: Path) -> None:
    bpe.write(bpe.learn(["a red heart"], size=520), tmp_path / bpe.FILE)
    for tower in ("b", "judge"):
        torch.manual_seed(0)
        model = architectures.build(tower)
        architectures.ship(model.state_dict(), tower, tmp_path / bpe.FILE, tmp_path / tower)
        loaded = import_open_clip().create_model(f"local-dir:{tmp_path / tower}")
        size = architectures.size(tower)
        assert loaded.visual.image_size == (size, size)
        assert loaded.context_length == architectures.CONTEXT
        views = torch.rand(2, 3, size, size)
        assert torch.allclose(
            loaded.eval().encode_image(views), model.eval().encode_image(views), atol=2e-2
        )
    seen = [str(architectures.VISION[tower]) for tower in ("a", "b", "judge")]
    assert len(set(seen)) == 3
