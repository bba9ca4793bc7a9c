"""Settings of the optimisation of codes."""

import pytest

from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.generators.codes.settings import Codes
from guided.models.cards import Recommended


@pytest.mark.parametrize(
    "setting",
    [
        {"rate": -1}, {"rate": "fast"}, {"momentum": 1}, {"smoothing": -0.1}, {"average": 1},
        {"decay": -1}, {"checkpointing": "maybe"},
    ],
)  # fmt: skip
def test_values_out_of_range_are_named(setting: dict[str, object]) -> None:
    with pytest.raises((ValueError, BadInput), match=next(iter(setting))):
        Codes(**setting)


def test_a_rate_of_nothing_is_told() -> None:
    assert Codes(rate=0).zero == "rate" and Codes().zero == ""


def test_it_chooses_its_own_model_and_a_model_of_codes_chooses_it() -> None:
    assert compose(["generator=codes"]).model.name == "codes_small"
    both = compose(["generator=codes", "model=llamagen_vq8"])
    alone = compose(["model=llamagen_vq8"])
    assert both.model.name == alone.model.name == "llamagen_vq8"
    assert both == alone
    assert compose(["model=embedded"]).generator._target_ == "generator/diffusion"


def test_a_card_that_recommends_something_leaves_the_rest_as_it_is_for_all_codes() -> None:
    recommended = compose(["generator=codes"]).model.recommended
    assert (recommended.steps, recommended.enlarge) == (100, "auto")
    assert (recommended.area, recommended.eta) == ("whole", Recommended().eta)


def test_models_of_others_sizes_between_codes_and_edges_that_meet_are_refused() -> None:
    words = ["prompt=a sun", "model=llamagen_vq16"]
    for more, line in (
        ("size=100", r"multiples of 16; the nearest is size=\[96,96\]"),
        ("generator=diffusion", "model=llamagen_vq16 is for generator=codes"),
        ("tile=both", "with generator=codes opposite edges do not meet"),
        ("restore=grey", "init|generator=diffusion"),
    ):
        with pytest.raises(BadInput, match=line):
            Plan.read(compose([*words, more]), weights=False)
    with pytest.raises(BadInput, match="is for generator=diffusion"):
        Plan.read(compose(["prompt=a sun", "generator=codes", "model=embedded"]), weights=False)
    plan = Plan.read(compose([*words, "size=512"]), weights=False)
    assert (plan.size, plan.steps, plan.drawn_with) == ((512, 512), 300, "llamagen_vq16")
