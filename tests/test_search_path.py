"""Modules in the current folder, or beside run.py, stand in for nobody's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from guided import search_path
from guided.batch import multi_device
from guided.runs.manifest import DONE, Manifest, Picture, Row

ROOT = Path(__file__).parent.parent
# Modules that are not loaded yet when run.py, a child or a launcher's worker begins.
NAMES = (
    *("torch", "yaml", "omegaconf", "hydra", "filelock", "PIL", "numpy", "typing", "logging"),
    *("joblib", "submitit", "cloudpickle", "sitecustomize", "usercustomize", "tqdm"),
)


def shadows(folder: Path, package: bool = True) -> Path:
    """Write modules that leave a mark when they are imported; the folder of the marks."""
    marks = folder / "marks"
    marks.mkdir()
    mark = f"open({str(marks)!r} + '/' + __name__, 'w')\n"
    for name in NAMES:
        (folder / f"{name}.py").write_text(mark)
    places = ["hydra_plugins/mine"]
    if package:
        places += ["guided", "guided/batch"]
        (folder / "guided/batch").mkdir(parents=True)
        (folder / "guided/batch/device_process.py").write_text(mark)
    for place in places:
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "__init__.py").write_text(mark)
    return marks


def finished(folder: Path) -> Path:
    """A run in which nothing is left to draw."""
    folder.mkdir()
    base = {"words": ["prompt=a sun", "steps=20"], "flags": [], "cwd": str(folder)}
    (folder / "image_0000.png").touch()
    picture = Picture(0, 0, 1, state=DONE, file="image_0000.png")
    Manifest("a sun", base, [Row()], [picture]).write(folder)
    return folder


def clean() -> dict[str, str]:
    """The environment without what says where modules are."""
    out = ("PYTHONPATH", "PYTHONSAFEPATH")
    return {name: value for name, value in os.environ.items() if name not in out}


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The current folder, with somebody's modules in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_processes_of_several_devices_import_nothing_from_the_current_folder(
    here, tmp_path, monkeypatch
):
    marks = shadows(here)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    folder = finished(tmp_path / "run")
    multi_device.work(folder, ["cpu", "cpu"])
    assert os.listdir(marks) == []
    assert list(folder.glob(".work")) == []  # they were there, and left


@pytest.mark.parametrize("path", ["", "{here}", ":{here}"])
def test_run_py_imports_nothing_from_the_current_folder(here, path):
    marks = shadows(here)
    environment = clean() | {"PYTHONPATH": path.format(here=here)}
    for name in ("sitecustomize", "usercustomize", "typing", "logging"):
        (here / f"{name}.py").unlink()  # with such a path, Python's own start asks for them
    run = [sys.executable, str(ROOT / "run.py"), "prompt=a sun", "--cfg", "job"]
    done = subprocess.run(run, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "a sun" in done.stdout
    assert os.listdir(marks) == []


@pytest.mark.parametrize("flags", [[], ["-P"]])
def test_run_py_imports_nothing_from_beside_it(tmp_path, flags):
    beside = tmp_path / "beside"
    beside.mkdir()
    marks = shadows(beside, package=False)
    (beside / "run.py").write_text((ROOT / "run.py").read_text())
    for name in ("guided", "conf"):
        (beside / name).symlink_to(ROOT / name)
    words = ["prompt=a sun", "--cfg", "job"]
    run = [sys.executable, *flags, str(beside / "run.py"), *words]
    done = subprocess.run(run, env=clean(), cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert os.listdir(marks) == []


LAUNCHERS = {"joblib": "hydra_joblib_launcher", "submitit_local": "hydra_submitit_launcher"}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_workers_of_launchers_import_nothing_from_the_current_folder(here, tmp_path, launcher):
    pytest.importorskip(f"hydra_plugins.{LAUNCHERS[launcher]}")
    marks = shadows(here)
    folder = finished(tmp_path / "run")
    words = [f"resume={folder}", f"hydra/launcher={launcher}", "workers=2"]
    run = [sys.executable, str(ROOT / "run.py"), *words]
    done = subprocess.run(run, env=clean(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert os.listdir(marks) == []


def test_the_package_is_found_without_its_folder_in_the_path(here):
    program = search_path.command([str(here / "nowhere"), "cpu"])
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(program, env=clean(), text=True, **pipes) as child:
        assert "nowhere" in child.stderr.readline()
        assert child.wait(60) == 2  # before its standard input ends, which would interrupt it


@pytest.mark.parametrize("installed", [False, True])
def test_only_an_installed_copy_keeps_its_folder_in_the_path(
    here, tmp_path, monkeypatch, installed
):
    places = {name: tmp_path / name for name in ("root", "library")}
    monkeypatch.setattr(search_path, "ROOT", str(places["root"]))
    monkeypatch.setattr(search_path, "INSTALLED", installed)
    before = ["", str(here), *map(str, places.values())]
    monkeypatch.setattr(sys, "path", list(before))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(before))
    search_path.restrict()
    kept = [str(places["library"])]
    assert sys.path == ([str(places["root"])] if installed else []) + kept
    assert search_path.paths_of_environment() == sys.path


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [(["--version"], 0, ""), (["prompt=x"], 2, "current folder has been removed")],
)
def test_a_current_folder_that_was_removed_is_one_line(tmp_path, words, code, told):
    gone = tmp_path / "gone"
    gone.mkdir()
    line = ["sh", "-c", 'rmdir ../gone; exec "$@"', "sh", sys.executable, str(ROOT / "run.py")]
    done = subprocess.run([*line, *words], cwd=gone, env=clean(), capture_output=True, text=True)
    assert done.returncode == code
    assert told in done.stderr and done.stderr.count("\n") == bool(told)
