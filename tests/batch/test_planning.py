"""A batch before its first step: pictures have numbers and seeds, and bad rows are found."""

import subprocess
import sys

import pytest

from guided.batch.manifest import Row
from guided.batch.planning import plan_batch
from guided.composing import Composer, compose
from guided.errors import BadInput


def plan(*rows, words=("steps=20",)):
    return plan_batch(Composer(list(words)), [Row(list(row), where=f"p:{k}") for k, row in
                                              enumerate(rows, 1)], "")  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ["prompt=a cat, ${x", "seed=3"],
        ["guide.clip.scale={linear: [[0,100],[1,200]]}"],
        ["sampler=plms", "guide.clip.scale=5"],
        ["model.recommended.scale=5"],
        ["steps=30", "steps=40", "size=[64,64]"],
        ["output=[still]", "output.still.enlarge=2"],
        ["cutouts.overview=[[0,1],[0.5,2]]"],
    ],
)
def test_a_row_composes_to_what_hydra_would_compose_and_leaves_nothing_behind(words):
    composer = Composer(["prompt=x", "seed=1"])
    with composer.row() as composed:
        before = composed.cfg.copy()
    with composer.row(words) as composed:
        assert composed.cfg == compose(["prompt=x", "seed=1", *words])
    with composer.row() as composed:
        assert composed.cfg == before


def test_numbers_run_through_the_batch_and_seeds_through_each_row():
    batch = plan(["prompt=a", "seed=5", "count=2"], ["prompt=b", "seed=9"])
    pictures = batch.manifest.pictures
    assert [(p.number, p.row, p.seed) for p in pictures] == [(0, 0, 5), (1, 0, 6), (2, 1, 9)]
    assert [p.prompt for p in pictures] == ["a", "a", "b"]
    assert {p.state for p in pictures} == {"queued"}


def test_without_a_seed_all_rows_have_the_same_so_that_they_can_be_compared():
    seeds = {p.seed for p in plan(["prompt=a"], ["prompt=b"]).manifest.pictures}
    assert len(seeds) == 1


def test_pictures_that_are_drawn_together_are_of_one_row():
    batch = plan(["prompt=a", "count=3", "batch_size=2"], ["prompt=b", "batch_size=2"])
    assert [p.group for p in batch.manifest.pictures] == [0, 0, 2, 3]


def test_a_bad_row_leaves_the_rest_and_keeps_its_numbers():
    batch = plan(["prompt=a"], ["prompt=b", "sampler.eta=7", "count=2", "seed=4"], ["prompt=c"])
    assert [p.state for p in batch.manifest.pictures] == ["queued", "failed", "failed", "queued"]
    assert [p.seed for p in batch.manifest.pictures[1:3]] == [4, 5]
    assert batch.wrong[1].startswith("p:2: ")
    assert "sampler.eta=7" in batch.manifest.failed[0].why


def test_rows_that_are_all_bad_are_bad_input_with_the_first_line():
    with pytest.raises(BadInput, match=r"p:1: .*seed=x"):
        plan(["prompt=a", "seed=x"], ["prompt=b", "stepz=3"])


def test_rows_are_checked_without_torch():
    program = (
        "import sys; from guided.batch.manifest import Row;"
        "from guided.batch.planning import plan_batch; from guided.composing import Composer;"
        "plan_batch(Composer(['steps=20']), [Row(['prompt=x'])], '');"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
