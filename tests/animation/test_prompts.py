import pytest

from guided.animation.keyframes import Timing
from guided.animation.prompts import read_prompts
from guided.errors import BadInput
from guided.schedule import schedule

FILM = Timing(frames=100, fps=10)


def weights(value, frame, loop=False):
    track = read_prompts(value, FILM, loop)
    return {prompt.text: round(prompt.at(0.5), 6) for prompt in track.at(frame)}


TWO = {20: "a castle", 60: "a forest:2"}


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (0, {"a castle": 1}),
        (20, {"a castle": 1}),
        (30, {"a castle": 0.75, "a forest": 0.5}),
        (40, {"a castle": 0.5, "a forest": 1}),
        (60, {"a forest": 2}),
        (99, {"a forest": 2}),
    ],
)
def test_prompts_lead_over_from_one_key_frame_to_the_next(frame, expected):
    assert weights(TWO, frame) == expected
    assert weights("{20: a castle, 60: 'a forest:2'}", frame) == expected


def test_they_may_change_at_once_or_smoothly():
    assert weights({"hold": TWO}, 59) == {"a castle": 1}
    assert weights({"cubic": TWO}, 30)["a castle"] == pytest.approx(1 - (3 / 16 - 2 / 64))


def test_keys_may_be_times_and_several_prompts_go_together():
    found = weights({"2s": ["a castle", "fog:0.5"], "max_f": "rain"}, 20)
    assert found == {"a castle": 1, "fog": 0.5}


def test_a_loop_leads_back_to_the_first_prompts():
    assert weights({0: "a", 50: "b"}, 75, loop=True) == {"a": 0.5, "b": 0.5}
    assert weights({0: "a", 50: "b"}, 75) == {"b": 1}
    assert weights({25: "a", 75: "b"}, 0, loop=True) == {"a": 0.5, "b": 0.5}


def test_how_much_prompts_change_is_known_at_each_frame():
    leading = read_prompts({0: "a", 20: "b", 40: "c"}, FILM, False)
    assert [leading.change(k) for k in (0, 5, 10, 15, 20, 30, 40, 99)] == [
        *(0, 0.75, 1, 0.75, 0, 1, 0, 0)
    ]
    at_once = read_prompts({"hold": {0: "a", 20: "b"}}, FILM, False)
    assert [k for k in range(100) if at_once.change(k)] == [20]


def test_a_prompt_has_the_same_number_in_all_frames():
    track = read_prompts({0: ["a", "b"], 50: "c", 80: "d"}, FILM, False)
    for frame in range(100):
        assert all(one.number == "abcd".index(one.text) for one in track.at(frame))


def test_weights_that_vary_over_a_picture_are_scaled():
    value = {0: {"text": "a", "weight": [[0, 2], [0.4, 6]]}, 10: "b"}
    first, second = read_prompts(value, FILM, False).at(5)
    assert (first.at(0.2), first.at(0.9), second.at(0.9)) == (1, 3, 0.5)
    assert schedule("weight", [[0, 2], [0.4, 6]])(0.9) == 6


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("a castle", "must be prompts by frame"),
        ([1], "must be prompts by frame"),
        ({}, "must be prompts by frame"),
        ({"soon": "a"}, "is no frame"),
        ({0: "a", "0s": "b"}, "two key frames are at frame 0"),
        ({0: ""}, "prompt is empty"),
        ({"holdd": {0: "a"}}, "did you mean 'hold'?"),
    ],
)
def test_other_values_are_refused_in_one_line(value, part):
    with pytest.raises(BadInput) as caught:
        read_prompts(value, FILM, False)
    assert part in str(caught.value)
