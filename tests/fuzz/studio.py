"""Files of the studio: its queue, favourites, trash, measurements and presets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from guided.errors import BadInput
from guided.studio import dispatcher, presets
from guided.studio.entries import Entry, Queue
from guided.studio.library import Library
from guided.studio.measurements import Measurements
from guided.studio.places import NAME
from tests.fuzz.files import damaged, encoded, json_of, mappings
from tests.fuzz.trial import FIXTURES, Case

ITEM: dict[str, Any] = {
    "id": "abc", "run": "half", "number": 0, "file": "image_0000.png", "time": 1.5, "made": "",
    "prompt": "a sun", "unwanted": "", "seed": 3, "score": 0.5, "seconds": 2.0,
    "names": {"model": ["embedded"]}, "film": None, "trashed": True, "size": None, "place": "",
}  # fmt: skip
JSON: dict[str, Any] = {
    "queue/abc.json": vars(Entry("abc", {"prompt": "a sun"}, created="2026-01-01T00:00:00Z")),
    "favourites.json": ["abc", "def"],
    "measurements.json": {"k": {"alike": "a", "pixels": 64, "seconds": 0.5, "memory": 1000}},
    "trash/abc/origin.json": ITEM,
    "server.json": {"address": "http://127.0.0.1:1", "pid": 1},
}
PRESET = "# @package _global_\ndefaults:\n- override /sampler: ddim\n- _self_\nsteps: 20\n"


def read(root: Path) -> None:
    """Read everything that the studio does when it starts and shows its pages; what is damaged is
    left out."""
    queue, library = Queue(root), Library(root)
    shown = [vars(entry) for entry in queue.all()]
    library.refresh(now=True)
    for item in list(library.items.values()):
        library.size(item), library.steps(item), library.films(item), item.text
        if item.trashed:
            try:
                library.restore(item)
            except (BadInput, KeyError):
                continue
    found = [*library.favourites(), *presets.listed(root), *library.filters()]
    json.dumps([shown, found, dispatcher.address(root)], allow_nan=False)
    Measurements.read(root)


@st.composite
def folders(draw: st.DrawFn) -> Case:
    """Return a folder of runs with the studio's files, of which one is odd."""
    name = draw(st.sampled_from((*JSON, "presets/look/mine.yaml")))
    files = {key: json.dumps(one).encode() for key, one in JSON.items()}
    files["presets/look/mine.yaml"] = PRESET.encode()
    odd = encoded(draw(mappings(PRESET))) if name.endswith(".yaml") else None
    odd = odd or draw(json_of(files[name].decode()))
    files[name] = draw(damaged(odd)) if draw(st.integers(0, 3)) == 0 else odd
    files["trash/abc/image_0000.png"] = (FIXTURES / "init.png").read_bytes()
    placed = tuple((f"all/{NAME}/{key}", content) for key, content in files.items())
    return Case(("@tests.fuzz.studio:read", "all"), placed)
