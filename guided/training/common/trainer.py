"""The training loop: budget, learning rate, saves, and resuming.

    trainer.fit(make, loss, publish)

Step n draws from a generator seeded by n, and with `steps=` its learning rate follows from n: a
training that was stopped and resumed equals an uninterrupted one, bit for bit on the same machine.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import torch
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from guided.devices import find_device
from guided.training.common import checkpoint
from guided.training.common.log import TrainingLog
from guided.training.common.settings import TrainingSettings

STRIDE = 1_000_003  # between the seeds of two trainings
AHEAD = 8  # batches made in advance while a GPU trains
SIGNALS = (signal.SIGINT, signal.SIGTERM)
B = TypeVar("B")  # a batch
Make = Callable[[int, Generator], B]  # (step, generator) -> batch
Loss = Callable[[B, Generator], tuple[Tensor, Mapping[str, float]]]  # loss, and values to log


def prepare(settings: TrainingSettings, seed: int = 0) -> torch.device:
    """Return the device, after checking the settings and setting threads and torch's seed
    (`settings.seed + seed`). Raises BadInput."""
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed + seed)
    return find_device(settings.device)


class Trainer:
    """A model with its averaged weights, its optimizers and the progress of its training.

    warmup: steps over which the learning rate rises; longest: of the average, in steps.
    Resumes from `out`/state.pt if it exists (checkpoint.resume).
    """

    def __init__(
        self, settings: TrainingSettings, model: nn.Module, optimizers: list[Optimizer],
        warmup: int = 100, longest: float = 2000,
    ) -> None:  # fmt: skip
        self.settings, self.model, self.optimizers = settings, model, optimizers
        self.warmup = warmup
        self.out = Path(settings.out)
        self.out.mkdir(parents=True, exist_ok=True)
        self.device = find_device(settings.device)
        self.ema = checkpoint.Ema(model, longest)
        # The rates of today's settings, not of the saved state.
        self.rates = [[group["lr"] for group in each.param_groups] for each in optimizers]
        progress = checkpoint.resume(self.state_file, model, self.ema, optimizers)
        self.step, self.minutes_before = progress.step, progress.minutes
        self.optimizers_since = progress.optimizers_since
        self.log = TrainingLog(self.out / "log.csv")
        self.started = self.last_save = time.monotonic()
        self.stopped = False

    @property
    def state_file(self) -> Path:
        return self.out / "state.pt"

    @property
    def minutes(self) -> float:
        """Minutes of training in all, over all starts."""
        return self.minutes_before + (time.monotonic() - self.started) / 60

    @property
    def spent(self) -> float:
        """Share of the budget that is spent."""
        steps = self.settings.steps
        return self.step / steps if steps else self.minutes / self.settings.minutes

    @property
    def is_over(self) -> bool:
        return self.stopped or self.spent >= 1

    @property
    def is_due(self) -> bool:
        """Whether to save now."""
        return self.is_over or time.monotonic() - self.last_save > 60 * self.settings.look_every

    def rate(self) -> float:
        """Return the factor of the learning rates: it rises over the warm-up, is 1, and falls to
        0 over the fade."""
        fade = self.settings.fade
        left = min(1.0, max(0.0, 1 - self.spent) / fade) if fade else 1.0
        return min(1.0, (self.step + 1 - self.optimizers_since) / self.warmup) * left

    def fit(self, make: Make[B], loss: Loss[B], publish: Callable[[], None]) -> None:
        """Train until the budget is spent, and save and `publish` every `look_every` minutes and
        at the end. A batch depends on its step alone."""
        for batch, rng in self.batches(make):
            self.learn(*loss(batch, rng))
            if self.is_due:
                self.save()
                publish()

    def batches(self, make: Make[B]) -> Iterator[tuple[B, Generator]]:
        """Yield each step's batch and generator until the budget is spent; beside a GPU, batches
        are made ahead in threads. Raises KeyboardInterrupt at the end if it was stopped."""
        if self.is_over:
            print(f"{self.out} has had its budget; larger minutes= or steps= goes on", flush=True)
        ahead = 0 if self.device.type == "cpu" else AHEAD
        with self.signals(), ThreadPoolExecutor(max(1, ahead)) as pool:
            waiting: deque[tuple[Generator, Future[B]]] = deque()
            while not self.is_over:
                for step in range(self.step + len(waiting), self.step + ahead + 1):
                    rng = Generator().manual_seed(self.settings.seed * STRIDE + step)
                    waiting.append((rng, pool.submit(make, step, rng)))
                rng, made = waiting.popleft()
                self._begin_step()
                yield made.result(), rng
            for _, unneeded in waiting:
                unneeded.cancel()
        if self.stopped:
            raise KeyboardInterrupt

    def _begin_step(self) -> None:
        """Set the learning rates, and torch's own seed, which dropout draws from."""
        torch.manual_seed(self.settings.seed * STRIDE + self.step)
        for optimizer, rates in zip(self.optimizers, self.rates, strict=True):
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * self.rate()

    def autocast(self) -> torch.autocast | nullcontext:
        """Return a context of half precision where it is fast; weights and optimizers stay
        float32."""
        half = self.settings.precision == "bfloat16"
        half |= self.settings.precision == "auto" and self.device.type == "cuda"
        return torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext()

    def learn(self, loss: Tensor, values: Mapping[str, float] | None = None) -> None:
        """Take a step of every optimizer, with the gradient's norm clipped at 1."""
        self.model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self.ema.update(self.model, self.step)
        self.log.add(self.step, self.minutes, {"loss": loss.item(), **(values or {})})

    def save(self) -> None:
        """Write the log's line and the state."""
        self.log.write(self.step, self.minutes)
        progress = checkpoint.Progress(self.step, self.minutes, self.optimizers_since)
        checkpoint.save(self.state_file, self.model, self.ema, self.optimizers, progress)
        self.last_save = time.monotonic()

    def averaged(self) -> dict[str, Tensor]:
        """Return the averaged weights on the CPU."""
        return {key: value.cpu() for key, value in self.ema.weights.items()}

    def ship_path(self, name: str) -> Path:
        """Return where the averaged weights go: `ship`, or `name` inside `out`."""
        return Path(self.settings.ship or self.out / name)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Let Ctrl-C and SIGTERM end the training after the current step, saved; a second one
        ends it at once. In another than the main thread signals cannot be handled."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._stop) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        if self.stopped:
            raise KeyboardInterrupt
        self.stopped = True
