"""The configurations of a batch's rows, and the files that their errors name."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from PIL import Image

from guided.batch.asked import composer_of
from guided.batch.planning import drawable
from guided.config import composer as composer_module
from guided.config.composer import Composed, Composer
from guided.config.composition import compose
from guided.config.messages import BAD, say
from guided.config.overrides import raws
from guided.config.replay import Record
from guided.errors import BadInput
from guided.runs import metadata, record
from guided.runs.manifest import Row
from tests.fuzz.trial import FIXTURES


@pytest.fixture(scope="module")
def usual():
    return compose(["prompt=x", "seed=1"])


def test_parts_are_made_once_unless_a_row_changes_what_they_are_made_of(usual):
    composed = Composed(usual.copy())
    first = {name: composed.build(composed.cfg[name], name) for name in ("sampler", "cutouts")}
    again = {name: composed.build(composed.cfg[name], name) for name in first}
    assert all(again[name] is first[name] for name in first)
    composed.touched = {"sampler"}
    assert composed.build(composed.cfg.sampler, "sampler") is not first["sampler"]
    assert composed.build(composed.cfg.cutouts, "cutouts") is first["cutouts"]
    composed.touched = {"model"}  # whose recommended values others refer to
    assert composed.build(composed.cfg.sampler, "sampler") is not first["sampler"]


def test_a_row_that_fails_leaves_nothing_behind() -> None:
    composer = Composer(["prompt=x", "seed=1"])
    with pytest.raises(ZeroDivisionError), composer.row(["steps=3", "guide.clip.scale=7"]):
        raise ZeroDivisionError
    with pytest.raises(BadInput), composer.row(["steps=3", "sampler.nothing=7"]):
        pass
    with composer.row() as composed:
        assert composed.cfg == compose(["prompt=x", "seed=1"])


def test_rows_with_the_same_choices_are_composed_once_and_the_oldest_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[list[str]] = []

    def counted(words, flags=()):
        asked.append(raws(words))
        return OmegaConf.create({"seed": 0})

    monkeypatch.setattr(composer_module, "composed", counted)
    monkeypatch.setattr(composer_module, "KEPT", 2)
    composer = Composer(["steps=5"])
    for sampler in ("ddim", "plms", "ddim", "ddpm", "ddim", "plms"):
        with composer.row([f"sampler={sampler}", "seed=3"]) as composed:
            assert composed.cfg.seed == 3
    # plms was the oldest when ddpm came, and is composed again.
    assert asked == [["steps=5", f"sampler={name}"] for name in ("ddim", "plms", "ddpm", "plms")]


@pytest.mark.parametrize(
    "words",
    [
        ["prompt=a cat, ${x", "seed=3"],
        ["guide.clip.scale={linear: [[0,100],[1,200]]}"],
        ["sampler=plms", "guide.clip.scale=5"],
        ["model.recommended.scale=5"],
        ["steps=30", "steps=40", "size=[64,64]"],
        ["output=[still]", "output.still.enlarge=2"],
        ["cutouts.overview=[[0,1],[0.5,2]]"],
    ],
)
def test_a_row_composes_to_what_hydra_would_compose_and_leaves_nothing_behind(words):
    composer = Composer(["prompt=x", "seed=1"])
    with composer.row() as composed:
        before = composed.cfg.copy()
    with composer.row(words) as composed:
        assert composed.cfg == compose(["prompt=x", "seed=1", *words])
    with composer.row() as composed:
        assert composed.cfg == before


# ---- the file that a wrong value is from ---------------------------------------------------

OWN = (FIXTURES / "mine" / "model" / "own.yaml").read_text(encoding="utf-8")
GLOBAL = "# @package _global_\n"
SECONDARY = f"_target_: secondary/card\nname: s\nfile: s.pt\nsha256: {'a' * 64}\n"
NO_KIND = "_target_ says"


def refused(composer: Composer, *words: str) -> str:
    """Return the message with which a row is refused."""
    with pytest.raises(BAD) as caught:
        drawable(composer, Row(list(words)))
    return say(caught.value)


@pytest.mark.parametrize(
    ("group", "text", "told"),
    [
        ("model", OWN.replace("steps: 50", "steps: []"), "model.recommended.steps=[] must be"),
        ("model", OWN.replace("steps: 50", "steps: -3"), "model.recommended.steps=-3 must be"),
        ("model", OWN.replace("eta: 0.8", "eta: 7"), "sampler.eta=7 must be"),
        ("model", OWN.replace("num_channels", "num_chanels"), "did you mean 'num_channels'"),
        ("model", OWN.replace("prediction: x0", "prediction: y"), "model.prediction=y is not"),
        ("model", OWN.replace("name: own\n", ""), "model has no name, which it needs"),
        ("secondary", SECONDARY.replace("name: s\n", ""), "secondary has no name, which it needs"),
        ("secondary", SECONDARY.replace("file: s.pt\n", ""), "secondary has no file"),
        ("clip", "mine:\n  _target_: clip/card\n  arch: RN50\n", "clip.mine has no name"),
        *[
            (group, f"_target_: {kind}\n", f"{group}._target_={kind} is no kind of settings there")
            for group, kind in (
                ("model", "sampler/ddim"),
                ("sampler", "guide/range"),
                ("cutouts", "sampler/ddim"),
                ("generator", "sampler/plms"),
                ("secondary", "model/card"),
                ("animate", "guided.diffusion.samplers.DDIM"),
                ("sampler", "guided.config.schema.Config"),
                ("generator", "guided.prompts.prompt.Prompt"),
            )
        ],
        *[
            (
                group,
                "mine:\n  _target_: sampler/ddim\n",
                f"{group}.mine._target_=sampler/ddim is no",
            )
            for group in ("guide", "output", "clip", "look", "artist")
        ],
        *[
            (
                group,
                "mine:\n  _target_: guided.prompts.prompt.Prompt\n  text: a\n",
                f"{group}.mine._target_=guided.prompts.prompt.Prompt is no kind",
            )
            for group in ("guide", "output", "look", "artist")
        ],
        ("sampler", "_target_: sampler/ddim\neta: 5\n", "sampler.eta=5 must be"),
        ("sampler", "_target_: sampler/ddim\netta: 5\n", "did you mean 'eta'"),
        ("sampler", "_target_: sampler/plsm\n", "did you mean 'sampler/plms'"),
        ("sampler", "", NO_KIND),
        ("generator", "_target_: generator/diffusion\nsymmat: vertical\n", "did you mean 'symm"),
        ("cutouts", "_target_: cutouts/standard\noverview: a\n", "cutouts.overview=a must be"),
        ("guide", "mine:\n  _target_: guide/palette\n  colours: [x]\n", "guide.mine.colours=x"),
        ("output", "mine:\n  _target_: output/still\n  format: gif\n", "output.mine.format=gif"),
        ("animate", "_target_: animate/film\nzoom: '0: (a)'\n", "animate.zoom=a"),
        ("animate", "_target_: animate/film\nzooom: 1\n", "did you mean 'zoom'"),
        ("look", f"{GLOBAL}steps: 0\n", "steps=0 must be"),
        ("look", f"{GLOBAL}steps: []\n", "steps=[] must be"),
        ("look", f"{GLOBAL}stpes: 3\n", "did you mean 'steps'"),
        ("look", f"{GLOBAL}sampler:\n  eta: 7\n", "sampler.eta=7 must be"),
        ("look", f"{GLOBAL}init: nosuch.png\n", "init=nosuch.png: the file is not there"),
        ("look", f"{GLOBAL}steps: ${{nosuch}}\n", "steps refers to ${nosuch}"),
        ("look", f"{GLOBAL}defaults:\n- override /sampler: nope\n", "sampler=nope is not one"),
    ],
)
def test_a_wrong_value_of_a_preset_is_told_with_its_file(tmp_path, group, text, told):
    path = tmp_path / group / "mine.yaml"
    path.parent.mkdir()
    path.write_text(text, encoding="utf-8")
    several = f"[{'clip,' * (group == 'guide')}mine]"
    choice = several if group in ("guide", "output") else "mine"
    words = ["prompt=a", "frames=5"] if group == "animate" else ["prompt=a"]
    line = refused(Composer(words, ["--config-dir", str(tmp_path)]), f"{group}={choice}")
    assert line.startswith(f"{path}: ") and told in line


def test_weights_of_ones_own_card_are_fetched_by_its_file_and_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("GUIDED_CACHE", str(tmp_path / "cache"))
    (tmp_path / "secondary").mkdir()
    (tmp_path / "secondary" / "mine.yaml").write_text(SECONDARY)
    flags = ["--config-dir", str(tmp_path)]
    line = refused(Composer(["prompt=a", "secondary=mine"], flags))
    assert line.endswith(f"models=download --config-dir {tmp_path} secondary=mine")
    card = tmp_path / "card.yaml"
    card.write_text(SECONDARY.replace("secondary/", "model/"))
    line = refused(Composer(["prompt=a", f"model={card}"]))
    assert line.endswith(f"models=download model={card}")
    assert refused(Composer(["prompt=a", "model=imagenet256"], flags)).endswith(
        "models=download model=imagenet256"
    )


def test_a_wrong_value_that_is_typed_names_no_file(tmp_path):
    (tmp_path / "sampler").mkdir()
    (tmp_path / "sampler" / "mine.yaml").write_text("_target_: sampler/ddim\neta: 0.5\n")
    composer = Composer(["prompt=a", "sampler=mine"], ["--config-dir", str(tmp_path)])
    assert refused(composer, "sampler.eta=7").startswith("sampler.eta=7 must be")
    assert refused(composer, "steps=0").startswith("steps=0 must be")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["generator.symmat=vertical"], "'generator.symmat' is not a setting"),
        (["sampler.eta=7"], "sampler.eta=7 must be"),
        (["steps=[]"], "steps=[] "),
        (["look=nosuch"], "look=nosuch is not one of"),
    ],
)
def test_a_wrong_value_of_a_manifest_is_told_with_its_file(words, told):
    composer = composer_of({"words": ["prompt=a", *words]}, "run/manifest.json")
    assert refused(composer).startswith(f"run/manifest.json: {told}")
    assert refused(composer_of({"words": ["prompt=a"]}, "run/manifest.json"), *words).startswith(
        f"run/manifest.json: {told}"
    )
    right = composer_of({"words": ["prompt=a"]}, "run/manifest.json")
    assert refused(right, "device=cuda:99").startswith("device=cuda:99")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
@pytest.mark.parametrize(
    ("wrong", "typed", "told"),
    [
        ({"seed": []}, [], "seed=[] must be"),
        ({"seed": []}, ["steps=30"], "seed=[] must be"),
        ({"size": [3, 4]}, ["steps=30"], "size=[3, 4]: "),
        ({"sampler": {"_target_": "sampler/ddim", "eta": 7}}, ["seed=3"], "sampler.eta=7 must"),
    ],
)
def test_a_wrong_value_of_a_record_is_told_with_the_picture(tmp_path, kind, wrong, typed, told):
    place = write_record(tmp_path / f"a.{kind}", kind, wrong)
    line = refused(Composer(typed, [], Record.read(str(place))))
    assert line.startswith(f"from={place}: {told}")


def test_a_wrong_value_that_is_typed_beside_a_record_is_not_told_with_it(tmp_path):
    recorded = Record.read(str(write_record(tmp_path / "a.png", "png", {})))
    assert refused(Composer(["size=[3,4]"], [], recorded)).startswith("size=[3, 4]: ")


def test_a_setting_of_a_choice_that_a_record_lacks_is_told_with_the_picture(tmp_path):
    recorded = Record.read(str(write_record(tmp_path / "a.png", "png", {})))
    line = refused(Composer(["animate.frame=null"], [], recorded))
    assert line.startswith(f"{recorded.where}: 'animate.frame' needs a choice of animate: ")
    typed = refused(Composer(["prompt=a"]), "animate.frame=null")
    assert typed.startswith("'animate.frame' needs a choice of animate: ")


def write_record(path: Path, kind: str, changed: dict[str, object]) -> Path:
    """Write a picture whose record has other settings."""
    text = record.as_yaml(record.read(FIXTURES / "heart.png") | changed)
    texts = {"parameters": "a", "guided": metadata.encodable(text)}
    path.write_bytes(metadata.encode(Image.new("RGB", (8, 8)), kind, None, texts))
    return path
