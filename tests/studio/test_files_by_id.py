"""Pictures by their ids."""

import os

import pytest

from guided.errors import BadInput
from guided.studio import files_by_id
from guided.studio.places import uploads_folder
from tests.studio.conftest import make_run

RUN = "2026-11-29/120000-a-red-heart"


def test_a_picture_is_found_by_its_id(tmp_path):
    folder = make_run(tmp_path)
    name = files_by_id.picture_id(RUN, 0)
    found = files_by_id.find(tmp_path, f"picture:{name}", {name: (RUN, 0)})
    assert found == folder / "image_0000.png"


def test_an_id_that_does_not_belong_to_its_picture_is_refused(tmp_path):
    make_run(tmp_path)
    with pytest.raises(BadInput, match="no such picture"):
        files_by_id.find(tmp_path, "picture:abc", {"abc": (RUN, 0)})


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "upload:../../x", "picture:", "upload:a.png", "file:a", "upload:a/b"]
)
def test_paths_are_no_ids(tmp_path, value):
    with pytest.raises(BadInput):
        files_by_id.find(tmp_path, value, {})


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_links_are_not_followed(tmp_path):
    folder = make_run(tmp_path)
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "image_0001.png").symlink_to(tmp_path / "secret.png")
    assert files_by_id.picture_file(tmp_path, RUN, 1) is None
    uploads_folder(tmp_path).mkdir(parents=True)
    (uploads_folder(tmp_path) / "a.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(BadInput):
        files_by_id.find(tmp_path, "upload:a", {})


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_folders_that_are_links_are_not_followed(tmp_path):
    outside = make_run(tmp_path / "outside")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "2026-11-29").symlink_to(outside.parent)
    assert files_by_id.picture_file(tmp_path / "runs", RUN, 0) is None


def test_pictures_beyond_the_best_are_found_too(tmp_path):
    folder = make_run(tmp_path)
    (folder / "others").mkdir()
    (folder / "image_0000.png").rename(folder / "others" / "image_0000.png")
    assert files_by_id.picture_file(tmp_path, RUN, 0) == folder / "others" / "image_0000.png"
