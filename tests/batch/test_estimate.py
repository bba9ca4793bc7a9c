"""Estimates of time and memory, in proportion to pictures and passes."""

import pytest

from guided.batch import estimate
from guided.batch.estimate import Estimate
from guided.config.composition import compose
from guided.config.plan import Plan


def plan(*words: str) -> Plan:
    return Plan.read(compose(["prompt=x", "seed=1", *words]))


def test_time_counts_pictures_and_passes_and_each_size_is_tried_once(monkeypatch):
    tries = []

    def tried(pipeline, one):
        tries.append(one.size)
        return 0.01 * one.size[0]

    monkeypatch.setattr(estimate, "tried", tried)
    small = plan("steps=20", "sampler=plms", "count=3")
    large = plan("steps=50", "sampler=plms", "size=64")
    found = Estimate(small, None, 0, quick=True)
    assert found.time([small]) == pytest.approx(3 * 20 * 0.32)
    assert found.time([small, large, large]) == pytest.approx(3 * 20 * 0.32 + 2 * 50 * 0.64)
    assert tries == [(32, 32), (64, 64)]
    sides = [plan("steps=20", "sampler=plms", f"size={side}") for side in (96, 128, 160)]
    found.time(sides)
    assert tries[2:] == [(96, 96), (128, 128)]
    assert found.of_pass(sides[2]) == pytest.approx(0.32 * 25)  # 160² pixels are 25 times 32²


def test_large_models_on_a_cpu_are_not_tried():
    text = Estimate(plan(), None, 2 * 2**30, quick=False).as_dict([plan()])
    assert text["time"].startswith("unknown") and text["memory"].startswith("2 GB")


def test_the_embedded_pair_is_loaded_and_tried():
    one = plan("steps=20", "sampler.recurrence=1")
    found = Estimate.of(one)
    assert found.quick and 0 < found.time([one]) < 600
    weights = 15e6 + 21e6  # bytes of the files in half precision; float32 here
    assert weights < found.memory < 2**30
