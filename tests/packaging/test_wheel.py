"""The wheel: everything in git under guided/ and conf/ and nothing else, and a program that works
where only the wheel is."""

import os
import subprocess
import sys
import zipfile
from email.parser import BytesParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MOST_BYTES = 50_000_000
pytest.importorskip("hatchling", reason="the wheel is built with hatchling")
INFO = "guided-{version}.dist-info/"


def tracked(*folders: str) -> set[str]:
    """Return the files under these folders that git tracks."""
    command = ["git", "ls-files", "-z", "--", *folders]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a clone of the repository")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Build the wheel, without network and without a build environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory) -> Path:
    """Unpack the wheel as an installer does."""
    folder = tmp_path_factory.mktemp("installed")
    wheel.extractall(folder)
    return folder


def run(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python with the unpacked wheel before everything else."""
    environment = os.environ | {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def test_the_wheel_has_what_git_has_and_nothing_else(wheel):
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    expected = {name for name in tracked("guided")} | {
        f"guided/{name}" for name in tracked("conf")
    }
    assert expected - inside == set()  # a new folder of conf/ has to stand in pyproject.toml
    assert inside - expected == set()


def test_the_wheel_is_not_large(wheel):
    assert Path(str(wheel.filename)).stat().st_size < MOST_BYTES


def test_the_models_that_are_included_take_less_than_50_mb(wheel):
    folder = "guided/models/embedded/"
    sizes = {i.filename: i.file_size for i in wheel.infolist() if i.filename.startswith(folder)}
    assert {f"{folder}{name}.safetensors" for name in ("diffusion", "autoencoder")} <= {*sizes}
    assert sum(sizes.values()) < MOST_BYTES


def test_the_licences_and_the_command_are_in_the_wheel(wheel):
    from guided.version import __version__

    info = INFO.format(version=__version__)
    assert {f"{info}licenses/LICENSE", f"{info}licenses/ATTRIBUTION.md"} <= {*wheel.namelist()}
    assert b"guided = guided.__main__:main" in wheel.read(f"{info}entry_points.txt")
    metadata = BytesParser().parsebytes(wheel.read(f"{info}METADATA"))
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_installed_program_draws_into_outputs_of_the_current_folder(site, tmp_path):
    done = run(site, tmp_path, "-m", "guided", "a red heart", "steps=3")
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("outputs/*/image_0000.png"))) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"outputs"}


def test_the_installed_package_draws_from_python(site, tmp_path):
    code = (
        "import guided; print(guided.__file__); "
        "print(guided.generate('a red heart', steps=2, seed=7)[0].size)"
    )
    done = run(site, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout
    assert "(512, 512)" in done.stdout


def test_the_help_of_the_installed_program_names_its_command(site, tmp_path):
    done = run(site, tmp_path, "-m", "guided", "--help")
    assert done.returncode == 0, done.stderr
    assert 'guided prompt="a red heart"' in done.stdout
    assert "run.py" not in done.stdout
    assert "hokusai" in done.stdout  # conf/ is read


def test_processes_of_several_devices_draw_from_the_installed_package(site, tmp_path):
    words = ["a star", "count=2", "steps=2", "device=[cpu,cpu]"]
    done = run(site, tmp_path, "-m", "guided", *words)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("outputs/*/image_*.png"))) == 2
