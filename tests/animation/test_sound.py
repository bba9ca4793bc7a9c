import wave

import numpy as np
import pytest

from guided.animation import sound
from guided.animation.film import read_film
from guided.animation.settings import Animation
from guided.errors import BadInput

pytest.importorskip("av")
RATE, FPS = 32_000, 10


def recorded(path, heard):
    """Write a sound in [-1, 1] as a WAV of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.asarray(heard) * 32767).astype("<i2").tobytes())
    return str(path)


def seconds(length):
    return np.arange(round(length * RATE)) / RATE


@pytest.mark.parametrize(("hertz", "band"), [(110, "bass"), (1000, "mid"), (8000, "treble")])
def test_the_band_of_a_tone_follows_its_envelope_and_the_others_are_silent(tmp_path, hertz, band):
    time = seconds(4)
    envelope = 0.5 + 0.4 * np.sin(2 * np.pi * 0.5 * time)
    path = recorded(tmp_path / "a.wav", envelope * np.sin(2 * np.pi * hertz * time))
    found = sound.loudness(path, 40, FPS)
    expected = envelope[np.arange(40) * RATE // FPS] / 0.9
    for name in (band, "loud"):
        np.testing.assert_allclose(found[name][1:], expected[1:], atol=0.03)
    for name in {"bass", "mid", "treble"} - {band}:
        assert max(found[name]) < 0.05


def test_each_band_is_a_share_of_its_own_loudest_frame(tmp_path):
    time = seconds(2)
    low = np.where(time < 1, 0.8, 0.4) * np.sin(2 * np.pi * 100 * time)
    high = np.where(time < 1, 0.05, 0.1) * np.sin(2 * np.pi * 6000 * time)
    found = sound.loudness(recorded(tmp_path / "a.wav", low + high), 20, FPS)
    assert (found["bass"][5], found["bass"][15]) == pytest.approx((1, 0.5), abs=0.03)
    assert (found["treble"][5], found["treble"][15]) == pytest.approx((0.5, 1), abs=0.03)
    square = [0.8**2 + 0.05**2, 0.4**2 + 0.1**2]
    assert found["loud"][15] == pytest.approx((square[1] / square[0]) ** 0.5, abs=0.03)


def test_silence_is_0_also_behind_the_end(tmp_path):
    assert set(sound.loudness(recorded(tmp_path / "a.wav", np.zeros(RATE)), 20, FPS)["loud"]) == {
        0
    }
    tone = np.sin(2 * np.pi * 440 * seconds(1))
    found = sound.loudness(recorded(tmp_path / "b.wav", tone), 20, FPS)["loud"]
    assert found[5] == pytest.approx(1, abs=0.02)
    assert found[12:] == (0,) * 8


def test_samples_come_in_the_lengths_that_are_asked_for(tmp_path):
    heard = np.sin(2 * np.pi * 440 * seconds(1))
    path = sound.place_of(recorded(tmp_path / "a.wav", heard))
    parts = list(sound.samples(path, RATE, "stereo", iter([5, 20_000, 20_000])))
    assert [part.shape for part in parts] == [(2, 5), (2, 20_000), (2, 20_000)]
    joined = np.concatenate(parts, 1)
    np.testing.assert_allclose(joined[:, :RATE], [heard / 2**0.5] * 2, atol=1e-3)  # as loud
    assert not joined[:, RATE:].any()


def test_expressions_hear_it(tmp_path):
    time = seconds(2)
    path = recorded(tmp_path / "a.wav", (time > 1) * np.sin(2 * np.pi * 100 * time))
    film = read_film(Animation(audio=path, zoom="1 + 0.5*bass"), 20, FPS, 0, (8, 8))
    assert film.move(5).zoom == pytest.approx(1, abs=0.01)
    assert film.move(15).zoom == pytest.approx(1.5, abs=0.02)


@pytest.mark.parametrize(
    ("name", "frames", "part"),
    [
        ("gone.wav", 9, "is not there, did you mean 'tone.wav'?"),
        ("text.wav", 9, "is no sound that can be read"),
        ("tone.wav", 9000, "a film with sound has at most 1800 seconds, and this one 9000"),
        ("https://example.org/a.mp3", 9, "is a link"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, name, frames, part):
    recorded(tmp_path / "tone.wav", [0.0] * 99)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(BadInput) as caught:
        sound.loudness(name if "://" in name else str(tmp_path / name), frames, 1)
    assert str(caught.value).startswith("animate.audio=")
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
