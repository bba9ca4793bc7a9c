"""Fetching pinned packages."""

from pathlib import Path

import pytest

from guided.errors import BadInput
from guided.training.data import packages


def test_a_changed_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thing-1.0.tgz").write_bytes(b"other bytes")
    with pytest.raises(BadInput, match="sha256"):
        packages.fetch({"package": "thing", "version": "1.0", "sha256": "0" * 64}, tmp_path)


def test_a_package_that_npm_refuses_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no such version' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BadInput, match=r"thing@1\.0: no such version"):
        packages.download("thing@1.0", tmp_path / "packages")


def test_npm_that_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="npm is not here"):
        packages.download("thing@1.0", tmp_path)
