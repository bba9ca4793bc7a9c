"""Changes beside a manifest: whole lines, in order, in a plain file."""

import pytest

from guided.runs import changes

MOST = 1000


@pytest.fixture
def folder(tmp_path):
    changes.path_in(tmp_path).parent.mkdir()
    return tmp_path


def test_entries_come_back_in_order_until_they_are_removed(folder):
    assert changes.read(folder, MOST) == []
    changes.append(folder, ['{"number": 1}'])
    changes.append(folder, ['{"number": 2}', '{"prompt": "猫"}'])
    assert changes.read(folder, MOST) == [{"number": 1}, {"number": 2}, {"prompt": "猫"}]
    changes.remove(folder)
    changes.remove(folder)
    assert changes.read(folder, MOST) == []


def test_a_line_that_was_not_finished_is_no_entry_and_is_replaced(folder):
    changes.append(folder, ['{"number": 1}'])
    with changes.path_in(folder).open("a") as file:
        file.write('{"number"')
    assert changes.read(folder, MOST) == [{"number": 1}]
    changes.append(folder, ['{"number": 2}'])
    assert changes.read(folder, MOST) == [{"number": 1}, {"number": 2}]


def test_texts_that_no_file_can_hold_are_written_as_in_a_manifest(folder):
    changes.append(folder, ['{"prompt": "\ud800"}'])
    assert changes.read(folder, MOST) == [{"prompt": "?"}]


def test_links_and_files_that_are_too_large_are_refused(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept\n")
    changes.path_in(folder).symlink_to(elsewhere)
    with pytest.raises(OSError, match="link"):
        changes.read(folder, MOST)
    with pytest.raises(OSError, match="link"):
        changes.append(folder, ["{}"])
    assert elsewhere.read_text() == "kept\n"
    changes.remove(folder)
    changes.append(folder, ['"' + "a" * MOST + '"'])
    with pytest.raises(OSError, match="larger"):
        changes.read(folder, MOST)
