import math
import random

import numpy as np
import pytest

from guided.animation.keyframes import CUBIC, HOLD, MOST, Timing, read

FILM = Timing(frames=61, fps=12, seed=5)


def values(value, film=FILM, loop=False, **options):
    track = read("animate.angle", value, **options).track(film, loop)
    return [track(frame) for frame in range(film.frames)]


def test_numbers_are_interpolated_linearly_and_hold_at_the_ends():
    keys = [10, 20, 50]
    expected = np.interp(range(61), keys, [0, 15, -3])
    np.testing.assert_allclose(values("10: (0), 20: (15), 50: (-3)"), expected, atol=1e-12)
    np.testing.assert_allclose(values({10: 0, 50: -3, 20: 15}), expected, atol=1e-12)
    np.testing.assert_allclose(values({"linear": "10:0,20:15,50:(-3),"}), expected, atol=1e-12)


def test_values_are_held_until_the_next_key_frame():
    held = values({HOLD: "0: (1), 20: (4)"})
    assert held == [1] * 20 + [4] * 41


def test_cubic_interpolation_agrees_with_scipy():
    interpolate = pytest.importorskip("scipy.interpolate")
    keys, numbers = [0, 7, 20, 33, 60], [1, 4, 4, -2, 9]
    text = ", ".join(f"{key}: ({number})" for key, number in zip(keys, numbers, strict=True))
    expected = interpolate.PchipInterpolator(keys, numbers)(range(61))
    np.testing.assert_allclose(values({CUBIC: text}), expected, atol=1e-9)
    np.testing.assert_allclose(
        values({CUBIC: "0: (2), 60: (8)"}), np.linspace(2, 8, 61), atol=1e-9
    )


def test_cubic_interpolation_goes_through_its_keys_and_overshoots_none():
    found = values({CUBIC: "0: (0), 20: (10), 30: (10), 60: (1)"})
    assert [found[key] for key in (0, 20, 30, 60)] == [0, 10, 10, 1]
    assert found[:20] == sorted(found[:20])
    assert found[31:] == sorted(found[31:], reverse=True)
    assert max(found) <= 10 + 1e-9
    assert found[20:31] == pytest.approx([10] * 11)


def test_an_expression_holds_until_the_next_key_frame():
    frames = np.arange(61)
    expected = np.where(frames < 30, np.sin(frames / 5), 2)
    np.testing.assert_allclose(values("0: (sin(t/5)), 30: (2)"), expected, atol=1e-12)
    np.testing.assert_allclose(values("1.02+0.02*s"), 1.02 + 0.02 * frames / 12, atol=1e-12)


def test_a_number_leads_to_the_value_that_the_next_expression_begins_with():
    found = values("0: (0), 10: (t*2)")
    np.testing.assert_allclose(found, np.arange(61) * 2.0, atol=1e-12)


def test_commas_and_colons_within_brackets_belong_to_the_value():
    frames = np.arange(61)
    expected = np.where(frames < 30, np.maximum(frames, 3), np.minimum(frames, 40))
    found = values("0: (where(t<30, max(t, 3), min(t, 40)))")
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(values("0: max(t, 3), 30: min(t, 40)"), expected)
    np.testing.assert_allclose(values("(t+1)*(t-1)"), frames**2 - 1)


@pytest.mark.parametrize(
    ("key", "frame"), [("2s", 24), ("1.5 s", 18), ('"max_f-1"', 59), ("frames/2", 30.5), ("7", 7)]
)
def test_keys_are_frames_seconds_or_expressions(key, frame):
    found = values(f"0: (0), {key}: (1)")
    np.testing.assert_allclose(found, np.clip(np.arange(61) / frame, 0, 1), atol=1e-12)


@pytest.mark.parametrize("way", ["linear", "cubic"])
def test_a_loop_leads_back_to_its_first_value(way):
    film = Timing(frames=40, fps=10)
    track = read("x", {way: "0: (1), 10: (3), 25: (0)"}).track(film, loop=True)
    assert track(40 - 1e-9) == pytest.approx(1, abs=1e-6)
    later = read("x", {way: "5: (1), 15: (3), 30: (0)"}).track(film, loop=True)
    assert [later((f + 5) % 40) for f in range(40)] == pytest.approx([track(f) for f in range(40)])
    before = track(39.999) - track(39.998)
    after = track(0.001) - track(0)
    assert (abs(before - after) < 1e-6) is (way == "cubic")  # cubic has one slope there


@pytest.mark.parametrize("last", [40, 50])
def test_a_loop_has_no_key_frame_beyond_its_end(last):
    with pytest.raises(ValueError, match=f"x: the key frame at {last} is not within a loop of 40"):
        read("x", f"0: (1), {last}: (3)").track(Timing(frames=40, fps=10), loop=True)


def test_one_value_is_a_constant():
    assert read("x", 3).constant == 3
    assert read("x", "0: (2*pi)").constant == pytest.approx(2 * math.pi)
    assert read("x", "t").constant is None
    assert values(2.5) == [2.5] * 61


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("0: (1), (2)", "is no key frame"),
        ("0: (1), 30", "is no key frame"),
        ("0: (1, 30: (2)", "a bracket is not closed"),
        ("0: 1), 30: (2)", "a bracket is not closed"),
        ("0: (1): 2", "is no key frame"),
        ("soon: (1)", "is no frame; as 30, 2s or max_f-1"),
        ("t: (1)", "is no frame"),
        ("0: (1), x: (2)", "'x' is no frame"),
        ("-3: (1)", "is no frame"),
        ("0: (1), 0.0: (2)", "two key frames are at frame 0"),
        ("2s: (1), 24: (2)", "two key frames are at frame 24"),
        ("0: (sine(t))", "did you mean 'sin'?"),
        ("0: (1/t)", "at frame 0"),
        ("0: (0), 30: (20)", "it is 10.6667, and must be a number from 0 to 10; the nearest"),
        ({"cubik": "0: (1)"}, "did you mean 'cubic'?"),
        ({0: [1]}, "is no value"),
        ([1, 2], "must be a number, or key frames"),
        (None, "must be a number, or key frames"),
        (True, "must be a number, or key frames"),
        ("", "must be a number, or key frames"),
        (",".join(f"{k}: ({k})" for k in range(MOST + 1)), f"at most {MOST}"),
        ("(" * 30_000, "more than 20000 characters"),
    ],
)
def test_other_values_are_refused_in_one_line(value, part):
    with pytest.raises(ValueError) as caught:
        values(value, low=0, high=10)
    assert part in str(caught.value)
    assert str(caught.value).startswith("animate.angle")
    assert "\n" not in str(caught.value)


def test_a_thousand_odd_texts_are_read_or_refused_in_one_line():
    dice, read_in = random.Random(1), 0
    parts = (
        *("0", "30", "2s", ":", ":", ",", ",", "(", ")", "(1)", "(t)", "sin(t)", "max(t, 2)"),
        *(" ", "max_f-1", '"', "'", "{", "\n", "e", "where", "9e9", "-", "*"),
    )
    for k in range(1000):
        text = "".join(dice.choices(parts, k=dice.randint(1, 12)))
        if k % 2:
            keys = dice.sample(range(60), dice.randint(1, 6))
            text = ", ".join(f"{key}: ({dice.choice(['t', '3', 'cos(t)*2'])})" for key in keys)
        try:
            assert all(map(math.isfinite, values(text)))
            read_in += 1
        except ValueError as error:
            assert "\n" not in str(error)
            assert len(str(error)) < 800
    assert read_in >= 500
