import math
import random
import time
import warnings

import numpy as np
import pytest

from guided.animation import expressions
from guided.animation.expressions import DEEPEST, FUNCTIONS, LONGEST, NAMES, parse

# The same expression for the program, and for numpy over a whole grid of frames.
AGREES = {
    "1.02 + 0.02*sin(2*pi*t/60)": lambda t: 1.02 + 0.02 * np.sin(2 * np.pi * t / 60),
    "where(t < 10, t**2, 100 - t)": lambda t: np.where(t < 10, t**2, 100 - t),
    "where((t > 5) & (t < 15), 1, -1)": lambda t: np.where((t > 5) & (t < 15), 1, -1),
    "clip(t/4, 2, max(3, s))": lambda t: np.clip(t / 4, 2, np.maximum(3, t / 12)),
    "-t % 7 + t // 3": lambda t: -t % 7 + t // 3,
    "2**-t * exp(-s) + log1p(t)": lambda t: 2.0**-t * np.exp(-t / 12) + np.log1p(t),
    "atan2(t, 3) + hypot(t, 4) + arctan(t)": lambda t: (
        np.arctan2(t, 3) + np.hypot(t, 4) + np.arctan(t)
    ),
    "abs(cos(t)) + floor(t/2) - ceil(t/3) + round(t/5)": lambda t: (
        np.abs(np.cos(t)) + np.floor(t / 2) - np.ceil(t / 3) + np.round(t / 5)
    ),
    "1 if t > 3 and not t == 7 else sign(-t)": lambda t: np.where(
        (t > 3) & (t != 7), 1, np.sign(-t)
    ),
    "0 < t <= 9 or t > 20": lambda t: ((t > 0) & (t <= 9)) | (t > 20),
    "max_f - t + seed/frames + e": lambda t: 23 - t + 7 / 24 + np.e,
}


def variables(t):
    film = {"fps": 12, "frames": 24, "max_f": 23, "seed": 7, "w": 96, "h": 64}
    heard = {"bass": 0.25, "mid": 0.5, "treble": 1, "loud": 0.75}
    return {"t": t, "s": t / 12, "change": 0.1} | film | heard


@pytest.mark.parametrize("text", AGREES)
def test_values_are_numpys_on_a_grid(text):
    grid = np.arange(0, 24, 0.5)
    expression = parse("zoom", text)
    ours = [expression(variables(t)) for t in grid.tolist()]
    np.testing.assert_allclose(ours, AGREES[text](grid).astype(float), rtol=1e-12, atol=1e-12)


def test_only_the_branch_that_is_chosen_has_to_have_a_value():
    assert parse("zoom", "where(t, 1/t, 5)")(variables(0)) == 5
    assert parse("zoom", "1/t if t else 6")(variables(0)) == 6


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("__import__(t).system(t)", "is no function"),
        ("().__class__", "no part of an expression"),
        ("t.real", "no part of an expression"),
        ("[t for t in s]", "no part of an expression"),
        ("lambda: t", "no part of an expression"),
        ("'a' * 9", "no part of an expression"),
        ("(t := 3)", "no part of an expression"),
        ("f'{t}'", "no part of an expression"),
        ("sin(t, s)", "takes 1 numbers, not 2"),
        ("clip(t, high=3, low=1)", "takes 3 numbers, not 1"),
        ("max(*t)", "takes 2 to 20 numbers, not 1"),
        ("sine(t)", "did you mean 'sin'?"),
        ("seeed + 1", "did you mean 'seed'?"),
        ("sin", "sin() needs brackets"),
        ("2t", "is no number"),
        ("0x1f", "is no number"),
        ("1_000", "is no number"),
        ("t ^ 2", "is written **"),
        ("t << 3", "no part of an expression"),
        ("True", "no part of an expression"),
        ("1e999", "too large"),
        ("", "is no expression"),
        ("1 +", "is no expression"),
        ("(" * 220 + "t" + ")" * 220, "is no expression"),
        ("-" * (DEEPEST + 2) + "t", "deep"),
        ("t" + " + t" * LONGEST, f"at most {LONGEST} characters"),
    ],
)
def test_all_else_is_refused_in_one_line_that_names_the_setting(text, part):
    with pytest.raises(ValueError) as caught:
        parse("animate.zoom", text)
    message = str(caught.value)
    assert message.startswith("animate.zoom=")
    assert part in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text", ["9**9**9**9", "1/t", "log(t)", "(-8)**0.5", "exp(exp(9))", "1e200*1e200", "t % 0"]
)
def test_no_finite_number_is_told_with_its_frame(text):
    with pytest.raises(ValueError, match="at frame 0"):
        parse("zoom", text)(variables(0))


def test_variables_that_change_from_frame_to_frame_are_known():
    assert parse("a", "t + 1").varies
    assert parse("a", "sin(s)").varies
    assert not parse("a", "max_f - 1 + fps*frames + seed*pi").varies
    assert parse("a", "max(t, seed) + e").names == {"t", "seed"}
    assert all(parse("a", name).varies for name in ("bass", "mid", "treble", "loud", "change"))


def test_the_bands_of_a_sound_need_one():
    with pytest.raises(ValueError, match=r"1\+bass: bass needs animate.audio=song.mp3"):
        parse("zoom", "1+bass")({"t": 0})


PARTS = (
    *NAMES, *FUNCTIONS, "(", ")", "(", ")", ",", "+", "-", "*", "/", "**", "%", "<", "==", "&",
    "0", "1.5", "9e9", "999999", ".", " ", "if", "else", "and", "not", "[", "{", "'", '"', "\\",
    "\n", "\0", "é", "一", ":", "=", "lambda", "__class__", "^", "~", "@", "#", ";", "0x", "_",
)  # fmt: skip


def grown(dice, depth=0):
    """Return a random expression that is mostly right."""
    if depth > 4 or dice.random() < 0.2:
        return dice.choice([*NAMES, "pi", "2", "0.5", "-3"])
    if dice.random() < 0.5:
        sign = dice.choice(["+", "-", "*", "/", "**", "%", "//", "<", "&"])
        return f"({grown(dice, depth + 1)} {sign} {grown(dice, depth + 1)})"
    name = dice.choice(list(FUNCTIONS))
    count = dice.randint(FUNCTIONS[name][1], min(4, FUNCTIONS[name][2]))
    return f"{name}({', '.join(grown(dice, depth + 1) for _ in range(count))})"


@pytest.mark.parametrize("text", ["log1p1.5ifw", "2t", "1if t else 2"])
def test_python_warns_of_none(text):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(ValueError, match="is no"):
            parse("zoom", text)
    assert not told


def test_a_thousand_odd_texts_have_a_value_or_are_refused_in_one_line():
    dice, computed = random.Random(0), 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for k in range(1000):
            many = dice.randint(1, 12) if k % 7 else 700
            text = grown(dice) if k % 2 else "".join(dice.choices(PARTS, k=many))
            began = time.process_time()
            try:
                value = parse("zoom", text)(variables(dice.randint(0, 23)))
                assert math.isfinite(value)
                computed += 1
            except ValueError as error:
                assert "\n" not in str(error)
                assert len(str(error)) < 800
            assert time.process_time() - began < 5  # a huge power would never end
    assert computed > 100


def test_what_is_computed_is_what_is_documented():
    assert set(expressions.CONSTANTS) == {"pi", "tau", "e"}
    for name, (function, least, _) in FUNCTIONS.items():
        text = f"{name}({', '.join(['0.5'] * least)})"
        if name != "acosh" and name != "arccosh":
            assert parse("a", text)({}) == function(*[0.5] * least)
