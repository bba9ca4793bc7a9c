"""Speed on a device: beside the reference, in batches, with CUDA graphs, compiled, and the
launches and gaps of a step."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks import launches
from benchmarks.__main__ import Settings, best, compared, most_memory
from benchmarks.clock import seconds
from benchmarks.gpu.bench import Bench, Row
from benchmarks.parts import Work, parts, peak
from benchmarks.sides import ours
from guided.devices import check_compiler
from guided.interfaces import Request
from guided.oom import free, out_of_memory

BATCHES = (1, 2, 4, 8)
ROUNDS, PROFILED, LONGEST = 5, 2, 10
# Options of torch.compile. Compiling takes minutes on a CPU, where the tiny case is only traced.
COMPILED: dict[str, dict[str, Any] | None]
COMPILED = {"off": None, "default": {}, "CUDA graphs": {"mode": "reduce-overhead"}}
TRACED: dict[str, dict[str, Any] | None] = {"off": None, "traced": {"backend": "aot_eager"}}
DISCO = "1280x768"  # Disco Diffusion's default picture


def comparison(bench: Bench) -> Iterator[Row]:
    """Yield our seconds of a guided step beside Disco Diffusion's own libraries'."""
    top = peak(bench.device, bench.dtype)
    settings = Settings(rounds=2 if bench.tiny else ROUNDS)
    for case in dict.fromkeys(bench.case(name) for name in (DISCO, f"{DISCO}-through-unet")):
        found = compared(case, settings, bench.device, bench.dtype, top)
        yield {
            "case": case.name,
            "guided, s": found["seconds"]["guided"]["median"],
            "reference, s": found["seconds"]["reference"]["median"],
            "times faster": found["times faster"]["median"],
            "at most": found["times faster at most"],
            "GFLOP": found["GFLOP"],
            "share of peak": found["share of peak"],
            "details": found,
        }
        bench.free()


def batches(bench: Bench) -> Iterator[Row]:
    """Yield the seconds of a step with several images at once, up to the number that no longer
    fits."""
    case = bench.case(DISCO)
    generator, guides, request = ours(bench.weights(case), case, bench.cutouts(case))
    for images in BATCHES[:2] if bench.tiny else BATCHES:
        bench.free()
        several = Request(request.size, list(range(images)), request.steps)
        steps = generator.generate(several, guides)
        try:
            next(steps)
            took = min(seconds(partial(next, steps), bench.device) for _ in range(2))
        except Exception as error:
            if not out_of_memory(error):
                raise
            yield {"images": images, "fits": False}
            return
        held = most_memory(bench.device)
        row: Row = {"images": images, "fits": True, "step, s": took, "an image, s": took / images}
        yield row if held is None else {**row, "peak MB": held}


def graphs(bench: Bench) -> Iterator[Row]:
    """Yield the seconds of each part of a step, launched kernel by kernel and as a CUDA graph."""
    case = bench.case(DISCO)
    for name, work in parts(*ours(bench.weights(case), case, bench.cutouts(case))).items():
        work()
        row: Row = {"part": name, "eager, s": best(work, bench.device)}
        if bench.device.type != "cuda":
            yield {**row, "graph": "needs CUDA"}
            continue
        try:
            took = best(captured(work), bench.device)
        except RuntimeError as error:  # such as a copy from ordinary memory
            yield {**row, "graph": str(error).splitlines()[0]}
            free()
        else:
            yield {**row, "graph": "captured", "graph, s": took}


def captured(work: Work) -> Work:
    """Return the replay of a CUDA graph of a call."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        work()  # what is only done once is done before
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


def compilation(bench: Bench) -> Iterator[Row]:
    """Yield the seconds of the U-Net's pass with and without torch.compile."""
    if not bench.tiny:
        check_compiler()
    case = bench.case(DISCO)
    generator, _, request = ours(bench.weights(case), case, bench.cutouts(case))
    width, height = request.size
    x = torch.randn(1, 3, height, width, device=bench.device)
    t = torch.full((1,), 500.0, device=bench.device)
    expected = None
    for name, options in (TRACED if bench.tiny else COMPILED).items():
        net: Callable[..., Any] = generator.unet
        if options is not None:
            torch.compiler.reset()
            net = torch.compile(net, **options)
        with torch.no_grad():
            first = seconds(partial(net, x, t), bench.device)
            net(x, t)  # CUDA graphs are captured by the second call
            out = net(x, t).clone()
            took = best(partial(net, x, t), bench.device)
        expected = out if expected is None else expected
        yield {
            "torch.compile": name,
            "first call, s": first,
            "U-Net, s": took,
            "relative error": float((out - expected).norm() / expected.norm()),
        }


def profiled(bench: Bench) -> Iterator[Row]:
    """Yield the launches of a step, how long the device is busy and idle, and the kernels that
    take longest."""
    case = bench.case(DISCO)
    generator, guides, request = ours(bench.weights(case), case, bench.cutouts(case))
    steps = generator.generate(request, guides)
    next(steps)
    on_gpu = bench.device.type == "cuda"
    activities = [ProfilerActivity.CUDA if on_gpu else ProfilerActivity.CPU]
    with profile(activities=activities) as seen:
        whole = seconds(lambda: list(itertools.islice(steps, PROFILED)), bench.device)
    events = [event for event in seen.events() if launched(event, on_gpu)]
    intervals = [(event.time_range.start, event.time_range.end) for event in events]
    busy, wall = union(intervals) / 1e3 / PROFILED, whole * 1e3 / PROFILED
    names = Counter(event.name for event in events)
    times: Counter[str] = Counter()
    for event in events:
        times[event.name] += event.time_range.elapsed_us()
    yield measured("all", len(events), busy, wall)
    yield measured("idle", 0, wall - busy, wall)
    for name, took in times.most_common(LONGEST):
        yield measured(name[:80], names[name], took / 1e3 / PROFILED, wall)


def launched(event: Any, on_gpu: bool) -> bool:
    """Return whether an event is a kernel or copy of the GPU; on a CPU, an operator that no other
    calls."""
    if on_gpu:
        return event.device_type == DeviceType.CUDA
    return event.cpu_parent is None


def measured(name: str, count: int, took: float, wall: float) -> Row:
    """Return the row of a kernel: launches and milliseconds a step, and the share of the time."""
    return {
        "kernel": name,
        "launches a step": count / PROFILED,
        "ms a step": took,
        "share": took / wall,
    }


def union(intervals: Iterable[tuple[float, float]]) -> float:
    """Return the length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def dispatched(bench: Bench) -> Iterator[Row]:
    """Yield the operators of each part of a step that launch kernels, counted on the meta
    device."""
    for name, counts in launches.step_launches(*launches.on_meta(bench.case(DISCO))).items():
        yield {"part": name, "launches": counts.total(), "operators": dict(counts.most_common())}
