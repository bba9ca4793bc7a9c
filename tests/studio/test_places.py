"""Names of the studio's files."""

from pathlib import Path

import pytest

from guided.studio import places


@pytest.mark.parametrize("name", ["a", "k3v9x0q2m1ab", "A-b_9", "x" * 64])
def test_ids_are_letters_digits_hyphens_and_underscores(name):
    assert places.ID.fullmatch(name)


@pytest.mark.parametrize("name", ["", "..", "a/b", "a.json", "x" * 65, "é", "a\n", "a b", "\\"])
def test_what_may_be_a_path_is_no_id(name):
    assert not places.ID.fullmatch(name)


def test_new_ids_are_ids_and_differ():
    names = {places.new_id() for _ in range(100)}
    assert len(names) == 100 and all(places.ID.fullmatch(name) for name in names)


def test_all_files_lie_in_one_hidden_folder():
    root = Path("runs")
    for folder in (
        places.queue_folder(root),
        places.previews_folder(root, "a"),
        places.uploads_folder(root),
        places.presets_folder(root),
        places.trash_folder(root),
    ):
        assert folder.is_relative_to(root / ".studio")


def test_previews_and_views_of_a_step_have_different_names():
    assert places.preview_name(0, 3) != places.preview_name(0, 3, views=True)


@pytest.mark.parametrize("folder", ["", ".", "..", "a/../..", "/a", "a\\b", "C:a", "a\0", None, 1])
def test_paths_that_may_lead_out_of_a_folder(tmp_path, folder):
    assert not places.is_inside(folder)
    assert places.plain_folder(tmp_path, folder) is None


def test_folders_inside_are_plain_whether_they_are_there_or_not(tmp_path):
    (tmp_path / "day").mkdir()
    assert places.plain_folder(tmp_path, "day") == tmp_path / "day"
    assert places.plain_folder(tmp_path, "day/run") == tmp_path / "day/run"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("init=/home/me/runs/a.png is no picture", "init=upload:a is no picture"),
        (
            "regions has {'mask': '/home/me/ru...: a box",
            "regions has {'mask': 'upload:a...: a box",
        ),
        ("/home/me/runs is full, /home/you is not", "runs is full, /home/you is not"),
        ("1/2 of /... and /h", "1/2 of /... and /h"),
    ],
)
def test_the_web_is_told_names_and_no_paths(text, told):
    names = {"/home/me/runs": "runs", "/home/me/runs/a.png": "upload:a"}
    assert places.without_paths(text, names) == told
