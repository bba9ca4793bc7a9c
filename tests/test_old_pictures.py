"""What version 0.1 made goes on to work: its pictures, films, run.yaml, batches, and presets and
settings that its users wrote. tests/fixtures/v0.1/README.md says how each fixture was made."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image
from PIL import __version__ as pillow_version
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from guided.config.composition import compose
from guided.config.plan import Plan
from guided.config.replay_reading import read_settings
from guided.config.schema import build
from tests.commands import ROOT, Result, run_all

V01 = Path(__file__).parent / "fixtures" / "v0.1"
MINE = ["--config-dir", "mine"]
# The last commit with the embedded models that version 0.1 came with, and what is theirs.
OLD_MODELS = "bf05ac725aeea8f97953c1b00a3bcba8a12ecbee"
THEIRS = ["guided/models/embedded", "conf/model/embedded.yaml"]
# What each is drawn again into, and the fixtures that it must equal.
DRAWN = {
    **{
        name: {f"image_0000{Path(name).suffix}": name}
        for name in (
            *("heart.png", "solver.webp", "styles.jpg", "init.png", "ancestral.webp", "disco.png"),
        )
    },
    "film.mp4": {"image_0000.png": "film.png"},
    "run": {
        f"{place}image_000{number}.png": f"run/{place}image_000{number}.png"
        for number, place in enumerate(["others/", "", "", "others/"])
    },
}
# Records that are shown but not drawn: they need models that do not come with the program, or
# others like them are drawn.
SHOWN = [
    "own.png",
    "film.gif",
    "disco.yaml",
    "discoart.yaml",
    "everything.yaml",
    "film.png",
    "run/run.yaml",
]
SHOWN += ["run/image_0001.png", "run/others/image_0003.png", "half", "half/image_0000.png"]
OWN = ["prompt=a __thing__", "wildcards=mine/words", "look=[bare,dusk]", "artist=me"]
OWN += ["cutouts=few", "guide=[clip,calm]", "output=quiet", "clip=eye", "model=own", "seed=8"]
EXPECTED = (  # warnings that say something true and lose nothing
    *("was recorded by guided 0.1.0", "was drawn together with others", "is too few"),
    *("is longer than this CLIP reads", "also judge it"),
    "was recorded by guided of an unknown version",  # 0.1's run.yaml of several rows says none
    *("which is read: heart.png", "_target_=guided."),  # a local picture; an old class path
)


# ---- drawing again -------------------------------------------------------------------------


@dataclasses.dataclass
class Again:
    """All that is drawn again, each in a folder of its name."""

    root: Path
    results: dict[str, Result]

    def folder(self, name: str) -> Path:
        return next((self.root / name).glob("*/*/run.yaml")).parent


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the present program with the embedded models of version 0.1."""
    archive = subprocess.run(
        ["git", "archive", OLD_MODELS, *THEIRS], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip("the repository's history, which has the models of version 0.1, is not here")
    root = tmp_path_factory.mktemp("program")
    for folder in ("guided", "conf"):
        shutil.copytree(
            ROOT / folder, root / folder, ignore=shutil.ignore_patterns("*.safetensors")
        )
    for file in ("run.py", "tests/commands.py"):
        (root / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, root / file)
    judge = "guided/models/judge"  # which 0.1 had not
    shutil.copytree(ROOT / judge, root / judge, dirs_exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(root, filter="data")
    return root


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Again:
    root = tmp_path_factory.mktemp("again")
    commands = {name: [*MINE, f"from={name}", f"folder={root / name}"] for name in DRAWN}
    commands["resume"] = [f"resume={copy_of_half(root / 'half')}"]
    commands["typed"] = [*MINE, *OWN, f"folder={root / 'typed'}"]
    shown = {name: [*MINE, f"from={name}", "show=true"] for name in [*DRAWN, *SHOWN]}
    results = run_all([*commands.values(), *shown.values()], V01, root=program)
    names = [*commands, *(f"show {name}" for name in shown)]
    return Again(root, dict(zip(names, results, strict=True)))


def kind_of_machine() -> dict[str, Any]:
    """What decides how numbers are rounded: where all of it agrees, so do all bits."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "torch": str(torch.__version__),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "processor": models[0] if models else "",
        "pillow": pillow_version,
    }


def same_kind() -> bool:
    recorded = yaml.safe_load((V01 / "machine.yaml").read_text())
    return {name: recorded[name] for name in kind_of_machine()} == kind_of_machine()


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def assert_same_pixels(found: Path, expected: Path) -> None:
    """Bit for bit on the kind of machine that the fixtures were made on; elsewhere as near as
    other instruction sets and thread counts come, see tests/fixtures/v0.1/README.md."""
    one, other = pixels(found), pixels(expected)
    assert one.shape == other.shape
    if same_kind():
        assert np.array_equal(one, other), f"{found} differs from {expected}"
    else:
        bounds = yaml.safe_load((V01 / "machine.yaml").read_text())["bounds"]
        mean, largest = bounds.get(expected.name, bounds["others"])
        difference = np.abs(one - other)
        assert difference.mean() <= mean, f"{found} differs from {expected}"
        assert difference.max() <= largest, f"{found} differs from {expected}"


def unexpected(err: str) -> list[str]:
    """Warnings and errors but those that say something true."""
    said = [line for line in err.splitlines() if line.startswith(("WARNING", "error"))]
    return [line for line in said if not any(part in line for part in EXPECTED)]


@pytest.mark.parametrize("name", [*DRAWN, *SHOWN])
def test_every_record_is_shown_without_a_complaint(again: Again, name: str) -> None:
    result = again.results[f"show {name}"]
    assert result.code == 0, result.err
    assert unexpected(result.err) == []
    shown, recorded = yaml.safe_load(result.out), read_settings(V01 / name, name)
    for setting in ("prompt", "negative", "seed", "steps", "size", "init", "strength", "skip"):
        assert shown[setting] == recorded[setting]
    for group in ("clip", "guide", "output"):
        assert list(shown[group]) == list(recorded[group])


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_again_it_has_the_same_pixels(again: Again, name: str) -> None:
    result = again.results[name]
    assert result.code == 0, result.err
    assert unexpected(result.err) == []
    for found, expected in DRAWN[name].items():
        assert_same_pixels(again.folder(name) / found, V01 / expected)


# ---- a batch that was stopped --------------------------------------------------------------


def copy_of_half(folder: Path) -> Path:
    """A copy of the half-drawn batch, whose checkpoint says that other code made it, as it does
    after any change of the program."""
    shutil.copytree(V01 / "half", folder)
    point = folder / ".work" / "0001.safetensors"
    with safe_open(point, framework="pt") as file:
        metadata = file.metadata() | {"fingerprint": "0" * 64}
    save_file(load_file(point), point, metadata)
    return folder


def test_a_half_drawn_batch_goes_on_to_its_end(again: Again) -> None:
    folder, result = again.root / "half", again.results["resume"]
    assert result.code == 0, result.err
    pictures = json.loads((folder / "manifest.json").read_text())["pictures"]
    assert [picture["state"] for picture in pictures] == ["done"] * 4
    for picture in pictures:
        assert_same_pixels(folder / picture["file"], V01 / "half_whole" / picture["file"])
    anew = [line for line in unexpected(result.err) if "begun anew" in line]
    assert len(anew) == 1
    # Said where conf/ is another than it was then.
    changed = [line for line in unexpected(result.err) if "the program has changed" in line]
    assert len(unexpected(result.err)) == 1 + len(changed)


def test_what_was_finished_is_not_touched(again: Again) -> None:
    folder = again.root / "half"
    for path in ("image_0000.png", "steps/0000_0002.png", "steps/0000_0004.png"):
        before, now = V01 / "half" / path, folder / path
        assert now.read_bytes() == before.read_bytes()
        assert now.stat().st_mtime_ns == before.stat().st_mtime_ns  # copytree keeps it
    kept, now_kept = (
        json.loads((place / "manifest.json").read_text())["pictures"][0]
        for place in (V01 / "half", folder)
    )
    assert now_kept == kept


# ---- presets of the user's own -------------------------------------------------------------


def test_own_presets_draw_what_they_drew(again: Again) -> None:
    result = again.results["typed"]
    assert result.code == 0, result.err
    assert unexpected(result.err) == []
    assert_same_pixels(again.folder("typed") / "image_0000.png", V01 / "own.png")


@pytest.mark.parametrize(
    "words",
    [
        ["look=dusk", "artist=me"],
        ["look=bare", "sampler=noisy", "cutouts=old", "generator=mixed"],
        ["sampler=ancestral", "guide=[eyes,near]", "init=heart.png"],
        ["sampler=solver", "guide=[clip,calm]", "output=quiet", "clip=eye", "model=own"],
        ["batch=pair"],
    ],
)
def test_own_presets_compose(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(V01)
    cfg = compose(["prompt=a house", *words], MINE)
    Plan.read(cfg, build, MINE)
    rows = build(cfg.batch, "batch").rows(MINE, "pair") if cfg.batch else []
    assert len(rows) == (4 if "batch=pair" in words else 0)


# ---- names that were written ---------------------------------------------------------------


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping with a `_target_` in it."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield value
        value = list(value.values())
    for inside in value if isinstance(value, list) else []:
        yield from nodes(inside)


def written() -> list[dict[str, Any]]:
    """Of all records, and of all presets of the user's own."""
    records = [read_settings(V01 / name, name) for name in [*DRAWN, *SHOWN]]
    presets = [yaml.safe_load(path.read_text()) for path in sorted(V01.glob("mine/*/*.yaml"))]
    return list(nodes([*records, *presets]))


WRITTEN = written()
TARGETS = (V01 / "targets.txt").read_text().split()


@pytest.mark.parametrize("target", TARGETS)
def test_every_class_path_that_yaml_could_name_is_built(target: str) -> None:
    found = [node for node in WRITTEN if node["_target_"] == target]
    assert found, f"no fixture has {target}"
    for node in found:
        assert dataclasses.is_dataclass(build(OmegaConf.create(node), "setting"))


def test_different_class_paths_are_different_classes() -> None:
    built = {target: next(n for n in WRITTEN if n["_target_"] == target) for target in TARGETS}
    classes = {type(build(OmegaConf.create(node), "setting")) for node in built.values()}
    assert len(classes) == len(TARGETS)


def typed_settings() -> dict[str, list[str]]:
    """Choices, as typed -> the settings in them, as typed."""
    found: dict[str, list[str]] = {}
    for line in (V01 / "settings.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            found[choices := line[2:]] = []
        elif line:
            found[choices].append(line)
    return found


@pytest.mark.parametrize(("choices", "settings"), typed_settings().items())
def test_every_setting_that_could_be_typed_still_can(choices: str, settings: list[str]) -> None:
    chosen = [] if choices == "default" else choices.split()
    assert settings
    compose([*chosen, *settings])


def test_a_setting_that_never_was_is_refused() -> None:
    with pytest.raises(Exception, match="clamped"):
        compose(["generator.clamped=1"])
