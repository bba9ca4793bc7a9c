"""Importing open_clip past three obstacles in the modules that it imports."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module, reload
from types import ModuleType
from typing import Any

import torch


def import_open_clip(text_towers: bool = False) -> ModuleType:
    """Return open_clip, imported without torch's compiler, without torchvision's missing operators
    and, unless `text_towers`, without transformers, which some architectures' text towers need."""
    try:
        with without_dynamo(), without_transformers():
            module = import_past_missing_operators("open_clip")
    except (ImportError, AttributeError):  # a release that needs more of them
        module = import_past_missing_operators("open_clip")
    if text_towers and module.hf_model.transformers is None:
        reload(module.hf_model)  # in place, so that it is what the classes' functions refer to
    return module


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
def without_transformers() -> Iterator[None]:
    """Let imports of transformers fail, as where it is not installed; they take half the time of
    open_clip's."""
    if "transformers" in sys.modules:
        yield
        return
    hidden: Any = None
    sys.modules["transformers"] = hidden
    try:
        yield
    finally:
        del sys.modules["transformers"]


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
