"""A worker of the studio, in this process: what it draws is what the command line draws."""

import os
from pathlib import Path

import pytest

from guided.batch.run import draw
from guided.config.overrides import parse_all
from guided.devices import threads_restored
from guided.runs.manifest import Manifest
from guided.studio.drawing import Drawer, forget_previews
from guided.studio.entries import CANCELED, FAILED, OPEN, SUCCEEDED, Entry
from guided.studio.measurements import Measurements
from tests.studio.conftest import make_run

INPUT = {
    "prompt": "a red heart",
    "seed": 5,
    "steps": 3,
    "cutouts.overview": 1,
    "cutouts.inner": 1,
    "sampler.recurrence": 1,
    "output": ["still", "metrics"],
}
WORDS = ["prompt=a red heart", "seed=5", "steps=3", "cutouts.overview=1", "cutouts.inner=1"]
WORDS += ["sampler.recurrence=1", "output=[still,metrics]", "checkpoint=0"]


@pytest.fixture(autouse=True)
def threads():
    with threads_restored():
        yield


@pytest.fixture
def drawer(tmp_path) -> Drawer:
    drawer = Drawer(tmp_path, lambda kind, **data: None, base_of(tmp_path))
    drawer.queue.make()
    return drawer


def base_of(root: Path):
    return parse_all([f"folder={root}", "checkpoint=0"])


@pytest.fixture(scope="module")
def four(tmp_path_factory) -> dict[str, bytes]:
    """What the command line draws."""
    root = tmp_path_factory.mktemp("four")
    with threads_restored():
        return pictures(draw([*WORDS, "count=4", f"folder={root}"]))


def pictures(folder: Path) -> dict[str, bytes]:
    """The pixels of a run's pictures; their files name the folder of the run."""
    from PIL import Image

    return {path.name: Image.open(path).tobytes() for path in folder.glob("image_*.png")}


def folder_of(drawer: Drawer, name: str) -> Path:
    return drawer.root / str(drawer.queue.read(name).folder)


def test_the_same_pictures_as_from_the_command_line(drawer, four):
    drawer.queue.add(Entry("a", {**INPUT, "count": 4}, count=4))
    assert drawer.draw_next()
    assert drawer.queue.read("a").state == SUCCEEDED
    assert pictures(folder_of(drawer, "a")) == four
    assert not drawer.draw_next()


def test_stopped_after_any_step_it_goes_on_to_the_same_pictures(drawer, four):
    drawer.queue.add(Entry("a", {**INPUT, "count": 2}, count=2))
    steps = []

    def emit(kind, **data):
        if kind == "progress":
            steps.append(data["step"])
            drawer.queue.cancel("a")

    drawer.emit = emit
    for life in range(10):
        drawer.draw_next()
        if drawer.queue.read("a").state == SUCCEEDED:
            break
        assert drawer.queue.read("a").state == CANCELED and len(steps) <= life + 1
        drawer.queue.resume("a")
    assert len(steps) == 6  # no step was taken twice
    found = pictures(folder_of(drawer, "a"))
    assert found == {name: four[name] for name in ("image_0000.png", "image_0001.png")}


def test_a_failure_does_not_stop_the_rest(drawer):
    drawer.queue.add(Entry("a", {**INPUT, "init": "upload:gone"}))
    drawer.queue.add(Entry("b", {**INPUT, "folder": "/tmp"}))  # as if somebody had written it
    drawer.queue.add(Entry("c", INPUT))
    while drawer.draw_next():
        pass
    states = {entry.id: (entry.state, entry.error) for entry in drawer.queue.all()}
    assert states["a"] == (FAILED, states["a"][1]) and "no such picture" in states["a"][1]
    assert "folder is not a setting of a prediction" in states["b"][1]
    assert states["c"] == (SUCCEEDED, None)


def test_models_stay_loaded_for_the_next(drawer):
    for name in ("a", "b"):
        drawer.queue.add(Entry(name, INPUT))
    drawer.draw_next()
    loaded = {name: id(model) for name, (_, model) in drawer.loaded.models.items()}
    drawer.draw_next()
    again = {name: id(model) for name, (_, model) in drawer.loaded.models.items()}
    assert loaded == again and len(loaded) >= 3


def test_what_was_drawn_is_measured(drawer):
    drawer.queue.add(Entry("a", INPUT))
    drawer.draw_next()
    (kind,) = Measurements.read(drawer.root).kinds.values()
    assert kind.seconds > 0 and kind.memory > 10 << 20


def test_a_paused_queue_draws_nothing(drawer):
    drawer.queue.add(Entry("a", INPUT))
    drawer.queue.pause(True)
    assert not drawer.draw_next() and drawer.queue.read("a").state == OPEN


def test_warnings_are_kept_in_its_log(drawer):
    drawer.queue.add(Entry("a", INPUT))
    drawer.at = "a"
    drawer.note("WARNING: steps=3 is too few")
    assert drawer.queue.read("a").logs == ["WARNING: steps=3 is too few"]


def test_a_run_that_was_removed_is_told(drawer):
    import shutil

    drawer.queue.add(Entry("a", INPUT))
    drawer.draw_next()
    shutil.rmtree(folder_of(drawer, "a"))
    drawer.queue.change("a", lambda entry: setattr(entry, "state", OPEN))
    drawer.draw_next()
    entry = drawer.queue.read("a")
    assert entry.state == FAILED and "manifest" in entry.error


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_nothing_is_drawn_in_a_folder_that_is_a_link(drawer, tmp_path):
    outside = make_run(tmp_path / "outside")
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    (drawer.root / "2026-11-29").symlink_to(outside.parent)
    folder = outside.relative_to(tmp_path / "outside").as_posix()
    drawer.queue.add(Entry("a", INPUT, folder=folder, retry=True))
    assert drawer.draw_next()
    ended = drawer.queue.read("a")
    assert ended.state == FAILED and "over a link" in ended.error
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before


def test_the_command_line_resumes_what_the_studio_began(drawer, four):
    from guided.batch.run import resume

    drawer.queue.add(Entry("a", {**INPUT, "count": 2}, count=2))
    drawer.emit = lambda kind, **data: kind == "progress" and drawer.queue.cancel("a")
    drawer.draw_next()
    folder = resume([f"resume={folder_of(drawer, 'a')}"])
    assert pictures(folder) == {k: four[k] for k in ("image_0000.png", "image_0001.png")}
    assert Manifest.read(folder).count("done") == 2


def test_previews_of_the_newest_are_kept(tmp_path):
    import os

    for k in range(25):
        (tmp_path / f"p{k}").mkdir()
        os.utime(tmp_path / f"p{k}", (k, k))
    forget_previews(tmp_path, "p0")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"p0", *(f"p{k}" for k in range(6, 25))}
