"""The learnt vocabulary."""

from pathlib import Path

from guided.compat.open_clip import import_open_clip
from guided.training.clip import bpe


def test_the_vocabulary_is_read_by_open_clip(tmp_path: Path) -> None:
    path = tmp_path / bpe.FILE
    bpe.write(
        bpe.learn(["a red heart", "a red sun", "红色的心", "红色的太阳"] * 3, size=540), path
    )
    tokenizer = import_open_clip().SimpleTokenizer(bpe_path=str(path), context_length=8)
    assert tokenizer.vocab_size == 540
    for text in ("a red heart", "红色的心", "something never seen"):
        assert tokenizer.decode(tokenizer.encode(text)).strip() == text
    assert len(tokenizer.encode("red")) == 1
