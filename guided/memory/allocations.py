"""How many bytes tensors hold, counted while they come and go. Knows nothing about networks.

Works on real tensors as well as on those of the meta device, which have a shape and no numbers:
then what a computation would hold is counted without holding it, by running the very code that
computes. What a kernel takes for itself while it runs is not seen, except for one: on a CPU a
convolution puts its weights into another order.
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
    """While it is entered, `live` is what tensors made since then hold, and `peak` the most that
    they held at once, in bytes. `owned`: tensors from before that do not count, such as weights,
    of which an operator may give another view. `reordering`: convolutions copy their weights, for
    as long as they run."""

    def __init__(self, owned: Iterable[Tensor] = (), reordering: bool = False) -> None:
        super().__init__()
        self.reordering = reordering
        self.live = self.peak = 0
        self.kept = [tensor.untyped_storage() for tensor in owned]
        self.known = {storage._cdata: 0 for storage in self.kept}  # storage -> bytes

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, for seconds, to tell it to look away

    def disown(self, tensor: Tensor) -> None:
        """Leave a tensor that was made since out of the count."""
        storage = tensor.untyped_storage()
        held = self.known.get(storage._cdata, 0)
        self.known[storage._cdata] = 0
        self.kept.append(storage)
        self.live -= held
        self.peak = self.live

    def since(self) -> int:
        """The peak since this was asked before."""
        peak, self.peak = self.peak, self.live
        return peak

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        meta = bool(args) and isinstance(args[0], Tensor) and args[0].is_meta
        rule = RULES.get(op) if meta else None
        out = op(*args, **kwargs) if rule is None else rule(op, *args, **kwargs)
        for found in tree_iter(out):
            if isinstance(found, Tensor):
                self._enter(found.untyped_storage())
        if self.reordering and op in WEIGHT:
            self.peak = max(self.peak, self.live + args[WEIGHT[op]].nbytes)
        return out

    def _enter(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self.known:
            self.known[key] = storage.nbytes()
            self.live += storage.nbytes()
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._leave, key)

    def _leave(self, key: int) -> None:
        self.live -= self.known.pop(key, 0)
