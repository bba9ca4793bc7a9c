"""Importing open_clip, torchvision and timm past obstacles in the modules that these import."""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from io import BytesIO
from types import ModuleType
from typing import Any

import torch

from guided.compat.collecting import uncollected
from guided.compat.deferred import deferred

# Libraries that open_clip imports for some of its architectures, for preparing pictures, for
# cleaning texts and for the network.
LATE = ("ftfy", "huggingface_hub", "timm", "torchvision", "transformers")


@cache
def import_open_clip() -> ModuleType:
    """Return a copy of open_clip of the program's own, whose functions import LATE once they use
    something of them. Other importers of open_clip get one that imported them."""
    if (imported := sys.modules.get("open_clip")) is not None:
        return imported
    try:
        with uncollected(), deferred(LATE, import_late), without_vocabulary():
            return import_module("open_clip")
    except (ImportError, AttributeError, TypeError):  # a release that needs more of them
        import_late()
        return import_module("open_clip")
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "open_clip"]:
            del sys.modules[name]


def import_late(name: str = "torchvision") -> ModuleType:
    """Return torchvision or a library that may import it, imported without torch's compiler and
    past torchvision's missing operators."""
    if name in ("ftfy", "huggingface_hub"):
        return import_module(name)
    try:
        with without_dynamo():
            import_past_missing_operators("torchvision")
            return import_module(name)
    except (ImportError, AttributeError):  # a release that needs more of it
        import_past_missing_operators("torchvision")
        return import_module(name)


def import_past_missing_operators(name: str) -> ModuleType:
    """Return a module that imports torchvision.

    A CUDA build of torchvision beside a CPU build of torch lacks operators and raises RuntimeError
    when it is imported. The program calls none of them: each missing one is declared, and the
    import is repeated."""
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
def without_dynamo() -> Iterator[None]:
    """Put a stub in the place of torch._dynamo while torchvision and timm are imported.

    They only ask it whether it supports the machine and decorate one function each, but importing
    it takes a third of a run's start-up. The real module can be imported afterwards."""
    if "torch._dynamo" in sys.modules:
        yield
        return
    dynamo: Any = ModuleType("torch._dynamo")
    utils: Any = ModuleType("torch._dynamo.utils")
    dynamo.__path__ = []  # a package
    dynamo.disable = lambda fn=None, recursive=True, **_: fn if fn else (lambda f: f)
    utils.is_compile_supported = lambda device: False
    sys.modules.update({"torch._dynamo": dynamo, "torch._dynamo.utils": utils})
    try:
        yield
    finally:
        del sys.modules["torch._dynamo"], sys.modules["torch._dynamo.utils"]


@contextmanager
def without_vocabulary() -> Iterator[None]:
    """Let open_clip.tokenizer read no words for the tokenizer that it makes when it is imported
    and that is not used here; they take a tenth of a second."""
    empty: Any = ModuleType("gzip")
    empty.open = lambda path: BytesIO()
    sys.modules["gzip"] = empty
    try:
        yield
    finally:
        sys.modules["gzip"] = gzip
        tokenizer: Any = sys.modules.get("open_clip.tokenizer")
        if tokenizer is not None:
            tokenizer.gzip = gzip


def wrapped_tokenizer(
    tokenizer: Any, context_length: int, mode: str, clean: str, strip_sep_token: bool
) -> Any:
    """Return open_clip's wrapper around a tokenizer of transformers, without its constructor,
    which looks the tokenizer up by name and may run code that comes with it."""
    module = import_open_clip().tokenizer
    wrapper = module.HFTokenizer.__new__(module.HFTokenizer)
    wrapper.tokenizer, wrapper.context_length = tokenizer, context_length
    wrapper.tokenizer_mode, wrapper.clean_fn = mode, module.get_clean_fn(clean)
    wrapper.strip_sep_token = strip_sep_token
    return wrapper
