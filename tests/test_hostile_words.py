"""Command lines with values of odd types, sizes and depths: each is one line and exit code 2."""

import json
import logging
import sys
from pathlib import Path

import pytest

from guided.__main__ import hydra_job
from guided.batch import run as batch_run
from guided.batch.asked import composer_of
from guided.cli import main
from guided.config import schema
from guided.errors import BadInput
from guided.runs import record
from guided.runs.manifest import Manifest
from guided.untrusted import interpolation

ROOT = Path(__file__).parent.parent
HUGE = "9" * 400
LONG = "a" * 300


@pytest.fixture
def refuse(monkeypatch, capsys):
    """What is said of a command line: one line, and code 2; nothing is drawn."""

    def begin(*given):
        raise AssertionError("it draws")

    schema.register()
    interpolation.forget_environment()
    monkeypatch.setattr(batch_run, "begin", begin)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def refused(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["run.py", *words])
        code = main.guard(hydra_job(), sys.argv)
        said = capsys.readouterr()
        assert code == main.BAD_INPUT, said.err
        assert said.out == "" and said.err.startswith("error: ")
        assert said.err.count("\n") == 1 and said.err[:-1].isprintable()
        assert len(said.err) < 2100
        return said.err

    return refused


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("artist=[[hokusai]]", "artist="),
        ("clip=[null]", "null"),
        ("clip=[[]]", "clip="),
        ("guide=[nan]", "nan"),
        ("+sampler=[nan]", "nan"),
        ("+generator=[1]", "generator="),
        ("output=[1]", "output="),
        ("model=[embedded]", "without brackets"),
        ("model.size=[]", "size=[]"),
        ("model.unet.channel_mult=[1e308]", "channel_mult=1e+308"),
        ("model.unet.num_res_blocks=1e9", "num_res_blocks"),
        ("model.unet.num_res_blocks=1000000000", "the nearest is 100"),
        ("guide.clip.scale=" + "[" * 150 + "]" * 150, "deep"),
        ("folder=~nosuchuser/x", "folder=~nosuchuser/x"),
        ("cache=~nosuchuser", "cache=~nosuchuser"),
        (f"wildcards={LONG}", "wildcards="),
        (f"model={LONG}", "model="),
        (f"model=./{LONG}", "too long"),
        (f"clip=[./{LONG}]", "too long"),
        (f"init={LONG}", "too long"),
        (f"folder={LONG}", "too long"),
        ("init=a\0b", "NUL"),
        ("output.steps.every=9999999999999999999999999", "output.steps.every"),
        ("seed=${now:%Y}", "other settings only"),
        ("seed=${oc.create:3}", "other settings only"),
        ("steps=${.}", "other settings only"),
        ("steps=${..}", "other settings only"),
        ("steps=${steps}", "steps"),
        ("sampler._target_=[a]", "_target_"),
        ("drawn=[[a]]", "drawn"),
        ("hydra.searchpath=[pkg://json]", "Hydra's own"),
        ("+hydra.callbacks.x._target_=os.system", "Hydra's own"),
        ("steps=\x1b[31mred", r"\x1b"),
        ("sampler=a\u202eb", "sampler"),
        ("sampler=a\rb", "sampler"),
        *[
            (f"{setting}={HUGE}", setting)
            for setting in (
                *("steps", "seed", "count", "guide.clip.scale", "sampler.eta", "size"),
                *("memory", "skip", "strength", "generator.every", "checkpoint", "keep"),
                *("batch_size", "model.megabytes", "model.unet.num_channels"),
                "output.still.enlarge",
            )
        ],
        *[
            (f"{setting}=[{HUGE}]", setting)
            for setting in ("generator.symmetry_at", "output.steps.at", "size")
        ],
        (f"cutouts.overview=[[0,{HUGE}]]", "cutouts.overview"),
        (f"cutouts.overview=[[{HUGE},1]]", "cutouts.overview"),
    ],
)
def test_a_value_of_another_kind_is_refused_in_one_line(refuse, word, part):
    assert part in refuse("prompt=x", word)


@pytest.mark.parametrize(
    "prompt",
    [
        "{}",
        "{a|" * 20_000,
        "[" * 150 + "]" * 150,
        f"fog:{HUGE}",
        f"['a:{'9' * 308}','b:{'9' * 308}']",
        "[{text: a, weight: 1e308},{text: b, weight: 1e308}]",
        f"{{text: a, weight: {HUGE}}}",
        f"{{0: a, {HUGE}: b}}",
        f"a __{'b' * 300}__",
    ],
)
def test_an_odd_prompt_is_refused_in_one_line(refuse, prompt):
    assert "prompt" in refuse(f"prompt={prompt}")


@pytest.mark.parametrize(
    "words",
    [
        ["seed=range(0,10,0)"],
        ["seed=range(0,1000000000)"],
        ["seed=range(0,1e12)"],
        ["seed=range(0,1000)", "steps=range(1,1000)", "count=range(1,1000)"],
        ["seed=shuffle(range(0,1000000000))"],
        ["seed=range(0,nan)"],
    ],
)
def test_sweeps_are_counted_before_they_are_expanded(refuse, words):
    assert "seed=" in refuse("-m", "prompt=x", *words)


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["--experimental-rerun", "x"], "resume=FOLDER"),
        (["--experimental-rerun=x"], "resume=FOLDER"),
        (["--config-path", "/tmp"], "--config-dir"),
        (["-cp", "/tmp"], "--config-dir"),
        (["--config-name", "nope"], "look=NAME"),
        (["-x"], "-x is not a flag"),
        (["--cfg", "nope"], "--cfg job"),
        (["--cfg=all"], "--cfg job"),
        (["--cfg"], "needs a value"),
        (["--info", "nope"], "--cfg job"),
        (["--package", "x"], "--cfg job"),
        (["--resolve"], "--cfg job"),
        (["--hydra-help"], "--help"),
        (["--run"], "without a flag"),
        (["--config-dir"], "needs a value"),
        (["--config-dir", "/no/such"], "no folder"),
        (["--mutlirun"], "--multirun"),
    ],
)
def test_flags_that_are_not_there_name_what_to_use(refuse, flags, part):
    assert part in refuse("prompt=x", *flags)


@pytest.mark.parametrize(
    "setting", ["from", "resume", "gallery", "prompts", "import", "image_prompt"]
)
@pytest.mark.parametrize("path", ["~nosuchuser/x.txt", f"{LONG}.txt", "a\0b.txt"])
def test_paths_that_no_file_can_have(refuse, setting, path):
    assert f"{setting}=" in refuse(f"{setting}={path}")


# ---- presets of one's own ------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"steps: !!int text\n",
        b"steps: caf\xe9\n",
        b"steps: 1\nsteps: 2\n",
        b"steps: ${oc.env:HOME}\n",
        b"steps: " + b"9" * 400 + b"\n",
        b"steps: " + b"[" * 150 + b"]" * 150 + b"\n",
        b"hydra: {callbacks: {x: {_target_: os.system}}}\n",
        b"defaults: [{override /hydra/launcher: joblib}]\n",
        b"defaults: [/hydra/output@x]\n",
        b"null: 3\n",
        b"- a\n",
    ],
)
def test_a_preset_of_ones_own_is_checked_when_it_is_composed(refuse, tmp_path, body):
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "mine.yaml").write_bytes(b"# @package _global_\n" + body)
    assert "mine.yaml" in refuse("--config-dir", str(tmp_path), "prompt=x", "look=mine")
    assert "mine.yaml" in refuse(
        "--config-dir", str(tmp_path), "prompt=x", "look=mine", "--cfg", "job"
    )


def test_no_preset_lies_outside_of_its_folder(refuse, tmp_path):
    (tmp_path / "mine" / "look").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("steps: 3\n")
    (tmp_path / "mine" / "look" / "mine.yaml").symlink_to(tmp_path / "secret.yaml")
    assert "outside" in refuse("--config-dir", str(tmp_path / "mine"), "prompt=x", "look=mine")


# ---- records and manifests -----------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "prompt: x\nsteps: many\n",
        "prompt: x\nmodel: {name: embedded}\n",
        "prompt: x\nsampler: {_target_: [a]}\n",
        "prompt: x\ngenerator: null\n",
        "prompt: !!int x\n",
        "prompt: x\nnull: 1\n",
        "prompt: x\nseed: " + "9" * 400 + "\n",
        "prompt: x\nseed: 2026-01-01\n",
        "prompt: x\nsize: 16:9\n",
    ],
)
def test_a_record_that_cannot_be_drawn(refuse, tmp_path, body):
    (tmp_path / "run.yaml").write_text(body)
    assert "from=" in refuse(f"from={tmp_path / 'run.yaml'}")


@pytest.mark.parametrize(
    "change",
    [
        {"base": None},
        {"base": {}},
        {"base": [1]},
        {"pictures": [{"number": 0, "row": 0, "seed": 0, "score": 10**400}]},
        {"pictures": [{"number": 0, "row": 0, "seed": 0, "group": 10**400}]},
        {"rows": [None]},
    ],
)
def test_a_manifest_that_cannot_be(tmp_path, change):
    whole = {
        "title": "x", "base": {"words": ["prompt=x"]}, "rows": [{"words": []}],
        "pictures": [{"number": 0, "row": 0, "seed": 0}],
    }  # fmt: skip
    (tmp_path / "manifest.json").write_text(json.dumps(whole))
    assert Manifest.read(tmp_path).pictures
    (tmp_path / "manifest.json").write_text(json.dumps(whole | change))
    with pytest.raises(BadInput, match=r"manifest\.json cannot be read"):
        Manifest.read(tmp_path)


def test_of_a_manifests_flags_only_folders_of_presets_are_kept(tmp_path):

    flags = ["--config-path", "/tmp", "--config-dir", str(tmp_path), "--config-name", "x"]
    composer = composer_of({"words": ["prompt=x"], "flags": [*flags, "--experimental-rerun"]})
    assert composer.flags == ["--config-dir", str(tmp_path)]


def test_odd_text_survives_a_record_and_prints_as_escapes():
    settings = {"prompt": "a\x1b[31m\u202eb\u2028 一只猫 👩\u200d🚀", "n": 3}
    text = record.as_yaml(settings)
    assert "\x1b" not in text and "\u202e" not in text and "\u2028" not in text
    assert record.from_yaml(text, "x") == settings
    assert "一只猫" in record.as_yaml({"prompt": "一只猫"})
