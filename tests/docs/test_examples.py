"""The examples of docs/architecture.md and docs/training.md draw, as they stand there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image

import guided
from guided.batch.run import draw
from guided.compat.open_clip import import_late
from guided.paths import conf_folder

PAGE = Path(guided.__file__).parents[1] / "docs" / "architecture.md"
SHORT = ["steps=4", "seed=1", "cutouts.overview=2", "cutouts.inner=1", "output.still.enlarge=1"]
PARTS = ("A guide", "A sampler", "An output", "A generator")


def sections() -> dict[str, str]:
    """The text of each example by its heading."""
    text = PAGE.read_text(encoding="utf-8").partition("## Adding a part")[2]
    pieces = re.split(r"^### (.+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def load(source: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Import a file of the package that is not there, from its source."""
    path = source.splitlines()[0].removeprefix("# ")
    name = path.removesuffix(".py").replace("/", ".")
    file = folder / Path(path).name
    file.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, file)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)


def write_choice(source: str, folder: Path) -> None:
    path = folder / source.splitlines()[0].removeprefix("# conf/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source.partition("\n")[2], encoding="utf-8")


def drawn(part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> Path:
    """The folder of a run of a section's command, with its files in place."""
    text = sections()[part]
    for source in blocks(text, "python"):
        load(source, tmp_path, monkeypatch)
    mine = tmp_path / "mine"
    for source in blocks(text, "yaml"):
        write_choice(source, mine)
    (command,) = blocks(text, "text")
    words = shlex.split(command)[2:]
    flags = ["--config-dir", str(mine)]
    return draw([*words, f"folder={tmp_path / 'out'}", *SHORT, *more], flags)


def test_there_is_an_example_of_each():
    assert tuple(sections()) == PARTS


@pytest.mark.parametrize("part", PARTS)
def test_an_example_draws(part, tmp_path, monkeypatch):
    folder = drawn(part, tmp_path, monkeypatch)
    with Image.open(folder / "image_0000.png") as image:
        assert len(image.convert("RGB").getcolors(2**16)) > 8  # something, not one colour


def test_the_guide_makes_it_warmer(tmp_path, monkeypatch):
    red = {}
    for scale in (0, 3000):
        place = tmp_path / str(scale)
        place.mkdir()
        folder = drawn("A guide", place, monkeypatch, f"guide.warm.scale={scale}")
        with Image.open(folder / "image_0000.png") as image:
            pixels = image.convert("RGB").resize((1, 1)).getpixel((0, 0))
        red[scale] = pixels[0] - pixels[2]
    assert red[3000] > red[0]


def test_the_output_leaves_its_file(tmp_path, monkeypatch):
    folder = drawn("An output", tmp_path, monkeypatch, "count=2")
    assert (folder / "seeds.txt").read_text() == "0 1\n1 2\n"


def test_an_example_takes_no_name_that_there_is():
    for part in PARTS:
        for source in blocks(sections()[part], "yaml"):
            path = source.splitlines()[0].removeprefix("# conf/")
            assert not (conf_folder() / path).exists(), path


def test_a_latent_diffusion_model_is_trained_and_draws(tmp_path, monkeypatch):
    """Two steps of each of its networks, on two small pictures."""
    pytest.importorskip("diffusers")
    text = (PAGE.parent / "training.md").read_text(encoding="utf-8")
    (source,) = blocks(text.partition("## A small latent diffusion model")[2], "python")
    source, times = re.subn("64, 16, 20_000", "64, 2, 2", source)  # size, batch, steps
    assert times == 1
    photos = tmp_path / "my_photos"
    photos.mkdir()
    for name, colour in {"a red house": "red", "a blue sea": "blue"}.items():
        Image.new("RGB", (70, 80), colour).save(photos / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    import_late()  # declares operators of torchvision, which diffusers imports
    exec(compile(source, "train_latent.py", "exec"), {})
    words = ["prompt=a red house", "model=runs/latent", "generator.cfg=3", "steps=2", "seed=1"]
    folder = draw([*words, "folder=out", "cutouts.overview=1", "cutouts.inner=1"])
    with Image.open(folder / "image_0000.png") as image:
        assert image.size == (64, 64) and len(image.convert("RGB").getcolors(2**16)) > 8
