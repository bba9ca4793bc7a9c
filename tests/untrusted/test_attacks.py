"""Attacks through every kind of file that is read: each would run somebody's code, or write or
copy files of the user's. At commit cf0e6f0 all but the pickled weights and the preset did.

Further attacks are in other files:
tests/test_search_path.py: modules of the current folder, for run.py, children and workers
tests/models/test_weights.py: pickles in weights, and weights that fill the memory
tests/models/test_clip_config.py: keys of a CLIP's configuration
tests/models/test_transfer.py: addresses, redirects and links in the cache
tests/untrusted/test_allowed_files.py: files that records, rows and manifests name
tests/untrusted/test_run_folder.py: links inside a run's folder
tests/config/test_preset_source.py: presets that set what is Hydra's own
"""

import json
import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.commands import ROOT, Result, run_all
from tests.models.test_clip_config import TEXT, about, folder_of

HEAD = ["prompt=a red heart", "steps=2", "seed=1"]
CODE = {"hf_tokenizer_name": "x", "tokenizer_kwargs": {"trust_remote_code": True}}


@dataclass
class Attack:
    """A command, the file that is there if it succeeds, and words of the refusal; None if the
    picture is drawn without what was asked for."""

    words: Sequence[str]
    mark: Path
    refusal: str | None


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def clip_folder(folder: Path) -> Path:
    """A CLIP whose tokenizer is a program that leaves the file `ran` beside it."""
    folder.mkdir(parents=True)
    folder_of(folder, about(text_cfg=TEXT | CODE))
    return folder / "ran"


def picture(path: Path, clip: str) -> None:
    """A picture of 0.1 whose record names a CLIP's folder."""
    record = yaml.safe_load(Image.open(ROOT / "tests/fixtures/v0.1/heart.png").text["guided"])
    card = {"_target_": "guided.models.cards.ClipCard", "name": "x", "path": clip}
    record["clip"] = {"x": card}
    text = PngInfo()
    text.add_text("guided", yaml.safe_dump(record))
    Image.new("RGB", (32, 32)).save(path, pnginfo=text)


def run_folder(folder: Path, words: Sequence[str], cwd: Path, flags: Sequence[str] = ()) -> None:
    """A run of one picture that is not drawn yet."""
    one = {"number": 0, "row": 0, "seed": 1, "prompt": "a", "state": "queued", "model": "embedded"}
    base = {"words": list(words), "flags": list(flags), "seed": 1, "cwd": str(cwd)}
    manifest = {"version": 1, "guided": "0.1.0", "title": "a", "base": base, "pictures": [one]}
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(manifest | {"rows": [{"words": []}]}))


def card(path: Path, file: str, source: Path) -> list[str]:
    """A model's card that copies `source` to `file`; the command that reads it."""
    found = {"_target_": "guided.models.cards.ModelCard", "name": "x", "file": file}
    path.write_text(yaml.safe_dump(found | {"urls": [source.as_uri()]}))
    return ["models=download", f"model={path.name}"]


def clips(here: Path) -> dict[str, Attack]:
    """Attacks by the program beside a CLIP's tokenizer, by four ways to that CLIP."""
    marks = {name: clip_folder(here / name) for name in ("typed", "recorded", "listed", "resumed")}
    picture(here / "picture.png", "./recorded")
    (here / "rows.csv").write_text("prompt,rank\na red heart,./listed\n")
    run_folder(here / "run", [*HEAD, "clip=[./resumed]"], here)
    return {
        "clip": Attack([*HEAD, "clip=[./typed]"], marks["typed"], "tokenizer_kwargs"),
        "clip of a picture": Attack(["from=picture.png"], marks["recorded"], "trust="),
        "clip of a row": Attack(["prompts=rows.csv", *HEAD[1:]], marks["listed"], "trust="),
        "clip of a manifest": Attack(["resume=run"], marks["resumed"], "trust="),
    }


def files(here: Path) -> dict[str, Attack]:
    """Attacks by cards, pickles and presets."""
    marks = {name: here / f"ran_{name}" for name in ("rerun", "model", "clip")}
    with zipfile.ZipFile(here / "secret", "w") as made:
        made.writestr("a", "b")
    (here / "job.pickle").write_bytes(pickle.dumps(Touch(marks["rerun"])))
    torch.save({"w": Touch(marks["model"])}, here / "model.pt")
    torch.save({"w": Touch(marks["clip"])}, here / "clip.pt")
    run_folder(here / "search", HEAD, here, ["--config-path", str(here / "conf")])
    (here / "conf").mkdir()
    primary = "defaults: [_self_, look: none]\nhydra: {searchpath: ['pkg://mine']}\n"
    (here / "conf" / "config.yaml").write_text(primary)
    preset = [*HEAD, "--config-dir=presets", "look=sly"]
    (here / "presets" / "look").mkdir(parents=True)
    sly = "# @package _global_\nhydra: {searchpath: ['pkg://of_preset']}\n"
    (here / "presets" / "look" / "sly.yaml").write_text(sly)
    outside = card(here / "outside.yaml", "models/../../.bashrc", here / "secret")
    local = card(here / "local.yaml", "copied.pt", here / "secret")
    return {
        "card of a file outside": Attack(outside, here / ".bashrc", "model.file"),
        "card of a local file": Attack(local, here / "cache" / "copied.pt", "file:"),
        "pickled job": Attack(
            ["--experimental-rerun=job.pickle"], marks["rerun"], "experimental-rerun"
        ),
        "pickled model": Attack([*HEAD, "model=model.pt"], marks["model"], "model.pt"),
        "pickled clip": Attack([*HEAD, "clip=['ViT-B-32::clip.pt']"], marks["clip"], "clip.pt"),
        "package of a manifest": Attack(["resume=search"], here / "ran_mine", None),
        "package of a preset": Attack(preset, here / "ran_preset", "Hydra's own"),
    }


def attacks(here: Path) -> dict[str, Attack]:
    """Write the files of every attack into the current folder of the commands."""
    return clips(here) | files(here)


def environment(here: Path) -> Mapping[str, str]:
    """Keep what the commands write in their folder, and the network out."""
    for name, mark in (("mine", "ran_mine"), ("of_preset", "ran_preset")):
        (here / "packages" / name).mkdir(parents=True)
        (here / "packages" / name / "__init__.py").write_text(f"open({str(here / mark)!r}, 'w')")
    return {
        "GUIDED_CACHE": str(here / "cache"),
        "HF_MODULES_CACHE": str(here / "modules"),
        "HF_HUB_OFFLINE": "0",
        "PYTHONPATH": f"{ROOT}:{here / 'packages'}",
    }


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, tuple[Attack, Result]]:
    here = tmp_path_factory.mktemp("here")
    known = attacks(here)
    results = run_all([one.words for one in known.values()], here, environment(here))
    return {name: (known[name], result) for name, result in zip(known, results, strict=True)}


NAMES = (
    *("clip", "clip of a picture", "clip of a row", "clip of a manifest"),
    *("card of a file outside", "card of a local file", "pickled job", "pickled model"),
    *("pickled clip", "package of a manifest", "package of a preset"),
)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_refused_in_one_line_or_left_out_and_leaves_nothing(outcomes, name):
    attack, result = outcomes[name]
    assert not attack.mark.exists()
    if attack.refusal is None:
        assert result.code == 0
        return
    told = [line for line in result.err.splitlines() if not line.startswith("WARNING")]
    assert result.code == 2 and len(told) == 1, result
    assert told[0].startswith("error: ") and attack.refusal in told[0]


def test_every_attack_is_tried(outcomes):
    assert set(outcomes) == set(NAMES)
