"""The memory that a device has available."""

from __future__ import annotations

from pathlib import Path

import torch

GB = 2**30
# Memory that a GPU's driver and display take beside torch, in bytes.
DRIVER = {"cuda": 0.6 * GB, "xpu": 0.6 * GB, "mps": 0.0, "cpu": 0.0}
CGROUP = Path("/sys/fs/cgroup")
OURS = 0.8  # share of a machine's memory that is used


def available_memory(device: torch.device, weights: int) -> float | None:
    """Return the memory budget in bytes for weights and activations, where `weights` bytes are
    loaded already. GPU: free memory plus the allocator's unused reserve plus `weights`. CPU: see
    `ram`. None if the backend cannot tell."""
    if device.type == "cpu":
        return ram()
    if device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return free + weights
    module = getattr(torch, device.type)
    if not hasattr(module, "mem_get_info"):
        return None
    reserve = module.memory_reserved(device) - module.memory_allocated(device)
    return module.mem_get_info(device)[0] + reserve + weights


def ram(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = CGROUP) -> float | None:
    """Return 80 % of the machine's memory or of the cgroup limit, the smaller one, in bytes; None
    if neither is known. Other programs do not count, because rounding depends on the budget."""
    limits = []
    if meminfo.exists():
        lines = (line.split() for line in meminfo.read_text().splitlines())
        limits += [int(words[1]) * 1024 for words in lines if words[0] == "MemTotal:"]
    limit = cgroup / "memory.max"
    if limit.exists() and (most := limit.read_text().strip()) != "max":
        limits.append(int(most))
    return OURS * min(limits) if limits else None
