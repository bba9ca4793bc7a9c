"""OmegaConf's YAML by libyaml: the same values as by its own loader."""

from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from guided.compat.omegaconf import quick_loader, quick_yaml
from guided.paths import conf_folder

TEXT = """
numbers: [1e-3, 1., .5, -1_000, 0x1F, 010, 1:30, .inf]
words: [yes, null, ~, 2024-01-01, "1e-3", 猫]
nested: {a: "${numbers.0}", 1: b, true: c}
block: >-
  two
  lines
shared: &shared {x: 1}
merged: {<<: *shared, y: 2}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "settings.yaml").write_text(TEXT, encoding="utf-8")
    return tmp_path / "settings.yaml"


def as_text(path: Path) -> str:
    """Return the values and their types."""
    return repr(OmegaConf.to_container(OmegaConf.load(path)))


def test_values_and_their_types_are_the_same(file: Path) -> None:
    expected = as_text(file)
    with quick_yaml():
        assert as_text(file) == expected


def test_all_files_of_conf_are_read_alike() -> None:
    paths = sorted(conf_folder().glob("*/*.yaml"))[::7]
    expected = [as_text(path) for path in paths]
    with quick_yaml():
        assert [as_text(path) for path in paths] == expected


def test_a_key_that_stands_twice_is_refused(file: Path) -> None:
    file.write_text("a: 1\na: 2\n")
    with quick_yaml(), pytest.raises(yaml.constructor.ConstructorError, match="duplicate key a"):
        OmegaConf.load(file)


def test_a_python_without_libyaml_reads_as_before(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = as_text(file)
    monkeypatch.delattr(yaml, "cyaml", raising=False)
    with quick_yaml():
        assert as_text(file) == expected
        assert quick_loader(yaml.SafeLoader) is yaml.SafeLoader
