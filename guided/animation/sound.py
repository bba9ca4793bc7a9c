"""The sound of a film: how loud its bands are at each frame, for expressions, and its samples.

The loudness of a band is the root mean square of the sound's part in it, from the spectrum of a
window around the frame's time (Parseval's theorem). Each is a share of its own loudest frame, so
that it is from 0 to 1.

A file of sound is untrusted: it is read by PyAV, from containers that open no other files, and no
further than the film is long. Imports PyAV when one is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from guided.compat.deferred import deferred
from guided.errors import BadInput, shown
from guided.untrusted.typed_paths import absence, expand, similar

with deferred(["numpy"]):
    import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

# Frequencies in Hz: drums and bass; voices and most instruments; cymbals and consonants; all.
BANDS = {"bass": (20, 250), "mid": (250, 4000), "treble": (4000, 11_025), "loud": (20, 11_025)}
RATE, WINDOW = 22_050, 2048  # samples per second that are analysed, and of a spectrum (93 ms)
FAINTEST = 0.01  # of the loudest frame of all: a band that is never louder is not stretched to 1
LONGEST = 1800.0  # seconds
CONTAINERS = "wav,mp3,flac,ogg,mov,matroska,aac,aiff,caf,asf,avi,mpegts"
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}


def blocks(path: Path, rate: int, layout: str) -> Iterator[Samples]:
    """Yield the samples (channels, N) in [-1, 1] of a file, from its beginning, as `layout` (mono,
    stereo) at `rate` per second. Raise BadInput if it cannot be read."""
    import av

    try:
        with av.open(str(path.absolute()), options=OPTIONS) as container:
            if not container.streams.audio:
                raise BadInput(f"animate.audio={shown(path)} has no sound")
            resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    yield part.to_ndarray().astype(np.float32)
            for part in resampler.resample(None):
                yield part.to_ndarray().astype(np.float32)
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"animate.audio={shown(path)} is no sound that can be read") from error


def samples(path: Path, rate: int, layout: str, lengths: Iterator[int]) -> Iterator[Samples]:
    """Yield samples (channels, N) of a file, as many at a time as `lengths` says; behind its end
    there is silence."""
    source = blocks(path, rate, layout)
    rest = next(source, np.zeros((1 if layout == "mono" else 2, 0), np.float32))
    for length in lengths:
        parts, have = [rest], rest.shape[1]
        while have < length and (more := next(source, None)) is not None:
            parts.append(more)
            have += more.shape[1]
        joined = np.concatenate(parts, 1)
        yield np.pad(joined[:, :length], ((0, 0), (0, max(0, length - have))))
        rest = joined[:, length:]


def place_of(typed: str) -> Path:
    """Return the path of a film's sound. Raise BadInput if it is no file, or PyAV is missing."""
    place = expand("animate.audio", typed)
    if not place.is_file():
        raise BadInput(f"animate.audio={shown(typed)}: the file {absence(place)}{similar(place)}")
    if find_spec("av") is None:
        raise BadInput("animate.audio needs PyAV, which is not here: pip install av")
    return place


def loudness(typed: str, frames: int, fps: float) -> dict[str, tuple[float, ...]]:
    """Return how loud each of BANDS is at each frame, 0 to 1. Raise BadInput for a file that is no
    sound, and a film that is longer than LONGEST."""
    if frames / fps > LONGEST:
        raise BadInput(
            f"animate.audio={shown(typed)}: a film with sound has at most {LONGEST:g} seconds, "
            f"and this one {frames / fps:g}"
        )
    needed = round(frames / fps * RATE) + WINDOW
    [heard] = samples(place_of(typed), RATE, "mono", iter([needed]))
    found = {name: np.zeros(frames) for name in BANDS}
    for frame in range(frames):
        for name, power in powers(heard[0], round(frame / fps * RATE)).items():
            found[name][frame] = np.sqrt(power)
    floor = FAINTEST * max(values.max() for values in found.values())
    return {
        name: tuple((values / max(values.max(), floor, 1e-9)).round(6).tolist())
        for name, values in found.items()
    }


def powers(heard: Samples, middle: int) -> dict[str, float]:
    """Return the mean square of each of BANDS within a window of samples (N,)."""
    first = max(0, middle - WINDOW // 2)  # whole at the beginning: a cut is heard in all bands
    window = np.hanning(WINDOW)
    inside = heard[first : first + WINDOW].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(inside * window)) ** 2
    frequencies = np.fft.rfftfreq(WINDOW, 1 / RATE)
    scale = 2 / WINDOW / float((window**2).sum())
    return {
        name: scale * float(spectrum[(frequencies >= low) & (frequencies < high)].sum())
        for name, (low, high) in BANDS.items()
    }
