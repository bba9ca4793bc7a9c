"""Garbage collection put off for a while."""

import gc
from typing import ClassVar

import pytest

from guided.compat.collecting import uncollected


class Node:
    """An object that refers to itself, which only a collection frees."""

    freed: ClassVar[list[str]] = []

    def __init__(self, name: str) -> None:
        self.name, self.own = name, self

    def __del__(self) -> None:
        self.freed.append(self.name)


def test_nothing_is_collected_inside_and_new_garbage_is_afterwards():
    Node.freed.clear()
    with uncollected():
        Node("inside")
        junk = [[] for _ in range(100_000)]  # enough for a collection at any other time
        assert len(junk) == 100_000 and not Node.freed and not gc.isenabled()
    Node("after")
    gc.collect()
    assert gc.isenabled() and Node.freed == ["after"]  # what was there then is left alone
    gc.unfreeze()
    gc.collect()
    assert sorted(Node.freed) == ["after", "inside"]


def test_collections_go_on_after_an_error_and_only_where_they_did_before():
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
        gc.unfreeze()
