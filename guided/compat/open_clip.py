"""Importing open_clip past two obstacles in the modules that it imports."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

import torch


def import_open_clip() -> ModuleType:
    """open_clip, past two obstacles in what it imports."""
    try:
        with dynamo_asleep():
            return import_past_missing_operators("open_clip")
    except (ImportError, AttributeError):  # a release that asks dynamo something else
        return import_past_missing_operators("open_clip")


def import_past_missing_operators(name: str) -> ModuleType:
    """A module that imports torchvision, whose CUDA build beside a CPU build of torch lacks some
    operators and does not import. Nothing here needs them: declare each that is missed, and import
    again."""
    while True:
        try:
            return import_module(name)
        except RuntimeError as error:
            missing = re.search(r"operator (torchvision::\w+) does not exist", str(error))
            if missing is None:
                raise
            # Declaring one twice raises, so this ends.
            torch.library.define(
                missing[1], "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            )


@contextmanager
def dynamo_asleep() -> Iterator[None]:
    """torchvision and timm, while they are imported, ask torch's compiler whether it works here
    and to leave one function of theirs alone. That would import all of it, a third of a run's
    start-up, for nothing: answer in its place. Whoever compiles imports the real one after."""
    if "torch._dynamo" in sys.modules:
        yield
        return
    dynamo, utils = ModuleType("torch._dynamo"), ModuleType("torch._dynamo.utils")
    dynamo.__path__ = []  # a package
    dynamo.disable = lambda fn=None, recursive=True, **_: fn if fn else (lambda f: f)
    utils.is_compile_supported = lambda device: False
    sys.modules |= {"torch._dynamo": dynamo, "torch._dynamo.utils": utils}
    try:
        yield
    finally:
        del sys.modules["torch._dynamo"], sys.modules["torch._dynamo.utils"]
