"""The settings in a picture draw that picture alone."""

from dataclasses import replace

import pytest

from guided.interfaces import Run
from guided.outputs.picture import settings_of
from guided.prompts.prompt import Prompt
from tests.outputs.frames import SETTINGS, frame

WORDS = ["prompt=x", "steps=4"]


def run_of(tmp_path, *texts: str, **settings) -> Run:
    prompts = [Prompt(text) for text in texts or ("x",)]
    return Run(tmp_path, SETTINGS | settings, prompts, 2, 4, lambda image, times: image)


@pytest.mark.parametrize("index", [0, 1, 5])
def test_a_picture_of_several_is_one_with_its_own_seed(tmp_path, index):
    run = run_of(tmp_path, keep=1, words=list(WORDS))
    settings = settings_of(run, replace(frame(index), decided=["x"]))
    assert settings == SETTINGS | {
        "seed": 9 + index, "count": 1, "keep": None, "words": [*WORDS, f"seed={9 + index}"],
    }  # fmt: skip


def test_the_settings_of_the_run_stay_as_they_are(tmp_path):
    """Pictures of one run share them: the words of one must not be those of the next."""
    run = run_of(tmp_path, words=list(WORDS), keep=1)
    before = {**run.settings, "words": list(WORDS)}
    first, second = (settings_of(run, frame(k)) for k in range(2))
    assert run.settings == before
    assert (first["words"], second["words"]) == ([*WORDS, "seed=9"], [*WORDS, "seed=10"])


def test_decided_texts_are_recorded_where_they_are_not_the_prompts(tmp_path):
    run = run_of(tmp_path, "a {red|blue} sun", "fog")
    drawn = replace(frame(), decided=["a red sun", "fog"])
    assert settings_of(run, drawn)["drawn"] == ["a red sun", "fog"]
    run = run_of(tmp_path, "a red sun", "fog")
    assert "drawn" not in settings_of(run, drawn)


@pytest.mark.parametrize(("score", "written"), [(0.12345678, 0.123457), (0.0, 0.0)])
def test_a_score_is_recorded_to_six_digits(tmp_path, score, written):
    assert settings_of(run_of(tmp_path), replace(frame(), score=score))["score"] == written


def test_a_picture_that_nobody_judged_has_no_score(tmp_path):
    assert "score" not in settings_of(run_of(tmp_path), frame())
