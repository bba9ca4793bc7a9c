"""Plain files alone are read, up to a limit; no reader waits for a pipe or fills the memory."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from guided.batch import prompt_files
from guided.config import catalog, replay_reading
from guided.config.overrides import parse
from guided.disco import reading
from guided.errors import BadInput
from guided.gallery import pages
from guided.images import check_picture
from guided.models.cards import model_type
from guided.models.weights_file import damage
from guided.prompts import wildcards
from guided.runs.manifest import Manifest
from guided.untrusted.regular_files import NotText, decoded, read_bytes

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """A reader that waits for ever fails the test."""

    def give_up(number: int, frame: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


ODD = pytest.mark.parametrize("make", [pipe, endless])


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    (tmp_path / "link").symlink_to(path)
    assert read_bytes(path, 100) == read_bytes(tmp_path / "link", 100) == b"x" * 100
    with pytest.raises(OSError, match="larger"):
        read_bytes(path, 99)
    with pytest.raises(OSError, match="link"):
        read_bytes(tmp_path / "link", 100, follow=False)
    with pytest.raises(OSError):
        read_bytes(tmp_path, 100)


@ODD
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("p.txt", lambda path: prompt_files.read(str(path))),
        ("p.csv", lambda path: prompt_files.read(str(path))),
        ("p.yaml", lambda path: prompt_files.read(str(path))),
        ("settings.txt", reading.read),
        ("manifest.json", lambda path: Manifest.read(path.parent)),
        ("run.yaml", lambda path: replay_reading.read_settings(path, "from=x")),
        ("run.yaml", lambda path: replay_reading.read_settings(path.parent, "from=x")),
        ("picture.png", lambda path: replay_reading.read_settings(path, "from=x")),
        ("model.pt", lambda path: catalog.spelt_out([parse(f"model={path}")], [])),
        ("model.safetensors", lambda path: catalog.spelt_out([parse(f"model={path}")], [])),
        ("card.yaml", lambda path: catalog.spelt_out([parse(f"model={path}")], [])),
        ("card.yaml", lambda path: catalog.spelt_out([parse(f"clip=[{path}]")], [])),
        ("words.txt", wildcards.read_list),
    ],
)
def test_a_pipe_or_device_is_refused_in_one_line(tmp_path, make, name, read):
    make(tmp_path / name)
    with pytest.raises(BadInput) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value) or "from=x" in str(caught.value)


@ODD
def test_a_clip_folder_whose_settings_are_no_file_is_none(tmp_path, make):
    make(tmp_path / "config.json")
    assert model_type(tmp_path) == ""


@ODD
def test_weights_that_are_no_file_are_damaged(tmp_path, make):
    make(tmp_path / "model.pt")
    assert damage(tmp_path / "model.pt") is not None


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux has it")
def test_the_memory_of_a_process_is_no_picture():
    with pytest.raises(BadInput) as caught:
        replay_reading.read_settings(Path("/proc/self/mem"), "from=/proc/self/mem")
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match=r"cannot be read as a picture: Input/output error$"):
        check_picture("init", "/proc/self/mem")


@ODD
@pytest.mark.parametrize(
    "name",
    [
        *("gallery-data.js", "thumbs/.lock", "thumbs/0000.js", "strips/0000.png", "index.html"),
        *("metrics.jsonl", "manifest.json", "steps/0000_0001.png", "image_0001.png"),
    ],
)
def test_the_gallery_of_a_folder_with_pipes_and_devices_ends(tmp_path, make, name):
    folder = tmp_path / "142233-a"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "image_0000.png")
    (folder / name).parent.mkdir(exist_ok=True)
    make(folder / name)
    pages.rebuild(folder)
    pages.update(folder, now=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_may_have_a_byte_order_mark(encoding):
    assert decoded("é 猫\n".encode(encoding)) == "é 猫\n"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16-be", "utf-32"])
def test_bytes_that_are_no_text_are_refused(encoding):
    with pytest.raises(NotText, match=r"^line \d is not UTF-8; save the file as UTF-8$") as caught:
        decoded("a\né".encode(encoding))
    assert caught.value.line == (1 if encoding == "utf-32" else 2)
