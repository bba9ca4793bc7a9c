"""Measures this project against the references: python -m benchmarks [cases=auto] [rounds=5]

Both sides draw the same picture with the same random weights in one process, in alternating steps,
so that other load of the machine affects both. Prints a table and writes benchmark.json and
benchmark.svg into `out`.

    python -m benchmarks                                   # what fits this machine
    python -m benchmarks cases=1280x768 precision=float16 reference=discoart
"""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import cases, chart, embedded
from benchmarks.clock import seconds
from benchmarks.parts import operations, parts, peak
from benchmarks.sides import Weights, our_steps, ours, their_steps
from guided.devices import check_device, check_precision, find_device, find_precision
from guided.errors import BadInput, not_one_of
from guided.training.common.settings import main

REFERENCES = ("disco", "discoart", "none")


@dataclass
class Settings:
    """The settings of a comparison."""

    cases: str = "auto"  # names of benchmarks/cases.py, with commas between
    rounds: int = 5  # pairs of steps, after one to warm up
    reference: str = "disco"
    checkpointing: bool = True  # of the reference's U-Net: use_checkpoint, on in Disco Diffusion
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0  # CPU cores; 0: all
    out: str = "runs/benchmarks"

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if self.rounds < 1:
            raise BadInput(f"rounds={self.rounds} must be 1 or more")
        if self.reference not in REFERENCES:
            raise BadInput(not_one_of("reference", self.reference, REFERENCES))
        known = [embedded.CASE, *cases.ALL]
        for name in self.cases.split(","):
            if name not in ("auto", *known):
                raise BadInput(not_one_of("cases", name, known))
        check_device(self.device)
        check_precision(self.precision)


def measure(settings: Settings) -> None:
    """Measure all cases and write the results."""
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = find_device(settings.device)
    dtype = find_precision(settings.precision, device)
    names = cases.fitting(device) if settings.cases == "auto" else settings.cases.split(",")
    pair = embedded.compared(device, settings.precision) if embedded.CASE in names else None
    if pair:
        embedded.report(pair)
    names = [name for name in names if name != embedded.CASE]
    top = peak(device, dtype)
    results = {
        "machine": machine(device),
        "precision": str(dtype).removeprefix("torch."),
        "peak GFLOP/s": round(top / 1e9),
        "reference": settings.reference,
        "reference checkpointing": settings.checkpointing,
        "embedded": pair,
        "cases": [compared(cases.ALL[name], settings, device, dtype, top) for name in names],
    }
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "benchmark.json").write_text(json.dumps(results, indent=1))
    (out / "benchmark.svg").write_text(chart.svg(results))
    print(f"{out / 'benchmark.json'}  {out / 'benchmark.svg'}")


def compared(
    case: cases.Case, settings: Settings, device: torch.device, dtype: torch.dtype, top: float
) -> dict[str, Any]:
    """Return the seconds of each side's steps in pairs, and the parts of ours."""
    weights = Weights(case, device, dtype)
    sides: dict[str, Generator[Tensor]] = {"guided": our_steps(weights, case)}
    if settings.reference != "none":
        art = settings.reference == "discoart"
        sides["reference"] = their_steps(weights, case, art, settings.checkpointing)
    first = {name: seconds(partial(next, steps), device) for name, steps in sides.items()}
    times: dict[str, list[float]] = {name: [] for name in sides}
    memory = {}
    for _ in range(settings.rounds):
        for name, steps in sides.items():
            forget(device)
            times[name].append(seconds(partial(next, steps), device))
            memory[name] = most_memory(device)
    for steps in sides.values():
        steps.close()  # the reference yields with gradients switched off
    results: dict[str, Any] = {
        "case": case.name,
        "size": list(case.size),
        "first step": rounded(first),
        "seconds": {name: spread(values) for name, values in times.items()},
        "peak memory MB": memory,
    }
    if "reference" in times:
        pairs = zip(times["reference"], times["guided"], strict=True)
        results["times faster"] = spread([theirs / mine for theirs, mine in pairs])
    results |= made_of(weights, case, device, statistics.median(times["guided"]), top)
    if "reference" in times:  # with every operation at the peak, and nothing else to do
        floor = results["GFLOP"] * 1e9 / top
        results["times faster at most"] = round(statistics.median(times["reference"]) / floor, 2)
    report(results)
    return results


def made_of(
    weights: Weights, case: cases.Case, device: torch.device, step: float, top: float
) -> dict[str, Any]:
    """Return the seconds of each part of our step, its operations, and their share of the peak."""
    works = parts(*ours(weights, case))
    took = {name: best(work, device) for name, work in works.items()}
    work = sum(operations(work) for work in works.values())
    took["rest"] = max(0.0, step - sum(took.values()))
    return {
        "parts": rounded(took),
        "GFLOP": round(work / 1e9),
        "share of peak": round(work / step / top, 3),
    }


def best(work: Callable[[], None], device: torch.device) -> float:
    """Return the shortest of three times."""
    return min(seconds(work, device) for _ in range(3))


def spread(values: list[float]) -> dict[str, float]:
    """Return minimum, median and maximum."""
    return rounded({"min": min(values), "median": statistics.median(values), "max": max(values)})


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Return values of four digits."""
    return {name: float(f"{value:.4g}") for name, value in values.items()}


def forget(device: torch.device) -> None:
    """Reset a GPU's count of peak memory."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def most_memory(device: torch.device) -> int | None:
    """Return torch's peak memory of this step on a GPU in MB, with both sides' weights."""
    if device.type != "cuda":
        return None
    return torch.cuda.max_memory_allocated(device) >> 20


def machine(device: torch.device) -> str:
    """Return a description of the device."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, torch {torch.__version__}"
    return f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def report(results: dict[str, Any]) -> None:
    """Print the results of a case."""
    width, height = results["size"]
    print(f"{results['case']}: {width}x{height}, {results['GFLOP']} GFLOP a step")
    for name, took in results["seconds"].items():
        held = results["peak memory MB"][name]
        print(
            f"  {name:<10} {took['median']:9.3f} s a step ({took['min']:.3f} to {took['max']:.3f})"
            + (f", {held} MB" if held else "")
        )
    if "times faster" in results:
        ratio = results["times faster"]
        print(
            f"  {ratio['median']:.2f} times faster ({ratio['min']:.2f} to {ratio['max']:.2f}); "
            f"all at the peak it would be {results['times faster at most']:.2f}"
        )
    shares = ", ".join(f"{name} {took:.3f}" for name, took in results["parts"].items())
    print(f"  parts in seconds: {shares}; {results['share of peak']:.0%} of the peak", flush=True)


if __name__ == "__main__":
    main(Settings, measure)
