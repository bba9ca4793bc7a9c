"""The text of --help and the choices of each group, with those in folders of one's own."""

import subprocess
import sys
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from guided.config import choices, schema
from guided.paths import conf_folder

GROUPS = sorted(path.name for path in conf_folder().iterdir() if path.is_dir())


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Presets of one's own: a look with a new name, and one with a name that is there already."""
    (tmp_path / "look").mkdir()
    for name in ("dusk", "watercolour"):
        (tmp_path / "look" / f"{name}.yaml").write_text("# @package _global_\nsteps: 3\n")
    (tmp_path / "look" / "notes.txt").write_text("no preset")
    return tmp_path


def part(text: str, group: str) -> list[str]:
    """Return the choices that the text lists for a group."""
    _, _, after = text.partition(f"\n  {group}: ")
    lines = after.splitlines()[1:]
    listed = []
    for line in lines:
        if not line.startswith("    "):
            break
        listed.append(line.strip())
    return " ".join(listed).split(", ")


def test_help_lists_every_file_of_every_group_once() -> None:
    text = choices.text([])
    for group in set(GROUPS) - {"local"}:
        files = sorted(path.stem for path in (conf_folder() / group).glob("*.yaml"))
        assert part(text, group) == files == choices.names(group)


def test_help_lists_every_setting_that_is_no_group_with_its_default() -> None:
    """A setting that is no group has a line of its own, a group has its choices."""
    lines = choices.settings().splitlines()[1:]
    expected = [f for f in fields(schema.Config) if f.name not in GROUPS]
    assert [line.split()[0] for line in lines] == [f.name for f in expected]
    for line, setting in zip(lines, expected, strict=True):
        default = None if setting.default is MISSING else setting.default
        assert line.endswith(f"({default})")
        assert schema.settings()[setting.name].help in line


@pytest.mark.parametrize("flags", [["--config-dir", "{}"], ["-cd", "{}"], ["--config-dir={}"]])
def test_presets_of_ones_own_are_choices_too(mine: Path, flags: list[str]) -> None:
    flags = [flag.format(mine) for flag in flags]
    shipped, found = choices.names("look"), choices.names("look", flags)
    assert found == sorted([*shipped, "dusk"])  # watercolour once, and no notes
    assert part(choices.text(flags), "look") == found
    assert choices.folders("look", flags) == [conf_folder() / "look", mine / "look"]
    assert choices.names("sampler", flags) == choices.names("sampler")


def test_another_flags_value_is_no_folder_of_presets(mine: Path) -> None:
    assert choices.names("look", ["--cfg", str(mine)]) == choices.names("look")
    assert choices.names("look", ["--config-dir"]) == choices.names("look")


@pytest.mark.parametrize("name", ["seed", "nothing", "a\0b", "a" * 300, "config.yaml"])
def test_what_is_no_group_has_no_choices(name: str) -> None:
    assert choices.names(name) == []
    assert choices.folders(name) == []


def test_lines_fit_a_terminal() -> None:
    assert all(len(line) <= 96 for line in choices.choices([]).splitlines())


def test_help_needs_no_torch() -> None:
    """It takes seconds to import."""
    code = (
        "import sys; from guided.config import choices; choices.text([]);"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("group", ["look", "sampler"])
def test_a_preset_of_another_suffix_is_named(tmp_path: Path, group: str) -> None:
    (tmp_path / group).mkdir()
    (tmp_path / group / "own.yml").write_text("# @package _global_\nsteps: 3\n")
    hint = choices.in_other_folders(group, "own", ["--config-dir", str(tmp_path)])
    assert (
        hint == f"; {tmp_path / group / 'own.yml'} is not read: the names of presets end in .yaml"
    )
    assert choices.in_other_folders(group, "other", ["--config-dir", str(tmp_path)]) == ""
