"""The package's folders exist, in a repository and in an installed copy."""

from pathlib import Path

import pytest

from guided import paths


def test_the_folders_hold_what_they_are_for() -> None:
    assert (paths.conf_folder() / "config.yaml").is_file()
    assert list(paths.EMBEDDED.rglob("*.safetensors"))


def test_an_installed_package_has_its_configuration_inside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "PACKAGE", tmp_path / "guided")
    assert paths.conf_folder() == tmp_path / "conf"
    (tmp_path / "guided" / "conf").mkdir(parents=True)
    assert paths.conf_folder() == tmp_path / "guided" / "conf"
