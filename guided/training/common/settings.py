"""The settings that all trainings share, and `key=value` words of a command line read into a
dataclass by OmegaConf. Imports no torch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided.devices import check_device, check_precision
from guided.errors import BadInput, nearest, printable, shown
from guided.untrusted.interpolation import escaped

T = TypeVar("T")
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


@dataclass
class TrainingSettings:
    """The settings of every training."""

    data: str = "data"  # the output of guided.training.data, or a folder of your own pictures
    out: str = "runs"  # the folder of the state, samples and curves
    minutes: float = 60.0  # in all: the same command resumes, a larger number trains on
    steps: int = 0  # in all, instead of minutes
    fade: float = 0.2  # last share of the budget, over which the learning rate falls to 0
    batch: int = 32  # pictures a step
    threads: int = 0  # CPU cores; 0: all
    seed: int = 0  # of the first weights and of the order of pictures
    device: str = "auto"  # auto, cpu, cuda, mps, xpu
    precision: str = "auto"  # bfloat16 on a GPU: autocast, the weights stay float32
    compile: bool = False  # by torch.compile: minutes once, then faster steps
    look_every: float = 10.0  # minutes between saves of the state, samples and shipped weights
    ship: str = ""  # where the averaged weights go at each save; empty: inside `out`

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
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
    """Run `work` with the settings of the command line. Exit codes: 0 done, 2 bad input (printed
    in one line), 130 interrupted."""
    try:
        work(from_argv(kind))
    except BadInput as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def from_argv(kind: type[T], words: Sequence[str] | None = None) -> T:
    """Return the dataclass `kind` with the values of `key=value` words; without words, of the
    command line. Text is literal: no YAML, no interpolation.

    Raises BadInput for an unknown key, with the nearest name, and for a value of another type.
    """
    settings = OmegaConf.structured(kind)
    values: dict[str, Any] = {}
    for word in sys.argv[1:] if words is None else words:
        key, equals, text = word.partition("=")
        if key in ("-h", "--help"):
            print(describe(kind))
            raise SystemExit(0)
        if not equals or key not in settings:
            near = nearest(key, list(settings))
            raise BadInput(f"{shown(word)!r} is not one of the settings{near}. {describe(kind)}")
        default = settings[key]
        try:
            if not isinstance(default, str):
                settings[key] = escaped(text)
            values[key] = text if isinstance(default, str) else settings[key]
        except OmegaConfBaseException as error:
            raise BadInput(
                f"{key}={shown(text)} must be {KINDS[type(default)]}, as in {key}={default}"
            ) from error
    return kind(**values)


def describe(kind: Any) -> str:
    """Return all settings with their defaults, in a line."""
    return "Settings: " + " ".join(f"{field.name}={field.default}" for field in fields(kind))
