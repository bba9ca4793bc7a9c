"""Checks and measures everything on a GPU in a limited time: python -m benchmarks.gpu minutes=8

Runs the parts below in this order, with full-size architectures and random weights. A part that
is expected to take longer than the time that is left is skipped, which the results say. They are
written to gpu.json and gpu.md in `out` after every row, each file replaced as a whole, so that the
run may be killed at any time. Exit code 1 if a check failed.

    python -m benchmarks.gpu minutes=8 out=results data=packed
    python -m benchmarks.gpu device=cpu size=tiny              # tries the script itself, on a CPU
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.__main__ import machine
from benchmarks.gpu import correctness, memory_peak, speed, training
from benchmarks.gpu.bench import Bench, Part
from benchmarks.gpu.report import JSON, MARKDOWN, Report, Result
from guided.devices import find_device
from guided.errors import BadInput, not_one_of
from guided.training.common.settings import main

SIZES, DEVICES = ("auto", "full", "tiny"), ("auto", "cpu", "cuda")
PARTS = {
    part.name: part
    for part in (
        Part("correctness", "Correctness", correctness.rows, 90),
        Part("comparison", "Beside Disco Diffusion", speed.comparison, 60),
        Part("memory", "Memory, planned and measured", memory_peak.rows, 60),
        Part("profile", "Kernels of a guided step", speed.profiled, 20),
        Part("batches", "Batch sizes", speed.batches, 20),
        Part("graphs", "CUDA graphs", speed.graphs, 30),
        Part("compile", "torch.compile", speed.compilation, 120),
        Part("launches", "Launches, counted on the meta device", speed.dispatched, 20),
        Part("training", "Training of the embedded pair", training.rows, 60),
    )
}


@dataclass
class Settings:
    """The settings of a run."""

    minutes: float = 8.0  # of the whole run
    out: str = "runs/gpu"
    data: str = ""  # packed by benchmarks.gpu.training; empty: nothing is trained
    parts: str = "all"  # names, with commas between
    device: str = "auto"
    size: str = "auto"  # full on a GPU; tiny: one small case, in seconds on a CPU

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if not self.minutes > 0:
            raise BadInput(f"minutes={self.minutes} must be above 0")
        if self.device not in DEVICES:
            raise BadInput(not_one_of("device", self.device, DEVICES))
        if self.size not in SIZES:
            raise BadInput(not_one_of("size", self.size, SIZES))
        for name in self.parts.split(","):
            if name != "all" and name not in PARTS:
                raise BadInput(not_one_of("parts", name, ["all", *PARTS]))
        if self.data and not (Path(self.data) / training.PACKED).is_file():
            raise BadInput(
                f"data={self.data} has no {training.PACKED}; "
                "python -m benchmarks.gpu.training makes it"
            )

    def chosen(self) -> list[Part]:
        """Return the parts to run, in their order."""
        names = self.parts.split(",")
        return [part for part in PARTS.values() if "all" in names or part.name in names]


def run(settings: Settings) -> None:
    """Run the parts and write the results; exit with 1 if a part failed or found an error."""
    ends = time.monotonic() + 60 * settings.minutes
    settings.check()
    device = find_device(settings.device)
    if device.type not in DEVICES:
        device = find_device("cpu")
    size = settings.size
    if size == "auto":
        size = "full" if device.type == "cuda" else "tiny"
    if size == "full" and device.type == "cpu":
        raise BadInput("size=full takes hours on a CPU; use size=tiny, or device=cuda")
    bench = Bench(device, size, Path(settings.out), settings.data, ends)
    report = Report(bench.out, {"machine": machine(device), "size": size} | asdict(settings))
    for part in settings.chosen():
        report.results[part.name] = result = Result(part.title, part.seconds)
        take(part, bench, result, report)
        print(f"{part.name}: {result.status} {result.reason}", flush=True)
    print(f"{bench.out / JSON}  {bench.out / MARKDOWN}")
    if any(result.bad for result in report.results.values()):
        raise SystemExit(1)


def take(part: Part, bench: Bench, result: Result, report: Report) -> None:
    """Take the rows of a part for as long as there is time, and write each. An error ends the part
    alone, because what is left of the time is for the others."""
    began = time.monotonic()
    result.status, result.reason = begun(part, bench)
    report.write()
    if result.status == "skipped":
        return
    bench.free()
    try:
        for row in part.rows(bench):
            result.rows.append(row)
            result.seconds = time.monotonic() - began
            report.write()
            if bench.left() <= 0:
                result.status, result.reason = "out of time", f"after {len(result.rows)} rows"
                return
        result.status = "done"
    except Exception as error:
        result.status = "failed"
        result.reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    finally:
        result.seconds = time.monotonic() - began
        report.write()


def begun(part: Part, bench: Bench) -> tuple[str, str]:
    """Return "running", or "skipped" and why."""
    if part.name == "training" and not bench.data:
        return "skipped", "data= is not given"
    left, needed = bench.left(), 0.0 if bench.tiny else part.seconds
    if left < needed or left <= 0:
        return "skipped", f"takes about {needed:.0f} s, and {max(left, 0):.0f} s are left"
    return "running", ""


if __name__ == "__main__":
    main(Settings, run)
