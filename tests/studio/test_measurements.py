"""Estimates from what was drawn here."""

from dataclasses import replace

import pytest

from guided.batch.passes import passes
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.studio.measurements import Measurements


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.read(compose(["prompt=a heart", "steps=50", "size=[64,64]", "count=3"]))


def test_nothing_is_known_before_anything_was_drawn(tmp_path, plan):
    unknown = {"seconds": None, "memory_mb": None, "basis": "unknown"}
    assert Measurements.read(tmp_path).estimate(plan, "auto") == unknown


def test_the_same_again_takes_its_passes(tmp_path, plan):
    (tmp_path / ".studio").mkdir()
    Measurements.read(tmp_path).add(plan, "auto", 0.5, 300 << 20)
    found = Measurements.read(tmp_path).estimate(plan, "auto")
    assert found == {"seconds": 0.5 * passes(plan) * 3, "memory_mb": 300, "basis": "measured"}


def test_the_newest_counts_most(tmp_path, plan):
    (tmp_path / ".studio").mkdir()
    for seconds in (1.0, 2.0):
        Measurements.read(tmp_path).add(plan, "auto", seconds)
    (kind,) = Measurements.read(tmp_path).kinds.values()
    assert kind.seconds == pytest.approx(0.6 * 2.0 + 0.4 * 1.0)


def test_another_size_is_scaled_by_its_pixels(tmp_path, plan):
    (tmp_path / ".studio").mkdir()
    Measurements.read(tmp_path).add(plan, "auto", 1.0)
    larger = replace(plan, size=(128, 64))
    found = Measurements.read(tmp_path).estimate(larger, "auto")
    assert found["basis"] == "similar"
    assert found["seconds"] == pytest.approx(2 * passes(plan) * 3)


def test_steps_and_guidance_need_no_new_measurement(tmp_path, plan):
    (tmp_path / ".studio").mkdir()
    Measurements.read(tmp_path).add(plan, "auto", 1.0)
    found = Measurements.read(tmp_path).estimate(replace(plan, steps=100, count=1), "auto")
    assert found["basis"] == "measured"


def test_other_devices_and_models_are_not_taken_for_it(tmp_path, plan):
    (tmp_path / ".studio").mkdir()
    Measurements.read(tmp_path).add(plan, "cpu", 1.0)
    assert Measurements.read(tmp_path).estimate(plan, "cuda:0")["basis"] == "unknown"
    other = replace(plan, clips={})
    assert Measurements.read(tmp_path).estimate(other, "cpu")["basis"] == "unknown"


def test_several_workers_share_the_pictures(tmp_path, plan):
    (tmp_path / ".studio").mkdir()
    Measurements.read(tmp_path).add(plan, "auto", 1.0)
    known = Measurements.read(tmp_path)
    one, three, nine = (known.estimate(plan, "auto", n)["seconds"] for n in (1, 3, 9))
    assert three == pytest.approx(one / 3) and nine == three


KIND = '{"alike": "x", "pixels": 64, "seconds": 1.0}'


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", '{"a": 5}', '{"a": {"seconds": -1}}', "\0", "[" * 100_000, "null"),
        *(KIND.replace(*change).join(['{"a": ', "}"]) for change in (
            ("64", "0"), ("64", "null"), ("64", '"64"'), ("1.0", "NaN"), ("1.0", '"1"'),
            ("1.0", "true"), ('"x"', "5"), ('"x"', "[]"), ("1.0", '1.0, "memory": "much"'),
        )),
    ],
)  # fmt: skip
def test_a_damaged_file_is_as_if_nothing_was_drawn(tmp_path, plan, content):
    (tmp_path / ".studio").mkdir()
    (tmp_path / ".studio" / "measurements.json").write_text(content)
    assert Measurements.read(tmp_path).estimate(plan, "auto")["basis"] == "unknown"
    assert not Measurements.read(tmp_path).kinds
