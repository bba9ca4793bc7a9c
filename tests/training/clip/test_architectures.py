"""The small CLIPs, against open_clip's own reading."""

from pathlib import Path

import torch

from guided.compat.open_clip import import_open_clip
from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe, train


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


def test_reading_without_padding_is_what_open_clip_reads() -> None:
    tokens = train.tokenizer(EMBEDDED / "clip_b" / bpe.FILE)
    torch.manual_seed(0)
    model = architectures.build("b").eval()
    said = ["a", "a fox, drawn by hand on a winter day in the north", "狐狸", "", "the red fox"]
    asked = tokens(said, architectures.CONTEXT)
    expected = model.encode_text(asked, normalize=True)
    assert torch.allclose(architectures.encode_text(model, asked), expected, atol=1e-5)
