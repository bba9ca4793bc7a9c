"""How often steps are repeated, by a closed form."""

import pytest

from guided.batch.passes import passes, shares, total
from guided.config.composition import compose
from guided.config.plan import Plan

HALF = "animate.strength=0.5"
FILM = ["animate=2d", "animate.cadence=1", HALF]


def plan(*words: str) -> Plan:
    return Plan.read(compose(["prompt=x", "seed=1", *words]))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["steps=20", "sampler.recurrence=[[0,4],[0.25,1]]"], 5 * 4 + 15),
        (["steps=20", "sampler.recurrence=3"], 60),
        (["steps=30", "sampler=plms"], 30),
        (["steps=40", "generator=pixels"], 40),
        (["steps=40", "skip=10", "sampler.recurrence=2"], 60),
    ],
)
def test_a_picture_has_as_many_passes_as_its_steps_are_repeated(words, expected):
    assert passes(plan(*words)) == expected


def test_the_work_of_steps_is_in_proportion_to_their_passes():
    """Five steps of four passes and fifteen of one; or of the sixteen that are not skipped, four
    and twelve."""
    words = ("steps=20", "sampler.recurrence=[[0,4],[0.25,1]]")
    found = shares(plan(*words))
    assert found == pytest.approx(
        [k * 4 / 35 for k in range(1, 6)] + [k / 35 for k in range(21, 36)]
    )
    found = shares(plan(*words, "skip=4"))
    assert found == pytest.approx(
        [k * 4 / 28 for k in range(1, 5)] + [k / 28 for k in range(17, 29)]
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["count=3"], 3 * 20),
        (["animate=2d", "frames=9", "animate.zoom=1.1"], 20 + 2 * 4),  # as the model's card says
        ([*FILM, "frames=5", "animate.zoom=1.1"], 20 + 4 * 10),
        ([*FILM, "frames=5", "animate.zoom=0.9"], 5 * 20),  # the border is drawn in full
        (["animate=2d", HALF, "frames=9", "animate.zoom=1.1", "animate.cadence=3"], 20 + 3 * 10),
        (
            [*FILM, "frames=3", "animate.vary={sampler.recurrence: '0: (1), 2: (3)'}"],
            20 + 10 * 2 + 10 * 3,
        ),
        ([*FILM[:2], "frames=3", "animate.strength='1: (0.25), 2: (1)'"], 20 + 5 + 20),
    ],
)
def test_all_pictures_have_the_passes_of_each(words, expected):
    assert total(plan("steps=20", "sampler.recurrence=1", *words)) == expected
