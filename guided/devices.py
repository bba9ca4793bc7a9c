"""Devices and number formats: which there are, and which suit. Imports torch only when asked to
look at the hardware.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from guided.errors import BadInput, not_one_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
LIMITS = ("auto", "off")  # of memory, beside a number of GB
COMPILERS = ("g++", "clang++", "c++", "cl")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's mallopt
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def check_device(name: str) -> str:
    """BadInput for what cannot be a device here, as far as that can be seen without torch."""
    if not re.fullmatch(r"auto|cpu|mps|(cuda|xpu)(:\d+)?", name):
        known = ", ".join(DEVICES)
        raise BadInput(f"device={name} is not one of {known}, or a numbered one as cuda:1")
    if name.startswith("cuda") and not cuda_possible():
        raise BadInput(
            f"device={name}: there is no CUDA GPU here, or torch was built without CUDA; "
            "use device=auto or device=cpu"
        )
    if name == "mps" and not (sys.platform == "darwin" and platform.machine() == "arm64"):
        raise BadInput(f"device={name} is Apple's GPU, not here; use device=auto or device=cpu")
    return name


def read_devices(value: Any) -> list[str]:
    """One or several: cuda:0 or [cuda:0,cuda:1], each of which draws pictures of the batch."""
    names = value if isinstance(value, list) and value else [value]
    return [check_device(str(name)) for name in names]


def cuda_possible() -> bool:
    """torch with CUDA or ROCm, and NVIDIA's driver where it is CUDA."""
    try:
        built = version("torch")
    except PackageNotFoundError:
        return False
    if "+cpu" in built or sys.platform == "darwin":
        return False
    if "+rocm" in built:
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def check_compiler() -> None:
    """ValueError where torch's compiler cannot work: it writes C++, for GPUs as well."""
    named = os.environ.get("CXX")
    if not any(map(shutil.which, [named] if named else COMPILERS)):
        raise ValueError("compile=true needs a C++ compiler, g++ or clang++; there is none here")


def check_precision(name: str) -> str:
    if name not in PRECISIONS:
        raise BadInput(not_one_of("precision", name, PRECISIONS))
    return name


def check_memory(value: Any) -> float | str:
    """GB to keep within, or auto, or off."""
    value = "off" if value is False else value  # as YAML reads it in a file
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value in LIMITS or (number and 0 < value < float("inf")):
        return value
    raise BadInput(f"memory={value} must be auto, off, or so many GB, as in memory=8")


def find_device(name: str) -> torch.device:
    """The device itself; BadInput when it is not there."""
    import torch

    if name == "auto":
        name = next((n for n in ("cuda", "mps", "xpu") if available(n)), "cpu")
    kind, _, index = name.partition(":")
    if kind != "cpu" and not available(kind):
        raise BadInput(f"device={name} is not there; use device=auto or device=cpu")
    count = getattr(torch, kind).device_count() if index else 0
    if index and int(index) >= count:
        raise BadInput(f"device={name} is not there; there are {kind}:0 to {kind}:{count - 1}")
    return torch.device(name)


def available(kind: str) -> bool:
    import torch

    return bool(getattr(torch, kind).is_available())


def find_precision(name: str, device: torch.device) -> torch.dtype:
    """What was asked for, or the fastest format that is safe on the device: bfloat16 has float32's
    range, so nothing overflows; CPUs and Apple's GPU get float32."""
    import torch

    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if device.type == "xpu" else torch.float32


def sent(x: Tensor, like: Tensor) -> Tensor:
    """x with the device and dtype of `like`. A copy to a GPU is only asked for, from memory that
    it reads by itself: one from ordinary memory waits until the GPU has done all before it."""
    if like.device.type not in ("cuda", "meta"):
        return x.to(like)
    return (x.pin_memory() if like.is_cuda else x).to(like, non_blocking=True)


def kind(device: str) -> str:
    """Two devices of one kind come to the same last bits: cpu, mps, or the GPU's own name."""
    import torch

    name = device.partition(":")[0]
    return getattr(torch, name).get_device_name(device) if name in ("cuda", "xpu") else name


def determine(deterministic: bool) -> None:
    """Sums in one order on every device, where torch has a way to; it warns where it has none."""
    import torch

    # Asked for nothing new, torch would import its compiler all the same: seconds of start-up.
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.deterministic = deterministic


def keep_freed(device: torch.device) -> None:
    """On a CPU with glibc, memory that a step frees stays with the process, for the next step to
    take. Otherwise most of it goes back to the system each time, and comes again page by page,
    cleared, which can take a sixth of a guided step at 256x256."""
    if device.type != "cpu" or sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(M_MMAP_MAX, 0)  # all of it from the heap,
        libc.mallopt(M_TRIM_THRESHOLD, -1)  # whose end is never given back
