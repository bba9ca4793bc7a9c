"""Values by key frame: "0: (0), 30: (15)", as Disco Diffusion and Deforum write them.

A value is a number or an expression (expressions.py). Between two key frames, a number leads to
the value of the next one, linearly or otherwise; an expression that varies holds until the next
key frame. Before the first key frame and after the last one, their values hold. A key is a frame,
a time as 2s, or an expression such as max_f-1.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from guided.animation import expressions
from guided.animation.expressions import Expression
from guided.errors import check_number, is_number, not_one_of, shown

LINEAR, CUBIC, HOLD = WAYS = ("linear", "cubic", "hold")
LONGEST, MOST = 20_000, 500  # characters of a text, and key frames
SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*s(?:ec(?:onds?)?)?")
Value = TypeVar("Value")
EXAMPLE = '"0: (0), 30: (15)"'


@dataclass(frozen=True)
class Timing:
    """The number of frames of a film, its frames per second, its seed, its size in pixels, and
    variables of expressions with a value for each frame."""

    frames: int
    fps: float
    seed: int = 0
    size: tuple[int, int] = (1, 1)  # width, height
    signals: Mapping[str, tuple[float, ...]] = field(default_factory=dict, hash=False)

    def variables(self, frame: float) -> dict[str, float]:
        """Return the variables of expressions at a frame."""
        return {
            "t": frame,
            "s": frame / self.fps,
            "fps": self.fps,
            "frames": self.frames,
            "max_f": self.frames - 1,
            "seed": self.seed,
            "w": self.size[0],
            "h": self.size[1],
            "change": 0.0,
            **{name: values[self.nearest(frame)] for name, values in self.signals.items()},
        }

    def nearest(self, frame: float) -> int:
        """Return the frame of the film that is nearest to a time in frames."""
        return min(max(0, round(frame)), self.frames - 1)


@dataclass(frozen=True)
class KeyFrames:
    """Values by key frame, as written: each with the text of its key."""

    name: str
    keys: tuple[tuple[str, Expression], ...]
    way: str = LINEAR
    low: float = -math.inf
    high: float = math.inf

    def track(self, film: Timing, loop: bool = False) -> Track:
        """Return its values in a film. With `loop`, the last value leads to the first one again.
        Raise ValueError if a key or a value is out of range."""
        return Track.of(self, film, loop)

    @property
    def constant(self) -> float | None:
        """Return the value, if it is one number all along."""
        expression = self.keys[0][1]
        alone = len(self.keys) == 1 and not expression.names
        return expression({}) if alone else None


@dataclass(frozen=True)
class Track:
    """The values of a film's frames."""

    keys: KeyFrames
    film: Timing
    starts: tuple[float, ...]  # frames of the keys, rising; with `loop` one more, of the first
    values: tuple[Expression, ...]
    slopes: tuple[float, ...]  # of cubic interpolation

    @classmethod
    def of(cls, keys: KeyFrames, film: Timing, loop: bool) -> Track:
        """Return the track of key frames; see KeyFrames.track."""
        starts, values = in_order(keys.name, keys.keys, film, loop)
        slopes: list[float] = []
        if keys.way == CUBIC:
            held = cls(keys, film, starts, values, ())
            slopes = pchip_slopes(starts, [held(start) for start in starts], loop)
        track = cls(keys, film, starts, values, tuple(slopes))
        for frame in range(film.frames):
            track(frame)
        return track

    def __call__(self, frame: float) -> float:
        """Return the value at a frame. Raise ValueError if it is out of range."""
        try:
            value = self.exact(frame)
            check_number("", value, self.keys.low, self.keys.high)
        except ValueError as error:
            if not str(error).startswith("="):
                raise ValueError(f"{self.keys.name}: {error}") from None
            allowed = str(error).partition(" must be ")[2]
            raise ValueError(
                f"{self.keys.name}: at frame {frame:g} it is {value:g}, and must be {allowed}"
            ) from None
        return value

    def exact(self, frame: float) -> float:
        """Return the value at a frame, in any range."""
        if frame < self.starts[0] and len(self.starts) > 1 and self.is_loop:
            frame += self.film.frames
        last = max(0, bisect_right(self.starts, frame) - 1)
        start, value = self.starts[last], self.values[last]
        if value.varies:
            return value(self.film.variables(frame))
        before = value(self.film.variables(start))
        if frame <= start or last + 1 == len(self.starts) or self.keys.way == HOLD:
            return before
        end = self.starts[last + 1]
        after = self.values[last + 1](self.film.variables(end))
        share = (frame - start) / (end - start)
        if self.keys.way == LINEAR:
            return before + share * (after - before)
        first, second = (slope * (end - start) for slope in self.slopes[last : last + 2])
        return hermite(before, after, first, second, share)

    @property
    def is_loop(self) -> bool:
        """Return whether the last key is the first one, a film later."""
        return self.starts[-1] - self.starts[0] == self.film.frames


def hermite(before: float, after: float, first: float, second: float, share: float) -> float:
    """Return the cubic from `before` to `after`, with those slopes at its ends, at a share."""
    square, cube = share**2, share**3
    return (
        before * (2 * cube - 3 * square + 1)
        + after * (3 * square - 2 * cube)
        + first * (cube - 2 * square + share)
        + second * (cube - square)
    )


def pchip_slopes(starts: tuple[float, ...], values: list[float], loop: bool) -> list[float]:
    """Return the slopes of a cubic interpolation that overshoots no value: Fritsch and Butland
    1984, https://doi.org/10.1137/0905021; one-sided at the ends, or periodic."""
    if len(starts) == 1:
        return [0.0]
    steps = [b - a for a, b in pairwise(starts)]
    rises = [(b - a) / step for (a, b), step in zip(pairwise(values), steps, strict=True)]
    inner = [harmonic(*pair) for pair in zip(steps, steps[1:], rises, rises[1:], strict=False)]
    if loop:
        both = harmonic(steps[-1], steps[0], rises[-1], rises[0])
        return [both, *inner, both]
    if len(rises) == 1:
        return [rises[0], rises[0]]
    first = one_sided(steps[0], steps[1], rises[0], rises[1])
    last = one_sided(steps[-1], steps[-2], rises[-1], rises[-2])
    return [first, *inner, last]


def harmonic(before: float, after: float, rise: float, next_rise: float) -> float:
    """Return the weighted harmonic mean of two slopes; 0 where their signs differ."""
    if rise * next_rise <= 0:
        return 0.0
    one, other = 2 * after + before, after + 2 * before
    return (one + other) / (one / rise + other / next_rise)


def one_sided(step: float, next_step: float, rise: float, next_rise: float) -> float:
    """Return the slope at an end, of three points, without overshoot."""
    slope = ((2 * step + next_step) * rise - step * next_rise) / (step + next_step)
    if slope * rise <= 0:
        return 0.0
    return 3 * rise if rise * next_rise <= 0 and abs(slope) > 3 * abs(rise) else slope


def in_order(
    name: str, keys: Iterable[tuple[str, Value]], film: Timing, loop: bool
) -> tuple[tuple[float, ...], tuple[Value, ...]]:
    """Return the frames of keys, rising, and their values. With `loop`, the first is there again
    where the film begins anew. Raise ValueError if two are at one frame, or with `loop` more than
    the film's length apart."""
    found = sorted(
        ((position(name, key, film), value) for key, value in keys), key=lambda pair: pair[0]
    )
    for (before, _), (after, _) in pairwise(found):
        if before == after:
            raise ValueError(f"{name}: two key frames are at frame {before:g}")
    if loop and len(found) > 1:
        (first, value), last = found[0], found[-1][0]
        if last >= first + film.frames:
            raise ValueError(
                f"{name}: the key frame at {last:g} is not within a loop of {film.frames} frames"
            )
        found.append((first + film.frames, value))
    return tuple(start for start, _ in found), tuple(value for _, value in found)


def position(name: str, key: str, film: Timing) -> float:
    """Return the frame of a key: 30, 2s, max_f-1. Raise ValueError if it is no frame of the film
    or later."""
    text = key.strip().strip("\"'").strip()
    if match := SECONDS.fullmatch(text):
        return float(match[1]) * film.fps
    try:
        expression = expressions.parse(name, text)
        if expression.varies:
            raise ValueError("it varies with the frame")
        frame = expression(film.variables(0))
    except ValueError:
        frame = -1.0
    if frame < 0:
        raise ValueError(f"{name}: {shown(text)!r} is no frame; as 30, 2s or max_f-1")
    return frame


def read(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, way: str = LINEAR
) -> KeyFrames:
    """Return the key frames of a setting's value: a number, an expression, a text as EXAMPLE, or a
    mapping {0: 0, 30: 15}; {cubic: ...} says how the values between are found. Raise ValueError,
    naming the setting, for others."""
    if isinstance(value, KeyFrames):
        return value
    if isinstance(value, Mapping) and len(value) == 1:
        ((only, inside),) = value.items()
        if isinstance(only, str) and only.isalpha() and only not in expressions.NAMES:
            if only not in WAYS:
                raise ValueError(not_one_of(name, only, WAYS))
            return read(name, inside, low, high, only)
    if way not in WAYS:
        raise ValueError(not_one_of(name, way, WAYS))
    pairs = list(pairs_of(name, value))
    if len(pairs) > MOST:
        raise ValueError(f"{name}={shown(value)} has {len(pairs)} key frames; at most {MOST}")
    keys = tuple((key, expressions.parse(name, text)) for key, text in pairs)
    return KeyFrames(name, keys, way, low, high)


def pairs_of(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield keys and values as texts."""
    if isinstance(value, Mapping) and value:
        for key, inside in value.items():
            if not isinstance(inside, str) and not is_number(inside):
                raise ValueError(f"{name}={shown(value)}: {shown(inside)!r} is no value")
            yield str(key), unbracketed(str(inside))
    elif isinstance(value, str) and value.strip():
        if len(value) > LONGEST:
            raise ValueError(f"{name}={shown(value)} has more than {LONGEST} characters")
        parts = split(name, value, ",")
        parts = parts if parts[-1].strip() else parts[:-1]
        halves = [split(name, part, ":") for part in parts]
        if len(halves) == 1 and len(halves[0]) == 1:
            yield "0", unbracketed(value)
            return
        for part, half in zip(parts, halves, strict=True):
            if len(half) != 2 or not all(map(str.strip, half)):
                raise ValueError(
                    f"{name}={shown(value)}: {shown(part.strip())!r} is no key frame; as in "
                    f"{EXAMPLE}"
                )
            yield half[0], unbracketed(half[1])
    elif is_number(value):
        yield "0", repr(float(value))
    else:
        raise ValueError(f"{name}={shown(value)} must be a number, or key frames as {EXAMPLE}")


def unbracketed(text: str) -> str:
    """Return the text of a value without the brackets around it."""
    text = text.strip()
    return text[1:-1].strip() if text.startswith("(") and closing(text) == len(text) - 1 else text


def closing(text: str) -> int:
    """Return the place of the bracket that closes the first one; -1 if none does."""
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if not depth:
            return place
    return -1


def split(name: str, text: str, separator: str) -> list[str]:
    """Return the parts of a text between separators that are outside of brackets. Raise ValueError
    if brackets do not match."""
    parts, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            break
        if sign == separator and not depth:
            parts.append(text[start:place])
            start = place + 1
    if depth:
        raise ValueError(f"{name}={shown(text)}: a bracket is not closed or not opened")
    return [*parts, text[start:]]
