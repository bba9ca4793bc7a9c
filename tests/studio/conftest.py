"""A studio without workers, its API through Starlette's client, and one drawn picture."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette")

from starlette.testclient import TestClient

from guided.config.overrides import parse_all
from guided.runs.layout import image_name
from guided.runs.manifest import DONE, Manifest, Picture, Row
from guided.studio import library
from guided.studio.app import create
from guided.studio.checking import Checker
from guided.studio.studio import Studio

ROOT = Path(__file__).parents[2]
HEART = ROOT / "tests" / "fixtures" / "v0.1" / "heart.png"
TOKEN = "token-of-the-tests"
LOCAL = {"token": TOKEN, "hosts": frozenset({"127.0.0.1"}), "port": 8188, "local": True}


def make_run(
    root: Path,
    name: str = "2026-11-29/120000-a-red-heart",
    count: int = 1,
    prompt: str = "a heart",
) -> Path:
    """A run of finished pictures, as if it had been drawn."""
    folder = root / name
    folder.mkdir(parents=True)
    pictures = []
    for k in range(count):
        shutil.copy(HEART, folder / image_name(k, ".png"))
        pictures.append(
            Picture(k, 0, 7 + k, prompt, DONE, image_name(k, ".png"), 0.3 - k / 100, 1.5, group=k)
        )
        pictures[-1].model = "embedded"
    row = Row(
        [f"prompt={prompt}"], {"prompt": prompt}, presets={"artist": ["hokusai"], "look": []}
    )
    Manifest(prompt, {"words": [], "flags": [], "settings": None}, [row], pictures).write(folder)
    return folder


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setattr(library, "FRESH", 0.0)
    base = parse_all([f"folder={tmp_path}", "threads=1"])
    made = Studio(tmp_path, base, checker_of=lambda flags: Checker(base, flags))
    made.queue.make()
    return made


@pytest.fixture
def client(studio: Studio) -> Iterator[TestClient]:
    """The API, as a page of the studio itself uses it."""
    headers = {"x-studio-token": TOKEN, "content-type": "application/json"}
    app = create(studio, LOCAL)
    with TestClient(app, base_url="http://127.0.0.1:8188", headers=headers) as client:
        yield client
