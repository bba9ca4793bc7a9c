"""The judge's training: another network, other random numbers, never the guides' files."""

import runpy
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import pytest

from guided.training.clip import architectures, batches, judge, train
from guided.training.common.settings import from_argv
from guided.training.data.pictures import Pictures


def test_nothing_that_is_random_or_written_is_shared_with_the_guides() -> None:
    ours = from_argv(judge.Settings, [])
    for tower in ("a", "b"):
        theirs = from_argv(train.Settings, [f"tower={tower}"])
        assert ours.tower != theirs.tower
        assert ours.seed != theirs.seed
        assert Path(ours.out) != Path(theirs.out or f"runs/clip_{tower}")
    assert asdict(ours).keys() == asdict(theirs).keys()


def test_a_typed_setting_wins() -> None:
    ours = from_argv(judge.Settings, ["minutes=1.5", "seed=3"])
    assert (ours.minutes, ours.seed, ours.tower) == (1.5, 3, "judge")


def test_its_image_tower_is_of_another_kind_than_those_of_the_guides() -> None:
    """A picture that deceives a network deceives others of its kind."""
    towers = architectures.VISION
    kinds = {name: towers[name].get("timm_model_name", "CLIP's ResNet") for name in towers}
    assert kinds.keys() == {"a", "b", judge.Settings.tower}
    assert len(set(kinds.values())) == len(kinds)
    assert architectures.size("judge") > max(architectures.size(name) for name in "ab")


class Stop(Exception):
    """The end of a training, at its first look at the pictures."""


def vendors_seen(settings: train.Settings, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the vendors of the pictures that a training with these settings draws from."""
    seen: set[str] = set()
    real = batches.CaptionedBatches

    def spy(dataset: Pictures, learner: str, *more: object) -> None:
        rows = chain(*real(dataset, learner, *more).rows_of.values())
        seen.update(dataset.vendors[row] for row in rows)
        raise Stop

    monkeypatch.setattr(batches, "CaptionedBatches", spy)
    with pytest.raises(Stop):
        train.train(settings)
    monkeypatch.undo()
    return seen


def test_it_learns_from_pictures_that_the_guides_never_see(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"data": str(folder), "out": str(folder / "out"), "device": "cpu"}
    ours = vendors_seen(judge.Settings(**told), monkeypatch)
    assert ours == {"emojione"}
    for tower in ("a", "b"):
        theirs = vendors_seen(train.Settings(tower=tower, **told), monkeypatch)
        assert theirs == {"noto", "twemoji"}


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[train.Settings]:
    """Return the settings that the program trains with."""
    trained: list[train.Settings] = []
    monkeypatch.setattr(train, "train", trained.append)
    monkeypatch.setattr("sys.argv", ["judge", *words])
    runpy.run_path(judge.__file__, run_name="__main__")
    return trained


def test_the_program_trains_the_judge_and_no_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    (settings,) = run(monkeypatch, "minutes=2")
    assert (settings.tower, settings.minutes, settings.seed) == ("judge", 2.0, judge.Settings.seed)


def test_help_lists_its_own_defaults(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, "--help")
    assert left.value.code == 0
    assert {"tower=judge", "out=runs/judge", "seed=17"} <= set(capsys.readouterr().out.split())
