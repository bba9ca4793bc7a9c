"""A small byte-level vocabulary in the format of CLIP's own tokenizer: a gzip of merges, one a
line, that open_clip's SimpleTokenizer reads as `bpe_path`. Knows nothing about models.

Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016,
https://arxiv.org/abs/1508.07909
"""

from __future__ import annotations

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import pairwise
from pathlib import Path

import regex

from guided.compat.open_clip import import_open_clip

FILE = "bpe_simple_vocab.txt.gz"
VOCABULARY = 4096  # 256 bytes, the same again at a word's end, two special tokens, merges
PIECES = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)
Pair = tuple[str, str]


def learn(texts: Iterable[str], size: int = VOCABULARY) -> list[Pair]:
    """The most frequent pairs, merged one after the other, until the vocabulary has `size`."""
    letters = import_open_clip().tokenizer.bytes_to_unicode()
    counts = Counter(piece for text in texts for piece in PIECES.findall(text.lower()))
    words = [[letters[byte] for byte in piece.encode()] for piece in counts]
    for word in words:
        word[-1] += "</w>"
    weights = list(counts.values())
    pairs: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, word in enumerate(words):
        for pair in pairwise(word):
            pairs[pair] += weights[i]
            places[pair].add(i)
    queue = [(-count, pair) for pair, count in pairs.items()]
    heapify(queue)
    merges: list[Pair] = []
    while queue and len(merges) < size - 514:
        count, best = heappop(queue)
        if -count != pairs[best]:  # an old entry; the true one is in the queue as well
            continue
        merges.append(best)
        for i in list(places[best]):
            before, words[i] = words[i], merged(words[i], best)
            for sign, word in ((-1, before), (1, words[i])):
                for pair in pairwise(word):
                    pairs[pair] += sign * weights[i]
                    places[pair].add(i)
            for pair in {*pairwise(before), *pairwise(words[i])} - {best}:
                heappush(queue, (-pairs[pair], pair))
        pairs[best] = 0
    return merges


def merged(word: list[str], pair: Pair) -> list[str]:
    out: list[str] = []
    for letter in word:
        if out and (out[-1], letter) == pair:
            out[-1] += letter
        else:
            out.append(letter)
    return out


def write(merges: list[Pair], path: Path) -> None:
    """The first line is a heading that the tokenizer skips; no time stamp, so that equal merges
    make equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(
        ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    )  # a last newline would count as a merge
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
