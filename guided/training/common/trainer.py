"""The course of a training, whatever is trained: how long, at what pace, when to look and to
save, and how to go on after a stop.

    for batch, dice in course.batches(make):    # one turn is one step of the optimisers
        course.learn(loss(batch, dice))
        if course.due: ...                      # show, ship, and course.save()

Step n draws from a generator seeded by n and its pace follows from n (with `steps=`), so a
training that was stopped and goes on equals one that was not, bit for bit on the same machine.
Knows nothing about pictures or words.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from guided.devices import find_device
from guided.training.common import checkpoint, log
from guided.training.common.settings import Training

STRIDE = 1_000_003  # between the seeds of two trainings
AHEAD = 8  # batches made while a GPU learns
Make = Callable[[int, torch.Generator], Any]


class Trainer:
    """The loop's state: model, its running mean, optimisers, step and minutes spent."""

    def __init__(
        self, settings: Training, model: nn.Module, steppers: list[Optimizer], warmup: int = 100,
        longest: float = 2000,
    ) -> None:  # fmt: skip
        self.settings, self.model, self.steppers, self.warmup = settings, model, steppers, warmup
        self.out = Path(settings.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.device = find_device(settings.device)
        self.ema = checkpoint.Ema(model, longest)
        full = [[group["lr"] for group in stepper.param_groups] for stepper in steppers]
        self.step, self.before = checkpoint.resume(self.state, model, self.ema, steppers)
        self.full = full  # as set now, not as remembered
        self.diary = log.TrainingLog(self.out / "diary.csv")
        self.start = self.looked = time.monotonic()
        self.stopped = False

    @property
    def state(self) -> Path:
        return self.out / "state.pt"

    @property
    def minutes(self) -> float:
        return self.before + (time.monotonic() - self.start) / 60

    @property
    def spent(self) -> float:
        """Share of the budget."""
        steps = self.settings.steps
        return self.step / steps if steps else self.minutes / self.settings.minutes

    @property
    def over(self) -> bool:
        return self.stopped or self.spent >= 1

    @property
    def due(self) -> bool:
        return self.over or time.monotonic() - self.looked > 60 * self.settings.look_every

    def pace(self) -> float:
        """Of the learning rate: rises over the first steps, is 1, falls to 0 over the fade."""
        fade = self.settings.fade
        left = min(1.0, max(0.0, 1 - self.spent) / fade) if fade else 1.0
        return min(1.0, (self.step + 1) / self.warmup) * left

    def batches(self, make: Make) -> Iterator[tuple[Any, torch.Generator]]:
        """(batch, dice) of each step until the budget is spent. `make(step, dice)` runs ahead in
        threads where a GPU does the learning; what it makes depends on the step alone."""
        if self.over:
            print(f"{self.out} has had its budget; larger minutes= or steps= goes on", flush=True)
        ahead = 0 if self.device.type == "cpu" else AHEAD
        with told_to_stop(self), ThreadPoolExecutor(max(1, ahead)) as pool:
            waiting: deque[tuple[torch.Generator, Future]] = deque()
            while not self.over:
                for step in range(self.step + len(waiting), self.step + ahead + 1):
                    rng = torch.Generator().manual_seed(self.settings.seed * STRIDE + step)
                    waiting.append((rng, pool.submit(make, step, rng)))
                rng, made = waiting.popleft()
                self._begin()
                yield made.result(), rng
            for _, unneeded in waiting:
                unneeded.cancel()
        if self.stopped:
            raise KeyboardInterrupt

    def _begin(self) -> None:
        """Pace, and the dice of what draws without being told how (dropout)."""
        torch.manual_seed(self.settings.seed * STRIDE + self.step)
        for stepper, rates in zip(self.steppers, self.full, strict=True):
            for group, rate in zip(stepper.param_groups, rates, strict=True):
                group["lr"] = rate * self.pace()

    def autocast(self) -> torch.autocast | nullcontext:
        """Half precision for matrices where it is fast; weights and optimisers stay float32."""
        half = self.settings.precision == "bfloat16"
        half |= self.settings.precision == "auto" and self.device.type == "cuda"
        return torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()

    def learn(self, loss: Tensor, **numbers: float) -> None:
        """One step of every optimiser."""
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for stepper in self.steppers:
            stepper.step()
        self.step += 1
        self.ema.update(self.model, self.step)
        self.diary.note(self.step, self.minutes, loss=loss.item(), **numbers)

    def save(self) -> None:
        self.diary.write(self.step, self.minutes)
        checkpoint.save(self.state, self.model, self.ema, self.steppers, self.step, self.minutes)
        self.looked = time.monotonic()


class told_to_stop:
    """Ctrl-C and SIGTERM end the course after the step at hand, with everything saved; a second
    Ctrl-C ends it at once."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, course: Trainer) -> None:
        self.course = course

    def __enter__(self) -> None:
        self.main = threading.current_thread() is threading.main_thread()
        if self.main:
            self.old = [signal.signal(number, self.stop) for number in self.SIGNALS]

    def stop(self, number: int, _frame: object) -> None:
        if self.course.stopped:
            raise KeyboardInterrupt
        self.course.stopped = True

    def __exit__(self, *_: object) -> None:
        if self.main:
            for number, old in zip(self.SIGNALS, self.old, strict=True):
                signal.signal(number, old)
