"""Presets of rows: a list, a product of settings, and each row of one with each of the other."""

import subprocess
import sys
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.batch.row_presets import Preset
from guided.errors import BadInput

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
        "import sys; from guided.batch.row_presets import Preset;"
        "Preset(list=['a sun']).rows([], 'x'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
