"""Checking a pickled checkpoint before it is read: no code, no archive that unpacks to a multiple
of its size, no tuples that take exponential time to hash.

Imports no torch. torch.load(weights_only=True) builds tensors and plain data only; yet hashing a
tuple visits all of its contents, so that a few bytes of nested references to the same tuples, used
as a key, take forever or overflow the stack.
"""

import pickletools
import zipfile
from pathlib import Path
from typing import IO

from guided.errors import BadInput

SLACK = 1 << 20  # bytes that the size of a small archive may be exceeded by
LARGEST_TUPLE = 1000  # values, with those of nested tuples
ARCHIVE = b"PK\x03\x04"  # the first bytes of an archive
# Beginnings of the names of modules in pickles of NVIDIA's StyleGANs.
NVIDIA = ("torch_utils.persistence", "dnnlib")
PICKLES = 5  # at the beginning of a file from before torch 1.6


def is_zip(path: Path) -> bool:
    """Return whether torch reads the file as an archive, the format of torch 1.6 and later: by its
    first bytes. An archive may also stand behind other bytes, which torch would read instead."""
    with path.open("rb") as file:
        return file.read(len(ARCHIVE)) == ARCHIVE and zipfile.is_zipfile(path)


def check_pickles(path: Path) -> None:
    """Raise BadInput if a .pt file holds code or is built to exhaust memory or time; ValueError or
    IndexError if its pickles are broken."""
    if not is_zip(path):
        with path.open("rb") as file:
            for _ in range(PICKLES):
                check_tuples(file, path)
        return
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        if any(part.filename.endswith("/constants.pkl") for part in parts):
            raise BadInput(
                f"{path} is a TorchScript archive, which holds code, and is not opened; "
                "torch.jit.load(...).state_dict(), saved with torch.save, holds the tensors alone"
            )
        if sum(part.file_size for part in parts) > 2 * path.stat().st_size + SLACK:
            raise BadInput(f"{path} unpacks to far more than it is large, and is not opened")
        for part in parts:
            if part.filename.endswith(".pkl"):
                with archive.open(part) as file:
                    check_tuples(file, path)


def check_tuples(file: IO[bytes], path: Path) -> None:
    """Raise BadInput if one of the next pickle's tuples holds too many values. Lists and
    dictionaries count as one, since they can be no keys.

    Follows the stack and the memo of the pickle machine with the number of values in place of
    each value."""
    stack: list[int | None] = []  # None: a mark
    memo: dict[int, int | None] = {}
    for code, argument, _ in pickletools.genops(file):
        if isinstance(argument, str) and argument.startswith(NVIDIA):
            raise BadInput(
                f"{path} is a pickle of NVIDIA's StyleGAN, which runs code when it is opened, and "
                "is not opened; docs/models.md#stylegan2 shows how to save its tensors alone"
            )
        if code.name in ("BINGET", "LONG_BINGET", "GET"):
            stack.append(memo[int(argument or 0)])
        elif code.name in ("BINPUT", "LONG_BINPUT", "PUT"):
            memo[int(argument or 0)] = stack[-1]
        elif code.name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif code.name == "MARK":
            stack.append(None)
        else:
            popped = pop(stack, code)
            sums = code.name in ("TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "NEWOBJ", "DUP")
            values = 1 + sum(popped) if sums else 1
            if values > LARGEST_TUPLE:
                raise BadInput(
                    f"{path} is not opened: it holds a tuple of more than {LARGEST_TUPLE} values"
                )
            stack += [values] * len(code.stack_after)


def pop(stack: list[int | None], code: pickletools.OpcodeInfo) -> list[int]:
    """Remove an operation's arguments from the stack; return their numbers of values."""
    before = code.stack_before
    popped = []
    if pickletools.markobject in before:
        while (top := stack.pop()) is not None:
            popped.append(top)
        before = before[: before.index(pickletools.markobject)]
    popped += [stack.pop() or 1 for _ in before]
    return popped
