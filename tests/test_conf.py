"""Every YAML of conf/ composes, builds, and lists every setting that it has."""

import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from omegaconf import OmegaConf

from guided.config import card_list, presets
from guided.config.composition import compose
from guided.config.schema import build, build_all, dataclass_of
from guided.diffusion.unet import UNet
from guided.paths import conf_folder

CONF = conf_folder()
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir() and path.name != "local")
SEVERAL = ("clip", "guide", "output")  # groups whose options go together, and one at least
CHOICES = [(g, path.stem) for g in GROUPS for path in sorted((CONF / g).glob("*.yaml"))]
# Of hundreds of presets, those that say something are composed together, in test_presets.py.
SAYING = [
    (g, preset.choice) for g in presets.GROUPS for preset in presets.presets(g) if preset.says
]
ALONE = [choice for choice in CHOICES if choice not in SAYING]
BESIDE = {("animate", "video"): ["animate.video=dance.mp4"]}  # what choices need beside them


@cache
def chosen(group: str, choice: str):
    word = f"{group}=[{choice}]" if group in SEVERAL else f"{group}={choice}"
    return compose([word, *BESIDE.get((group, choice), [])])


@pytest.mark.parametrize(("group", "choice"), ALONE)
def test_every_choice_composes_and_builds(group, choice):
    cfg = chosen(group, choice)
    for name in ("generator", "model", "cutouts", "sampler"):
        build(cfg[name], name)
    if cfg.secondary:
        build(cfg.secondary, "secondary")
    for name in SEVERAL:
        assert build_all(cfg[name], name)


def test_every_file_begins_with_the_command_that_uses_it():
    for group, choice in CHOICES:
        lines = (CONF / group / f"{choice}.yaml").read_text(encoding="utf-8").splitlines()
        comments = [line for line in lines[:2] if line.startswith("#")]
        assert any("python run.py" in line for line in comments), (group, choice)
        if (group, choice) in SAYING:
            assert any(f"{group}={choice}" in line for line in comments), (group, choice)


@pytest.mark.parametrize(
    ("group", "choice"),
    [(g, c) for g, c in ALONE if g not in ("look", "model", "clip") and c != "none"],
)
def test_a_choice_lists_every_setting_of_what_it_names(group, choice):
    """Hydra knows only what is listed: a setting left out could not be set, nor completed."""
    cfg = chosen(group, choice)[group]
    for node in cfg.values() if group in SEVERAL else [cfg]:
        built = build(node, group)
        settings = {f.name for f in dataclasses.fields(built)}
        assert {str(key) for key in node} - {"_target_"} == settings


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in plain data that has a `_target_`."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for inside in node.values():
            yield from nodes(inside)


def test_no_file_repeats_a_default() -> None:
    """The dataclass has it. A card's `unet` describes a file, whole."""
    for path in sorted(CONF.rglob("*.yaml")):
        for node in nodes(yaml.safe_load(path.read_text(encoding="utf-8"))):
            plain = OmegaConf.to_container(
                OmegaConf.structured(dataclass_of(node["_target_"], ""))
            )
            pairs = list(node.items())
            if isinstance(recommended := node.get("recommended"), dict):
                pairs += recommended.items()
                plain |= plain["recommended"]
            repeated = [name for name, value in pairs if name in plain and plain[name] == value]
            assert not repeated, (path.relative_to(CONF), repeated)


def test_presets_win_over_defaults_and_the_command_line_over_presets():
    assert compose(["look=draft"]).steps == 25
    assert compose(["look=draft", "steps=33"]).steps == 33


def test_settings_follow_the_model():
    embedded, big = compose([]), compose(["model=imagenet512"])
    assert embedded.guide.clip.scale == embedded.model.recommended.scale
    assert big.guide.clip.scale == 5000
    assert big.sampler.eta == 0.8


def test_everything_is_checked_without_torch():
    """Torch takes seconds to import; a typo must not."""
    program = (
        "import sys; from guided.batch import run; from guided.config.composition import compose;"
        "from guided.config.plan import Plan;"
        "Plan.read(compose(['prompt=x'])); assert not {'numpy', 'torch'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# Parameters and tensors of guided-diffusion's own networks, built from the settings that their
# authors published.
SIZES = {
    "imagenet512": (557_973_638, 644),
    "imagenet512_safetensors": (557_973_638, 644),
    "openimages512": (557_973_638, 644),
    "feiart": (557_973_638, 644),
    "isometric": (557_973_638, 644),
    "imagenet256": (552_814_086, 566),
    "lsun_bedroom": (552_814_086, 566),
    "lsun_cat": (552_814_086, 566),
    "lsun_horse": (552_814_086, 566),
    "lsun_horse_nodropout": (552_814_086, 566),
    "portrait": (139_579_462, 644),
    "portrait15": (139_579_462, 644),
    "ukiyoe": (138_289_926, 566),
    **dict.fromkeys(
        (
            *("pixelart", "pixelart_hard", "pixelart_soft", "pixelart4k", "watercolor"),
            *("watercolor2", "pulpscifi", "comics_faces", "ukiyoe_022000", "liminal"),
            "lsun_uncond",
        ),
        (113_676_678, 426),
    ),
    "classes64": (295_904_454, 541),
    "classes128": (421_529_606, 493),
    "classes256": (553_838_086, 567),
    "classes512": (558_997_638, 645),
    **dict.fromkeys(
        ("ddpm_bedroom", "ddpm_cat", "ddpm_church", "ddpm_wikiart"), (113_673_219, 426)
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_card_describes_its_checkpoint(name):
    card = dict(card_list.models())[name]
    with torch.device("meta"):
        unet = UNet(card.unet)
    parameters = sum(tensor.numel() for tensor in unet.parameters())
    assert (parameters, len(unet.state_dict())) == SIZES[name]


def test_every_card_is_counted_except_the_embedded_one():
    assert {name for name, _ in card_list.models()} - {"embedded"} == set(SIZES)


def test_every_card_can_be_fetched_or_is_here():
    for name, card in card_list.models():
        assert card.urls or Path(card.file).parent.name == "embedded", name
        assert all(url.startswith("https://") for url in card.urls), name
        assert not card.sha256 or re.fullmatch("[0-9a-f]{64}", card.sha256), name
        assert all(side % card.unet.divisor == 0 for side in card.size), name


def test_checksums_are_not_shared_by_mistake():
    sums = [card.sha256 for _, card in card_list.models() if card.sha256]
    assert len(sums) == len(set(sums))


def test_interpolations_in_conf_are_resolvable():
    OmegaConf.to_container(compose(["prompt=x"]), resolve=True, throw_on_missing=True)


FORMS = [
    "{linear: [[0,1],[1,1]]}",
    "{cosine: [[0,1],[1,1]]}",
    "[1]*400+[1]*600",
    "0: (1), 50: (1)",
]


@pytest.mark.parametrize("cutouts", ["standard", "disco"])
@pytest.mark.parametrize("form", FORMS)
def test_every_number_of_guides_cutouts_and_samplers_takes_every_form(cutouts, form):
    """On the command line, past Hydra's merging of what conf/ says with what is typed."""
    names = ["overview", "inner", "gray", "power", "batches", "merge"]
    if cutouts == "standard":
        names += ["smallest", "flip", "degrees", "translate", "noise", "grayscale", "jitter"]
    words = [f"cutouts.{name}={form}" for name in names]
    words += [
        f"guide.clip.scale={form}",
        f"guide.range.scale={form}",
        f"guide.palette.scale={form}",
        f"sampler.eta={form}",
    ]
    words += [f"sampler.recurrence={form}", f"generator.clamp={form}", f"generator.reach={form}"]
    words += [f"generator.every={form}"]
    words += [f"clip.embedded_a.weight={form}", f"prompt=[{{text: a, weight: {quoted(form)}}}]"]
    cfg = compose([f"cutouts={cutouts}", *words])
    parts = (
        [build(cfg[group], group) for group in ("cutouts", "sampler", "generator")]
        + list(build_all(cfg.guide, "guide").values())
        + list(build_all(cfg.clip, "clip").values())
    )
    asked = {
        "cutouts": names,
        "sampler": ["eta", "recurrence"],
        "generator": ["clamp", "reach", "every"],
    }
    for part, group in zip(parts, asked, strict=False):
        for name in asked[group]:
            assert getattr(part, name)(0.7) == 1, (group, name)
    assert {guide.scale(0.3) for guide in parts[3:6]} == {parts[6].weight(0.3)} == {1}


def quoted(form: str) -> str:
    return form if form.startswith(("[[", "{")) else f"'{form}'"
