"""Paths that no file can have are told by the setting's name."""

import pytest

from guided.errors import BadInput
from guided.untrusted.typed_paths import expand


@pytest.mark.parametrize(
    "path", ["~nosuchuser/x", "a" * 300, "b/" + "猫" * 100, "a\0b", "a/" * 3000]
)
def test_an_impossible_path_names_its_setting(path):
    with pytest.raises(BadInput, match=r"^init=") as caught:
        expand("init", path)
    assert len(str(caught.value)) < 250


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("init", "~/x") == tmp_path / "x"
    assert str(expand("init", "a/b")) == "a/b"
