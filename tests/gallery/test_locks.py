"""One writer at a time, and none through a link."""

import pytest

from guided.gallery.locks import lock


def test_a_link_is_refused_and_what_it_leads_to_stays(tmp_path):
    mine = tmp_path / "mine"
    mine.write_text("my text")
    (tmp_path / ".lock").symlink_to(mine)
    with pytest.raises(OSError, match="is a link"):
        lock(tmp_path / ".lock", 0)
    assert mine.read_text() == "my text"
