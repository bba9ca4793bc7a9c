"""A run's folder has plain files and folders in it, and nothing that leads to others."""

import os
import socket
from pathlib import Path

import pytest

from guided.errors import BadInput
from guided.untrusted.run_folder import check_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")


def test_plain_files_and_folders_are_let_stand(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").touch()
    check_folder(tmp_path)


def listening(path: Path) -> None:
    place = os.getcwd()
    os.chdir(path.parent)  # the path of a socket may not be long
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(place)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.symlink_to("/"), "link"),
        (lambda path: path.symlink_to("nowhere"), "link"),
        (os.mkfifo, "named pipe"),
        (listening, "socket"),
    ],
)
@pytest.mark.parametrize("where", [".", ".work", "steps/deep"])
def test_anything_else_is_named(tmp_path, make, kind, where):
    (tmp_path / where).mkdir(parents=True, exist_ok=True)
    make(tmp_path / where / "odd")
    with pytest.raises(BadInput, match=kind) as caught:
        check_folder(tmp_path)
    assert str(tmp_path / where / "odd") in str(caught.value)


def test_links_of_a_launchers_own_files_are_let_stand_there_and_no_others(tmp_path):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "a").touch()
    (tmp_path / "jobs" / "link").symlink_to(tmp_path / "jobs" / "a")
    check_folder(tmp_path, "jobs")
    with pytest.raises(BadInput, match="link"):
        check_folder(tmp_path)
    (tmp_path / "mine").touch()
    (tmp_path / "jobs" / "out").symlink_to(tmp_path / "mine")
    with pytest.raises(BadInput, match="out"):
        check_folder(tmp_path, "jobs")
    (tmp_path / "jobs" / "out").unlink()
    (tmp_path / "out").symlink_to(tmp_path / "jobs" / "a")
    with pytest.raises(BadInput, match="out"):
        check_folder(tmp_path, "jobs")
