"""The package finds its configuration, and names the command that runs it, in both layouts."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

from guided import paths


def loaded(package: Path) -> ModuleType:
    """Load a copy of paths.py that lies in another package."""
    package.mkdir(parents=True, exist_ok=True)
    file = shutil.copy(paths.__file__, package)
    spec = importlib.util.spec_from_file_location("other_paths", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_in_a_checkout_conf_lies_beside_the_package(tmp_path):
    module = loaded(tmp_path / "guided")
    assert module.conf_folder() == tmp_path / "conf"
    assert module.program() == "python run.py"


def test_in_an_installed_copy_conf_lies_inside_the_package(tmp_path):
    (tmp_path / "guided" / "conf").mkdir(parents=True)
    module = loaded(tmp_path / "guided")
    assert module.conf_folder() == tmp_path / "guided" / "conf"
    assert module.program() == "guided"


def test_what_the_paths_name_is_there():
    assert (paths.conf_folder() / "config.yaml").is_file()
    assert (paths.EMBEDDED / "diffusion.safetensors").is_file()


def test_the_command_that_was_typed_is_the_one_that_messages_name(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/venv/bin/guided", "promt=x"])
    assert loaded(tmp_path / "guided").program() == "guided"
