"""Toy data: no downloads, no vendor's pictures, seconds on one core."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guided.training.diffusion import train
from tests.doubles import on_one_thread

WORDS = [
    {"label": "red heart", "tags": ["love"], "zh": "红心", "zh_tags": ["爱"], "group": "heart"},
    {"label": "sun", "tags": ["bright"], "zh": "太阳", "zh_tags": [], "group": "sky-weather"},
    {"label": "star", "tags": [], "zh": "星星", "zh_tags": ["夜"], "group": "sky-weather"},
    {"label": "cat face", "tags": ["pet"], "zh": "猫脸", "zh_tags": [], "group": "animal-mammal"},
]


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    with on_one_thread():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared data set of twelve plain discs: two vendors for the guides, one for the judge."""
    rows = [
        {"concept": c, "vendor": v}
        for v in ("noto", "twemoji", "emojione")
        for c in range(len(WORDS))
    ]
    y, x = np.mgrid[:128, :128] - 63.5
    disc = (x**2 + y**2 < 60**2).astype(np.uint8) * 255
    colours = np.random.default_rng(0).integers(0, 255, (len(rows), 1, 1, 3))
    tinted = [
        np.dstack([np.broadcast_to(c, (128, 128, 3)), disc]).astype(np.uint8) for c in colours
    ]
    np.save(tmp_path / "pictures.npy", np.stack(tinted))
    styles = {"noto": "flat", "twemoji": "flat", "emojione": "flat cartoon"}
    book = {"concepts": WORDS, "pictures": rows, "styles": styles}
    (tmp_path / "captions.json").write_text(json.dumps(book))
    return tmp_path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Somebody's folder: formats and shapes of all sorts, one file that is no picture."""
    place = tmp_path / "own"
    (place / "more").mkdir(parents=True)
    for name, size, colour in (
        ("red_house-01.png", (80, 50), "red"),
        ("red_house-02.jpg", (50, 70), "darkred"),
        ("more/0003.webp", (64, 64), "blue"),
        ("more/a sea.gif", (40, 90), "navy"),
    ):
        Image.new("RGB", size, colour).save(place / name)
    (place / "more" / "0003.txt").write_text("the sky\n\nblue sky at noon\n")
    (place / "broken.png").write_bytes(b"no picture")
    (place / "notes.md").write_text("not for training")
    return place


@pytest.fixture(params=["plain", "dense"])
def small_unet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What new networks are: one of convolutions alone, or one that mends a first guess."""
    tiny = train.UNetConfig(
        image_size=16,
        num_channels=32,
        channel_mult=[1, 1],
        num_res_blocks=1,
        attention_resolutions=[],
        learn_sigma=False,
        patch=2 if request.param == "dense" else 1,
        dense=48 if request.param == "dense" else 0,
    )
    monkeypatch.setattr(train, "architecture", lambda size, channels: tiny)
    return request.param
