"""generator=pixels in a configuration: its own size and steps, any size, and what it ignores."""

import pytest

import guided
from guided.batch.planning import tell_unused
from guided.config.composer import Composer
from guided.config.messages import words_for
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.generators.pixels.settings import Pixels
from tests.composing import composed


def plan(*words: str) -> Plan:
    words = words_for("a red heart", ["generator=pixels", *words], {})
    read = Plan.read(composed(words))
    tell_unused(read, Composer(words))
    return read


def test_size_and_steps_are_the_generator_s_own() -> None:
    assert plan().size == (128, 128)
    assert plan().steps == 200
    assert plan("look=fine").steps == 400
    assert plan("steps=30").steps == 30
    assert plan().cutouts.area == "whole"  # nothing else reaches the sides of a wide canvas
    assert plan().drawn_with == "pixels"


@pytest.mark.parametrize("size", ["[1,1]", "[101,67]", "129"])
def test_any_size_can_be_drawn(size: str) -> None:
    assert plan(f"size={size}").size in [(1, 1), (101, 67), (129, 129)]


@pytest.mark.parametrize("size", ["0", "[64,9000]"])
def test_a_size_that_no_picture_has_is_refused(size: str) -> None:
    with pytest.raises(BadInput, match=r"size=.* the nearest is"):
        plan(f"size={size}")


def test_typed_settings_without_effect_are_told(caplog) -> None:
    plan("sampler=plms", "secondary=imagenet2", "model=imagenet256", "seed=3")
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"{word} has no effect with generator=pixels"
        for word in ("sampler=plms", "secondary=imagenet2", "model=imagenet256")
    ]


def test_nothing_is_told_where_all_has_an_effect(caplog) -> None:
    words = words_for("a red heart", ["sampler=plms", "model=embedded"], {})
    tell_unused(Plan.read(composed(words)), Composer(words))
    assert not caplog.records


def test_weights_that_are_not_used_need_not_be_there() -> None:
    with pytest.raises(BadInput, match="models=download"):
        Plan.read(composed(words_for("a", ["model=imagenet256"], {})))
    assert plan("model=imagenet256").generator_cards == []


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("basis=wavelet", "generator.basis=wavelet"),
        ("momentum=1", "generator.momentum=1"),
        ("decay=-1", "generator.decay=-1"),
        ("rate=fast", "generator.rate"),
        ("clamp=0.1", "'generator.clamp' is not a setting"),
    ],
)
def test_wrong_values_are_named(word: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        plan(f"generator.{word}")


def test_auto_makes_new_settings_and_leaves_the_old_ones() -> None:
    settings = Pixels()
    assert settings.resolve_auto((64, 64), 10) is settings


def test_frames_of_a_short_run(tmp_path) -> None:
    """The whole way, with the embedded CLIPs."""
    words = ["generator=pixels", "size=[24,16]", "steps=3", "seed=1", "cutouts.augment=false"]
    frames = list(guided.frames("a red heart", *words))
    assert [frame.step for frame in frames] == [1, 2, 3]
    assert frames[-1].image.shape == (1, 3, 16, 24)
    assert frames[-1].last and frames[-1].state is None and frames[0].state is not None
    assert float(frames[-1].image.min()) >= 0 and float(frames[-1].image.max()) <= 1
