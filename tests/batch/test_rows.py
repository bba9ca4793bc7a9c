"""Rows of several sources, and what a row may not set."""

import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.batch import rows
from guided.batch.rows import Preset
from guided.config.overrides import parse
from guided.errors import BadInput
from guided.runs.manifest import Row


@given(st.lists(st.integers(0, 4), max_size=4))
def test_sources_multiply_and_the_last_varies_fastest(lengths):
    sources = [[Row([f"s{k}={n}"]) for n in range(length)] for k, length in enumerate(lengths)]
    crossed = rows.crossed(*sources)
    expected = [[]]
    for source in filter(None, sources):
        expected = [words + row.words for words in expected for row in source]
    assert [row.words for row in crossed] == expected


def test_too_many_rows_are_refused_before_they_are_made():
    with pytest.raises(BadInput, match="101 x 100 rows are too many; at most 10000"):
        rows.crossed([Row()] * 101, [Row()] * 100)


def test_the_place_and_the_error_of_both_stay():
    first, second = Row(["a=1"], {"a": 1}, "x.csv:2", "no a"), Row(["b=2"], {"b": 2}, "y:3")
    row = rows.joined(first, second)
    assert (row.words, row.settings) == (["a=1", "b=2"], {"a": 1, "b": 2})
    assert (row.where, row.wrong) == ("x.csv:2, y:3", "no a")


@pytest.mark.parametrize(
    ("mapping", "part"),
    [
        ({"folder": "x"}, "folder holds for the whole batch"),
        ({"": 1}, "is not the name of a setting"),
        ({3: 1}, "is not the name of a setting"),
        ({"a b": 1}, "is not the name of a setting"),
        ({"guide": {"scale": 1}}, "guide.scale"),
    ],
)
def test_an_error_is_recorded_in_its_row(mapping, part):
    row = rows.from_mapping(mapping, "p.yaml:4")
    assert part in row.wrong
    assert (row.words, row.where) == ([], "p.yaml:4")


def test_a_product_takes_sweeps_lists_and_single_values():
    product = {"seed": "range(0,2)", "steps": [5, 9], "size": 64}
    made = rows.from_product(product, [], "p")
    assert [row.words for row in made] == [
        [f"seed={seed}", f"steps={steps}", "size=64"] for seed in (0, 1) for steps in (5, 9)
    ]
    assert {row.where for row in made} == {"p"}


def test_a_setting_of_two_sources_is_an_error_of_the_row():
    row = rows.joined(Row(["prompt=a", "seed=1"], where="p.csv:2"), Row(["prompt=b"]))
    assert row.wrong == "prompt is given twice, in rows that are combined"
    assert not rows.joined(Row(["prompt=a"]), Row(["seed=1"])).wrong


def test_words_that_every_row_overrides_are_found():
    words = [parse("prompt=x"), parse("seed=5"), parse("steps=20")]
    listed = [Row(["prompt=a", "seed=1"]), Row(["prompt=b"])]
    assert [word for word in words if word.name in rows.common_names(listed)] == words[:1]
    assert rows.common_names([]) == set()


# ---- presets of rows ----

NAMES = ["seed", "steps", "count"]
VALUES = st.lists(st.integers(0, 9), min_size=1, max_size=3)


@given(
    prompts=st.lists(st.sampled_from(["a sun", "a star", "fog, rain"]), max_size=3),
    settings=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3),
)
def test_every_prompt_is_drawn_with_every_combination_of_settings(prompts, settings):
    preset = Preset(list=prompts, product=settings)
    if not prompts and not settings:
        with pytest.raises(BadInput, match="batch=x has nothing in its list"):
            preset.rows([], "x")
        return
    heads = [[f"prompt={prompt}"] for prompt in prompts] or [[]]
    tails = product(*([f"{name}={value}" for value in settings[name]] for name in settings))
    expected = [[*head, *tail] for head, tail in product(heads, tails)]
    assert [row.words for row in preset.rows([], "x")] == expected


def test_rows_say_which_preset_they_are_of():
    rows = Preset(list=["a sun"], product={"seed": [1, 2]}).rows([], "mine")
    assert all("batch=mine" in row.where for row in rows)


def test_a_row_with_an_error_is_among_the_others():
    rows = Preset(list=["a sun", {"folder": "x"}]).rows([], "mine")
    assert not rows[0].wrong and "folder" in rows[1].wrong


def test_rows_are_made_without_torch():
    code = (
        "import sys; from guided.batch.rows import Preset;"
        "Preset(list=['a sun']).rows([], 'x'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
