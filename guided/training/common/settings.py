"""`key=value` words of a command line into a dataclass of settings, and what all trainings are
told. Imports no torch."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from guided.devices import check_device, check_precision
from guided.errors import BadInput, nearest, printable, shown
from guided.untrusted import yaml_reader

T = TypeVar("T")


@dataclass
class Training:
    """What every training is told."""

    data: str = "data"  # what guided.training.data.prepare made, or a folder of your own pictures
    out: str = "runs"
    minutes: float = 60.0  # in all: the same command again goes on, a larger number trains on
    steps: int = 0  # in all, instead of minutes
    fade: float = 0.2  # last share of the budget, over which the learning rate falls to nothing
    batch: int = 32
    threads: int = 0  # CPU cores; 0: all
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"  # bfloat16 on a GPU: autocast, the weights stay float32
    compile: bool = False
    look_every: float = 10.0  # minutes between looks: saved state, samples, shipped weights
    ship: str = ""  # where the averaged weights go each time; empty: inside `out`

    def check(self) -> None:
        """BadInput names the first setting that cannot be."""
        if self.steps < 0 or not (self.steps or self.minutes > 0):
            raise BadInput(f"minutes={self.minutes} steps={self.steps}: one must be above 0")
        if not 0 <= self.fade <= 1:
            raise BadInput(f"fade={self.fade} is the share of the budget that fades, from 0 to 1")
        if self.batch < 1:
            raise BadInput(f"batch={self.batch} must be 1 or more")
        if not Path(self.data).is_dir():
            raise BadInput(
                f"data={self.data} is no folder; python -m guided.training.data fills it"
            )
        check_device(self.device)
        if check_precision(self.precision) == "float16":
            raise BadInput("precision=float16 is too narrow to train in; use bfloat16 or float32")


def main(kind: type[T], work: Callable[[T], None]) -> None:
    """What `python -m guided.training.x` does: 0 done, 2 bad input said in one line, 130
    interrupted."""
    try:
        work(from_argv(kind))
    except BadInput as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def from_argv(kind: type[T], words: Sequence[str] | None = None) -> T:
    """Settings from `key=value` words; BadInput for an unknown key or a value of another type."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    values = {}
    for word in sys.argv[1:] if words is None else words:
        key, equals, text = word.partition("=")
        if key in ("-h", "--help"):
            print(describe(kind))
            raise SystemExit(0)
        if not equals or key not in fields:
            near = nearest(key, fields)
            raise BadInput(f"{word!r} is not one of the settings{near}. {describe(kind)}")
        values[key] = _typed(key, text, fields[key].default)
    return kind(**values)


def describe(kind: type) -> str:
    return "Settings: " + " ".join(
        f"{field.name}={field.default}" for field in dataclasses.fields(kind)
    )


def _typed(key: str, text: str, default: object) -> object:
    wanted = f"{key}={shown(text)} must be a {type(default).__name__}, as in {key}={default}"
    try:
        value = yaml_reader.read(text, key) if not isinstance(default, str) else text
        if isinstance(default, float) and isinstance(value, (int, str)):
            value = float(value)  # YAML 1.1 reads 1e-4 as a word
    except (ValueError, OverflowError) as error:
        raise BadInput(wanted) from error
    if type(value) is not type(default):
        raise BadInput(wanted)
    return value
