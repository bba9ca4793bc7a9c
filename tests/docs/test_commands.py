"""Every command line in the documentation is one that the program takes."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import tomllib
import wave
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from safetensors.torch import save_file

from guided import devices
from guided.__main__ import hydra_job
from guided.batch import planning, request_checks
from guided.batch import run as batch_run
from guided.batch.asked import Words
from guided.cli import answers, main, models
from guided.config import plan
from guided.config.overrides import values_of
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.models import download
from guided.outputs.film import Film
from guided.paths import conf_folder
from guided.runs import record
from guided.studio import opening
from guided.training.common.settings import from_argv
from tests.other_programs import samples

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "v0.1"
FOLDERS = ("docs", "guided", "conf", "benchmarks", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(p for f in FOLDERS for p in (ROOT / f).rglob("*.md"))])
PROGRAMS = ("python run.py ", "guided ", "python -m ", "pip install ")
INLINE = re.compile(r"`((?:python run\.py|python -m|pip install) [^`]+)`")
DISCO = {"text_prompts": {"0": ["a lighthouse"]}, "width_height": [512, 512], "steps": 100}
PLACEHOLDER = re.compile(r"\.\.\.|<TAB>|FOLDER|\$\(")


class Planned(Exception):
    """All of it was checked, and the first step would follow."""


def commands(text: str) -> Iterator[str]:
    """The command lines of a page: in code blocks, where a backslash joins lines, and inline."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in line.strip().split(" && "):
            if part.startswith(PROGRAMS) and (line.startswith("    ") or in_block(text, line)):
                yield part
    yield from (found[1].replace("\\|", "|") for found in INLINE.finditer(text))


def in_block(text: str, line: str) -> bool:
    blocks = re.findall(r"```(?:bash|text)?\n(.*?)```", text.replace("\\\n", " "), re.DOTALL)
    return any(line in block.splitlines() for block in blocks)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with the files that the commands name."""
    place = tmp_path_factory.mktemp("place")
    for name in ("photo.jpg", "a.jpg", "b.png", "outputs/latest/image_0000.png"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FIXTURES / "heart.png", place / name)
    texts = {"parameters": "", "guided": ""}
    video = Film("mp4", 12.0, 0.0, 50).encode([place / "b.png"] * 3, texts)
    (place / "dance.mp4").write_bytes(video)
    with wave.open(str(place / "song.mp3"), "wb") as sound:  # told by its content
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16_000))
    Image.new("L", (64, 64), 255).save(place / "hill.png")
    Image.new("L", (8, 8), 255).save(place / "tiny.png")
    Image.new("L", (64, 64), 128).save(place / "grey.jpg")
    for name in ("sky.png", "sofa.png", "cutout.png"):
        mask = Image.new("L", (64, 64), 0)
        mask.paste(255, (0, 0, 64, 32))
        half = Image.merge("RGBA", [mask, mask, mask, mask]) if name == "cutout.png" else mask
        half.save(place / name)
    (place / "settings.txt").write_text(json.dumps(DISCO))
    (place / "workflow.json").write_text(json.dumps(samples.WORKFLOW))
    of_others = PngInfo()
    of_others.add_text("parameters", samples.A1111)
    Image.new("RGB", (8, 8)).save(place / "00012-7.png", pnginfo=of_others)
    (place / "mine.yaml").write_text(record.as_yaml(record.read(FIXTURES / "heart.png")))
    shutil.copytree(FIXTURES / "mine", place / "mine")
    (place / "mine" / "batch").mkdir(exist_ok=True)
    shutil.copy(conf_folder() / "batch" / "seeds.yaml", place / "mine" / "batch" / "name.yaml")
    (place / "prompts.txt").write_text("a star\na sun\n")
    (place / "table.csv").write_text("prompt,seed,look,guide.clip.scale\na star,3,,500\n")
    (place / "list.yaml").write_text("- a star\n- {prompt: a sun, seed: 3}\n")
    embedded = ROOT / "guided" / "models" / "embedded"
    shutil.copytree(embedded / "clip_a", place / "path" / "to" / "folder")
    shutil.copytree(embedded / "clip_a", place / "runs" / "clip_a" / "shipped")
    (place / "runs" / "diffusion").mkdir()
    for card in ("path/to/card.yaml", "runs/diffusion/diffusion.yaml"):
        shutil.copy(conf_folder() / "model" / "embedded.yaml", place / card)
    unet = UNet(UNetConfig(image_size=64, num_channels=32, channel_mult=[1, 2], num_res_blocks=1))
    torch.save(unet.state_dict(), place / "path" / "to" / "file.pt")
    save_file(unet.state_dict(), place / "path" / "to" / "file.safetensors")
    return place


@pytest.fixture(scope="module")
def taken() -> set[str]:
    """The commands of other pages that the program took."""
    return set()


def check(command: str) -> None:
    """Take a command as far as its first step or its first byte from the network."""
    words = shlex.split(command.partition(" > ")[0], comments=True)
    if words[:2] == ["pip", "install"]:
        check_extras(command)
    elif words[:2] == ["python", "run.py"]:
        check_run(words[2:])
    elif words[0] == "guided":
        check_run(words[1:])
    else:
        check_module(words[2], words[3:])


def check_run(words: list[str]) -> None:
    named = dict(word.partition("=")[::2] for word in words)
    if "resume" in named:
        request_checks.check_resuming(values_of(Words.of(words).settings))
        return
    if answers.answered(words) == 0:
        return
    try:
        main.obey(lambda: None, ["run.py", *words])
    except Planned:
        return
    alone = {"--cfg", "from", "import", "models", "gallery", "show", "animate.preview"}
    assert alone & {*words, *named} or "list" in named.values(), "draws nothing"


def check_extras(command: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"\[([\w,]+)\]", command):
        assert set(extras.split(",")) <= set(project["optional-dependencies"])


def check_module(name: str, words: list[str]) -> None:
    assert find_spec(name) is not None, f"there is no module {name}"
    if not name.startswith("guided.training") or not words:
        return
    package = importlib.import_module(name)
    modules = [package] if hasattr(package, "Settings") else [
        importlib.import_module(f"{name}.{part}")
        for part in ("train", "evaluate")
        if find_spec(f"{name}.{part}") is not None
    ]  # fmt: skip
    assert modules
    from_argv(modules[0].Settings, words)


def test_the_commands_of_a_page_are_found():
    page = (
        "# x\n```bash\npython run.py a=1 \\\n  b=2  # note\n```\n"
        "    python run.py c\nSee `python run.py d`.\n"
    )
    assert [" ".join(shlex.split(one, comments=True)[2:]) for one in commands(page)] == [
        "a=1 b=2", "c", "d",
    ]  # fmt: skip


def test_a_wrong_command_is_noticed(place, monkeypatch):
    prepared(place, monkeypatch)
    with pytest.raises(Exception, match="setps"):
        check("python run.py prompt=x setps=3")
    with pytest.raises(Exception, match="minuts"):
        check("python -m guided.training.clip minuts=3")


def prepared(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin(batch, composer, root):
        assert not batch.wrong, batch.wrong
        raise Planned

    def serve(*settings):
        raise Planned

    def plan_few(composer, rows, title):
        """A sweep over every artist is as right as its first rows."""
        return planning.plan_batch(composer, rows[:3], title)

    monkeypatch.chdir(place)
    monkeypatch.setattr(batch_run, "plan_batch", plan_few)
    monkeypatch.setattr(batch_run, "begin", begin)
    monkeypatch.setattr(opening, "opened", serve)
    hydra_job()  # which tells the command line how to serve
    monkeypatch.setattr(devices, "cuda_possible", lambda: True)  # as on the reader's machine
    monkeypatch.setattr(plan, "check_models", lambda *cards: None)  # few are on this machine
    for name in ("fetch", "fetch_clip"):
        monkeypatch.setattr(download, name, lambda card: None)
    monkeypatch.setattr(models, "tell", lambda line: None)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_one_that_the_program_takes(page, place, taken, monkeypatch):
    prepared(place, monkeypatch)
    wrong = {}
    for command in dict.fromkeys(commands(page.read_text(encoding="utf-8"))):
        if PLACEHOLDER.search(command) or command in taken:
            continue
        try:
            check(command)
        except (Exception, SystemExit) as error:
            wrong[command] = f"{type(error).__name__}: {error}"
        else:
            taken.add(command)
    assert not wrong
