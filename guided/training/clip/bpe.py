"""Learns a small byte-level vocabulary in the format of CLIP's tokenizer: a gzip of merges, one a
line, that open_clip's SimpleTokenizer reads as `bpe_path`.

The trainer of the library tokenizers takes equally frequent pairs in an order that varies from run
to run.

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
VOCABULARY = 4096  # 256 bytes, 256 bytes at a word's end, two special tokens, and merges
PIECES = regex.compile(
    r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)
Pair = tuple[str, str]


def learn(texts: Iterable[str], size: int = VOCABULARY) -> list[Pair]:
    """Return the merges of a vocabulary of `size` tokens: the most frequent pair, then the most
    frequent one after that merge, and so on; of equal ones the alphabetically first."""
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
        if -count != pairs[best]:  # outdated; the current count is in the queue as well
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
    """Return the word's tokens with every occurrence of the pair joined."""
    out: list[str] = []
    for letter in word:
        if out and (out[-1], letter) == pair:
            out[-1] += letter
        else:
            out.append(letter)
    return out


def write(merges: list[Pair], path: Path) -> None:
    """Write merges after the heading that the tokenizer skips. Without a time stamp, so that equal
    merges make equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without a last newline, which would count as a merge.
    text = "\n".join(["#version: 0.2", *(" ".join(pair) for pair in merges)])
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
