"""Hydra's launchers: which is chosen, and the jobs that it is given."""

from pathlib import Path

import pytest

from guided.batch import launchers
from guided.config.overrides import parse, parse_all
from guided.errors import BadInput


def test_the_basic_launcher_is_none():
    assert not launchers.is_launched([])
    assert not launchers.is_launched([parse("hydra/launcher=basic")])


def test_an_unknown_launcher_is_named_with_the_nearest():
    with pytest.raises(BadInput, match="did you mean 'joblib'"):
        launchers.is_launched([parse("hydra/launcher=joblibs")])


def test_each_worker_is_a_job_that_resumes_the_folder(tmp_path):
    folder = tmp_path / "a, b"
    hydras = [parse("hydra/launcher=joblib")]
    first, *words, last = launchers.arguments(folder, hydras, ["device=cpu"], 3)
    assert first == "-m"
    assert {"hydra/launcher=joblib", "device=cpu"} <= set(words)
    jobs = parse(last).hydra
    assert [Path(job).name for job in jobs.value().list] == ["a, b"] * 3
    assert jobs.key_or_group == "resume"


def test_slips_in_a_launchers_settings_are_told():
    launchers.check_launching(parse_all(["hydra/launcher=basic"]), "1", True)
    with pytest.raises(BadInput, match=r"hydra\.launcher\.slip"):
        launchers.check_launching(
            parse_all(["hydra/launcher=basic", "hydra.launcher.slip=1"]), "1", True
        )
