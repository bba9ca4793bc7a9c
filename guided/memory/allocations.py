"""Counting the bytes that tensors hold while a computation runs.

Works on real tensors and on meta tensors: then the memory of a computation is counted without
allocating it. The workspace of kernels is not counted, except the copies of weights in another
layout that convolutions on a CPU make.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from guided.memory.meta_kernels import RULES, WEIGHT


class AllocationCounter(TorchDispatchMode):
    """A dispatch mode that counts the bytes of tensors made while it is active: `live` now, and
    `peak` at most.

    `owned`: earlier tensors that do not count, such as weights, which operators may return views
    of. `reordering`: convolutions hold a copy of their weights while they run."""

    def __init__(self, owned: Iterable[Tensor] = (), reordering: bool = False) -> None:
        super().__init__()
        self.reordering = reordering
        self.live = self.peak = 0
        self.storages = [tensor.untyped_storage() for tensor in owned]
        self.sizes = {storage._cdata: 0 for storage in self.storages}  # bytes by storage

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True imports torch's compiler, which takes seconds

    def disown(self, tensor: Tensor) -> None:
        """Remove a tensor from the count."""
        storage = tensor.untyped_storage()
        held = self.sizes.get(storage._cdata, 0)
        self.sizes[storage._cdata] = 0
        self.storages.append(storage)
        self.live -= held
        self.peak = self.live

    def take_peak(self) -> int:
        """Return the peak since the last call."""
        peak, self.peak = self.peak, self.live
        return peak

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        meta = bool(args) and isinstance(args[0], Tensor) and args[0].is_meta
        rule = RULES.get(op) if meta else None
        out = op(*args, **kwargs) if rule is None else rule(op, *args, **kwargs)
        for result in tree_iter(out):
            if isinstance(result, Tensor):
                self._enter(result.untyped_storage())
        if self.reordering and op in WEIGHT:
            self.peak = max(self.peak, self.live + args[WEIGHT[op]].nbytes)
        return out

    def _enter(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.sizes:
            self.sizes[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._leave, key)

    def _leave(self, key: int) -> None:
        self.live -= self.sizes.pop(key, 0)
