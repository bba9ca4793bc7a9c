"""-m: the rows that Hydra's own sweeper would make, made before anything is drawn."""

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from guided.batch.sweep import expanded
from guided.config import choices
from guided.config.overrides import parse, raws
from guided.errors import BadInput


@pytest.mark.parametrize(
    "words",
    [
        ["seed=1,2,3", "prompt=a cat, sitting"],
        ["seed=range(0,6,2)", "steps=sort(3,1,2)", "count=2"],
        ['prompt="a, b","c"', "sampler=ddim,plms", "seed=choice(1,2)"],
        ["clip=[a,b],[c]", "size=[32,32],[64,64]"],
        ["seed=7"],
    ],
)
def test_rows_are_those_of_hydras_sweeper(words):
    """An oracle: what the basic sweeper would launch, in its order."""
    base, rows = expanded(words)
    (jobs,) = BasicSweeper.split_arguments(parsed(words), None)
    ours = [[*raws(base), *row.words] for row in rows] or [raws(base)]
    assert [settings(row) for row in ours] == [settings(job) for job in jobs]


def parsed(words):
    return OverridesParser.create().parse_overrides([parse(word).quoted for word in words])


def settings(words):
    return {override.key_or_group: str(override.value()) for override in parsed(words)}


def test_glob_names_the_choices_of_a_group():
    _, rows = expanded(["sampler=glob(*)"])
    assert [row.words for row in rows] == [
        [f"sampler={name}"] for name in choices.names("sampler")
    ]
    _, rows = expanded(["sampler=glob(dpm*)"])
    assert [row.words for row in rows] == [["sampler=dpmpp_2m"], ["sampler=dpmpp_sde"]]


def test_files_of_models_are_swept_too():
    _, rows = expanded(["model=my files/a.pt,embedded"])
    assert [row.words for row in rows] == [["model=my files/a.pt"], ["model=embedded"]]


@pytest.mark.parametrize("word", ["seed=interval(0,1)", "steps=glob(*)", "sampler=glob(x*)"])
def test_what_has_no_end_or_nothing_in_it_is_refused(word):
    with pytest.raises(BadInput, match=r"seed|steps|sampler"):
        expanded([word])
