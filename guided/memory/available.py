"""How much memory a device has to give. Knows nothing about what it is for."""

from __future__ import annotations

from pathlib import Path

import torch

GB = 2**30
# What a GPU's driver and a screen take before torch has asked for anything.
DRIVER = {"cuda": 0.6 * GB, "xpu": 0.6 * GB, "mps": 0.0, "cpu": 0.0}
CGROUP = Path("/sys/fs/cgroup")
OURS = 0.8  # of a machine's memory


def available_memory(device: torch.device, there: int) -> float | None:
    """Bytes for weights and steps, where `there` of them are taken by weights already: those that
    could still be taken beside, with what torch keeps for itself and does not use; of a CPU all
    that there are for programs. None where nobody says."""
    if device.type == "cpu":
        return ram()
    if device.type == "mps":
        free = torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
        return free + there
    module = getattr(torch, device.type)
    if not hasattr(module, "mem_get_info"):
        return None
    spare = module.memory_reserved(device) - module.memory_allocated(device)
    return module.mem_get_info(device)[0] + spare + there


def ram(meminfo: Path = Path("/proc/meminfo"), cgroup: Path = CGROUP) -> float | None:
    """A share of the machine's memory, or of the container's, where that is less: whatever else
    runs, since the last bits of a picture follow from it."""
    found = []
    if meminfo.exists():
        lines = (line.split() for line in meminfo.read_text().splitlines())
        found += [int(words[1]) * 1024 for words in lines if words[0] == "MemTotal:"]
    limit = cgroup / "memory.max"
    if limit.exists() and (most := limit.read_text().strip()) != "max":
        found.append(int(most))
    return OURS * min(found) if found else None
