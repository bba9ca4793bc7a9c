"""Timing and sizes of films."""

import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guided.outputs.film import GIF_UNIT, Film, crf, even


@given(st.floats(1, 50), st.floats(0, 10), st.integers(1, 200), st.sampled_from([1, GIF_UNIT]))
def test_rounding_errors_of_durations_do_not_add_up(fps, hold, count, unit):
    durations = Film("gif", fps, hold, 85).durations(count, unit)
    assert len(durations) == count
    assert all(duration % unit == 0 and duration >= 0 for duration in durations)
    for k in range(1, count):
        assert abs(sum(durations[:k]) - k * 1000 / fps) <= unit / 2 + 1e-6
    assert abs(sum(durations) - (count / fps + hold) * 1000) <= unit + 1e-6


@pytest.mark.parametrize(("quality", "expected"), [(1, 51), (85, 18), (100, 12)])
def test_quality_is_a_rate_factor(quality, expected):
    assert crf(quality) == expected


def test_odd_sides_repeat_their_last_row_and_column():
    image = Image.new("RGB", (3, 5))
    image.putdata([(x * 10, y * 10, 0) for y in range(5) for x in range(3)])
    larger = even(image)
    assert larger.size == (4, 6)
    for y in range(6):
        for x in range(4):
            assert larger.getpixel((x, y)) == image.getpixel((min(x, 2), min(y, 4)))
    assert even(larger) is larger


@pytest.mark.parametrize("seconds", [0.5, 5])
def test_an_mp4_with_sound_has_it_from_its_beginning_to_its_end(tmp_path, seconds):
    """A tone that is longer than the film is cut, and behind a shorter one there is silence."""
    av = pytest.importorskip("av")
    rate = 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((tone * 32767).astype("<i2").tobytes())
    paths = [tmp_path / f"{k}.png" for k in range(20)]
    for k, path in enumerate(paths):
        Image.new("RGB", (16, 16), (k * 12, 0, 0)).save(path)
    texts = {"parameters": "", "guided": ""}
    film = Film("mp4", 10.0, 0.0, 85, tmp_path / "a.wav")
    made = film.encode(paths, texts)
    assert film.encode(paths, texts) == made
    (tmp_path / "a.mp4").write_bytes(made)
    with av.open(str(tmp_path / "a.mp4")) as container:
        [video], [audio] = container.streams.video, container.streams.audio
        assert float(video.duration * video.time_base) == pytest.approx(2, abs=0.01)
        assert float(audio.duration * audio.time_base) == pytest.approx(2, abs=0.05)
        heard = np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], 1)[0]
    middle = min(seconds, 2) / 2
    loud = heard[round((middle - 0.1) * rate) : round((middle + 0.1) * rate)]
    assert loud.std() == pytest.approx(0.25, rel=0.1)  # half of the power to each side
    assert (heard[round(1.5 * rate) :].std() > 0.1) == (seconds > 2)
