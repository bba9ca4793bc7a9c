"""The page with the real server: from a prompt to a picture, across a kill of the server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra studio is not installed")
pytest.importorskip("uvicorn", reason="the extra studio is not installed")
pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

from tests.gallery.conftest import chromium as chromium
from tests.studio.test_browser import Page

ROOT = Path(__file__).parents[2]


class Program:
    """run.py studio=PORT in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}/"
        self.start()

    def start(self) -> None:
        words = [f"studio={self.port}", "device=cpu", "threads=1"]
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), *words],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        assert self.address in self.process.stdout.readline()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    end = kill


@pytest.fixture
def program(tmp_path):
    program = Program(tmp_path)
    yield program
    program.kill()


def test_a_picture_is_drawn_although_the_server_is_killed(chromium, program):
    page = Page(chromium, studio=None, server=program)
    page.one("#prompt").send_keys("a red heart")
    page.click("#adjust")
    page.type("[data-key=steps]", "12")
    page.click("[data-key=seed-locked]")
    page.wait(lambda: page.value("[data-key=seed]"))
    seed = page.value("[data-key=seed]")
    page.click("#draw")
    page.told("#queue .told", "step ")
    page.wait(lambda: page.script("document.querySelector('.preview img').naturalWidth"))
    program.kill()
    page.wait(lambda: page.shows("#offline"))
    program.start()
    page.wait(lambda: not page.shows("#offline"))
    page.wait(page.wall)
    (id,) = page.wall()
    page.open_picture(id)
    for text in ("a red heart", seed):
        page.told("#lightbox", text)
    assert page.loaded(".stage img") == 512
    page.wait(lambda: page.all("#lightbox .scrub"))
    program.process.send_signal(signal.SIGINT)  # with an open page, whose stream ends then
    assert program.process.wait(60) == 130
    assert "ERROR" not in program.process.stderr.read()
    assert len(list(program.folder.glob("outputs/*/*/image_*.png"))) == 1
