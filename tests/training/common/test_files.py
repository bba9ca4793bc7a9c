"""Files that are replaced as a whole."""

from pathlib import Path

import pytest

from guided.training.common.files import replacing


def test_readers_see_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file.txt"
    with replacing(path) as draft:
        draft.write_text("old")
    with replacing(path) as draft:
        draft.write_text("new")
        assert path.read_text() == "old" and draft.suffix == path.suffix
    assert path.read_text() == "new" and list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), replacing(path) as draft:
        draft.write_text("ne")
        raise OSError("disk full")
    assert path.read_text() == "old"
