"""The learnt vocabulary."""

from collections import Counter
from itertools import pairwise
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


def test_each_merge_is_the_most_frequent_pair_after_those_before_it() -> None:
    """By counting all pairs anew after each merge; of equal ones the first alphabetically."""
    texts = ["low lower lowest", "newer wider", "new new low 'S low's"] * 2
    words = [[*word[:-1], word[-1] + "</w>"] for word in pieces(texts)]
    for merge in bpe.learn(texts, size=514 + 12):
        counts = Counter(pair for word in words for pair in pairwise(word))
        assert merge == min(pair for pair in counts if counts[pair] == max(counts.values()))
        words = [joined(word, merge) for word in words]


def pieces(texts: list[str]) -> list[str]:
    return [word for text in texts for word in text.lower().replace("'s", " 's").split()]


def joined(word: list[str], pair: tuple[str, str]) -> list[str]:
    """The word with each occurrence of the pair as one token, from the left."""
    tokens: list[str] = []
    for letter in word:
        if tokens and (tokens[-1], letter) == pair:
            tokens[-1] += letter
        else:
            tokens.append(letter)
    return tokens


def test_equal_texts_make_equal_merges() -> None:
    texts = [f"{a}{b} {b}{a}" for a in "abcdef" for b in "uvwxyz"]
    assert bpe.learn(texts, size=560) == bpe.learn(texts, size=560)
