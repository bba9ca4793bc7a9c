"""Devices and precisions: checking and choosing them.

Imports torch only to look at the hardware.
"""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.compat.collecting import uncollected
from guided.errors import BadInput, is_number, nearest, not_one_of, shown

if TYPE_CHECKING:
    import torch
    from torch import Tensor

log = logging.getLogger(__name__)
DEVICES = ("auto", "cpu", "cuda", "mps", "xpu")
LIMITS = ("auto", "off")  # values of memory= besides a number of GB
COMPILERS = ("g++", "clang++", "c++", "cl")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # parameters of glibc's mallopt
MOST_THREADS = 1024
PRECISIONS = ("auto", "float32", "bfloat16", "float16")


def check_device(name: str) -> str:
    """Return the name; BadInput if it cannot be a device here, as far as torch is not needed."""
    if not re.fullmatch(r"auto|cpu|mps|(cuda|xpu)(:\d+)?", name):
        known = ", ".join(DEVICES)
        near = nearest(name, DEVICES)
        raise BadInput(f"device={name} is not one of {known}, or a numbered one as cuda:1{near}")
    if name.startswith("cuda") and not cuda_possible():
        raise BadInput(
            f"device={name}: there is no CUDA GPU here, or torch was built without CUDA; "
            "use device=auto or device=cpu"
        )
    if name == "mps" and not (sys.platform == "darwin" and platform.machine() == "arm64"):
        raise BadInput(f"device={name} is Apple's GPU, not here; use device=auto or device=cpu")
    return name


def read_devices(value: Any) -> list[str]:
    """Return the devices that share a batch, given one name or a list; BadInput for others."""
    names = value if isinstance(value, list) and value else [value]
    return [check_device(str(name)) for name in names]


def cuda_possible() -> bool:
    """Return whether torch is built with ROCm, or with CUDA and NVIDIA's driver is installed."""
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
    """Raise ValueError if there is no C++ compiler, which torch.compile needs on every device."""
    chosen = os.environ.get("CXX")
    if not any(map(shutil.which, [chosen] if chosen else COMPILERS)):
        raise ValueError("compile=true needs a C++ compiler, g++ or clang++; there is none here")


def check_precision(name: str) -> str:
    """Return the name; BadInput if it is not a precision."""
    if name not in PRECISIONS:
        raise BadInput(not_one_of("precision", name, PRECISIONS))
    return name


def check_threads(value: Any) -> int | None:
    """Return the number of CPU threads, None for auto; BadInput for other values."""
    if value == "auto":
        return None
    if is_number(value) and 1 <= value <= MOST_THREADS and value == int(value):
        return int(value)
    raise BadInput(
        f"threads={shown(value)} must be auto, or a whole number from 1 to {MOST_THREADS}"
    )


def cores() -> int:
    """Return the number of threads for large models: OMP_NUM_THREADS, else the CPU's cores that
    this process may use, threads of one core counted once where Linux tells."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wanted.isascii() and wanted.isdigit() and int(wanted) > 0:
        return min(int(wanted), MOST_THREADS)
    if not hasattr(os, "sched_getaffinity"):
        return min(os.cpu_count() or 1, MOST_THREADS)
    usable = os.sched_getaffinity(0)
    return min(len({siblings(cpu) for cpu in usable}), MOST_THREADS)


def siblings(cpu: int) -> str:
    """Return the numbers of the CPUs that share a core with one, as Linux lists them."""
    path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
    try:
        return path.read_text()
    except OSError:
        return str(cpu)


def set_threads(number: int | None) -> int:
    """Set the number of threads of each calculation on the CPU, None for cores(), and return it.
    Sums are split among threads, so their last bits depend on it."""
    import torch

    number = number or cores()
    torch.set_num_threads(number)
    return number


def processor() -> str:
    """Return the instructions that torch uses on this CPU, as "x86_64 AVX512". Results are
    bit-identical on CPUs with the same ones, as far as libraries choose by them."""
    import torch

    return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def warn_of_processor(where: str, before: str) -> None:
    """Warn if a picture was drawn, or begun, by a CPU with other instructions."""
    if before and before != (here := processor()):
        log.warning(
            "%s was drawn on %s, and this is %s: the picture will differ in details",
            *(where, shown(before), here),
        )


@contextmanager
def threads_restored() -> Iterator[None]:
    """Set the number of threads of this process back at the end of the block."""
    import torch

    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


def wait_passively() -> None:
    """Let threads that have nothing to do sleep. By default they spin, which on a machine with
    other work makes two threads several times slower than one. To be called before torch is
    imported."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def check_memory(value: Any) -> float | str:
    """Return the memory limit in GB, auto or off; BadInput for other values."""
    value = "off" if value is False else value  # YAML reads `off` as false
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value in LIMITS or (number and 0 < value < float("inf")):
        return value
    raise BadInput(f"memory={value} must be auto, off, or so many GB, as in memory=8")


def find_device(name: str) -> torch.device:
    """Return the device; BadInput if this machine does not have it. auto: the first of CUDA, MPS
    and XPU, else the CPU."""
    import_torch()
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


def import_torch() -> None:
    """Import torch, if it is not imported yet, without collecting garbage meanwhile."""
    if "torch" not in sys.modules:
        with uncollected():
            import_module("torch")


def available(kind: str) -> bool:
    """Return whether torch can use a device of this kind."""
    import torch

    return bool(getattr(torch, kind).is_available())


def find_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the dtype. auto: the fastest that is safe on the device: bfloat16, which has the
    range of float32, on GPUs that have it, else float16; float32 on CPUs and Apple's GPU."""
    import torch

    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return torch.bfloat16 if device.type == "xpu" else torch.float32


def on_cpu(x: Tensor) -> bool:
    """Return whether x is on a CPU. The memory planner replaces this for meta tensors."""
    return x.device.type == "cpu"


def sent(x: Tensor, like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return x with the device of `like`, and its dtype or `dtype`. Copies to CUDA are
    asynchronous, from pinned memory; a copy from ordinary memory would wait for the GPU."""
    dtype = dtype or like.dtype
    if like.device.type not in ("cuda", "meta"):
        return x.to(like.device, dtype)
    return (x.pin_memory() if like.is_cuda else x).to(like.device, dtype, non_blocking=True)


def kind(device: str) -> str:
    """Return the kind of a device: cpu, mps, or the GPU's name. Results on devices of one kind are
    bit-identical."""
    import torch

    name = device.partition(":")[0]
    return getattr(torch, name).get_device_name(device) if name in ("cuda", "xpu") else name


def set_deterministic(deterministic: bool) -> None:
    """Choose deterministic algorithms where torch has them; torch warns where it has none."""
    import torch

    # The call imports torch's compiler, seconds of start-up, even if it changes nothing.
    if torch.are_deterministic_algorithms_enabled() != deterministic:
        torch.use_deterministic_algorithms(deterministic, warn_only=True)
    torch.backends.cudnn.deterministic = deterministic


def keep_freed(device: torch.device) -> None:
    """Keep freed memory in the process, on a CPU with glibc.

    Otherwise most of it is returned to the system after each step and comes back as zeroed pages,
    which can take a sixth of a guided step at 256x256."""
    if device.type != "cpu" or sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # musl has none
        libc.mallopt(M_MMAP_MAX, 0)  # allocate everything on the heap
        libc.mallopt(M_TRIM_THRESHOLD, -1)  # and never shrink it
