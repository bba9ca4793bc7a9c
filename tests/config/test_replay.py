"""`from=`: what is recorded is drawn again, varied by what is typed, and trusted in nothing."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from guided.batch.asked import composer_of
from guided.batch.planning import drawable, plan_batch
from guided.batch.run import begin, draw
from guided.config import replay
from guided.config.composer import Composer
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.config.replay import Record, differences, plain
from guided.errors import BadInput
from guided.runs import record
from guided.runs.manifest import Manifest, Row
from tests.config.records import RESOLVED, WORDS, kept, lasting, settings_of

ROOT = Path(__file__).parents[2]


def test_a_record_alone_is_the_configuration_that_it_was(tmp_path, usual):
    found = lasting(Record.read(kept(tmp_path, usual)).config())
    assert found == {k: v for k, v in usual.items() if k not in ("version", "words")}


@pytest.mark.parametrize(
    "typed",
    [
        ["seed=9"],
        ["look=fine"],
        ["sampler=ddpm", "steps=12"],
        ["guide=[clip,range,smooth]", "guide.smooth.scale=5"],
        ["~guide.range"],
        ["model=imagenet512", "size=[256,256]", "steps=9"],
        ["guide.clip.scale={linear: [[0,9],[1,3]]}"],
        ["prompt=a dog, sitting: ${it}"],
    ],
)
def test_what_is_typed_beside_it_is_as_if_typed_then(tmp_path, usual, typed):
    found = lasting(Record.read(kept(tmp_path, usual)).config(typed))
    before = [word for word in [*WORDS, "seed=7"] if typed[0] != "seed=9" or "seed" not in word]
    expected = lasting(compose([*before, *typed]))
    for name in ("size", "steps"):  # a record has those that nobody asked for
        expected[name] = RESOLVED[name] if expected[name] is None else expected[name]
    assert found == expected | {"device": "cpu", "precision": "float32"}


def test_another_model_is_drawn_at_its_own_size(tmp_path, usual):
    cfg = Record.read(kept(tmp_path, usual)).config(["model=imagenet256"])
    assert cfg.size is None
    assert cfg.steps is None


@pytest.mark.parametrize(
    ("typed", "threads"),
    [
        ([], 1),
        (["seed=3"], 1),
        (["size=[256,256]"], "auto"),
        (["clip=vit_b32"], "auto"),
        (["clip=vit_b32", "threads=4"], 4),
    ],
)
def test_threads_are_those_of_the_record_unless_the_models_are_others(
    tmp_path, usual, typed, threads
):
    path = kept(tmp_path, usual | {"threads": 1})
    assert Record.read(path).config(typed).threads == threads


def test_the_embedded_model_of_another_version_is_todays_and_told(tmp_path, usual, caplog):
    other = usual["model"] | {"sha256": "0" * 64, "unet": usual["model"]["unet"] | {"dense": 16}}
    cfg = Record.read(kept(tmp_path, usual | {"model": other})).config()
    assert plain(cfg.model) == usual["model"]
    assert "earlier version of model=embedded" in caplog.text
    caplog.clear()
    unsaid = usual["model"] | {"sha256": ""}  # as version 0.1 wrote it, with the first weights
    older = tmp_path / "older"
    older.mkdir()
    today = Record.read(kept(older, usual | {"model": unsaid})).config().model
    assert plain(today) == usual["model"]
    assert "earlier version of model=embedded" in caplog.text


def test_what_was_recorded_outlasts_other_defaults(tmp_path, usual):
    """As a version with another default for it would read the record."""
    old = usual | {"cutouts": usual["cutouts"] | {"inner": 3}}
    cfg = Record.read(kept(tmp_path, old)).config(["seed=9", "cutouts.overview=1"])
    assert (cfg.cutouts.inner, cfg.cutouts.overview, cfg.seed) == (3, 1, 9)


def test_manners_of_versions_without_that_setting_stay_prompts(tmp_path, usual):
    before = {name: value for name, value in usual.items() if name != "manner"}
    assert Record.read(kept(tmp_path, before)).config().manner == "none"
    assert Record.read(kept(tmp_path, usual)).config().manner == "auto"


def test_a_record_by_hand_keeps_todays_manner_in_a_batch(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("prompt: watercolour of a cat\n")
    record = Record.read(str(path))
    again = Record.kept(record.as_base())
    assert again is not None
    assert record.config().manner == again.config().manner == "auto"


def test_choices_that_are_gone_do_not_stop_it(tmp_path, usual, caplog):
    lost = usual | {"words": ["prompt=x", "look=of_somebody_else"]}
    cfg = Record.read(kept(tmp_path, lost)).config(["seed=9"])
    assert (cfg.seed, cfg.guide.clip.scale) == (9, 700)
    assert "of_somebody_else" in caplog.text


def test_records_without_words_are_varied_too(tmp_path, usual):
    old = {k: v for k, v in settings_of("guide=[clip,smooth]").items() if k != "words"}
    cfg = Record.read(kept(tmp_path, old | {"prompt": "x"})).config(["guide.smooth.scale=5"])
    assert cfg.guide.smooth.scale == 5
    assert set(cfg.guide) == {"clip", "smooth"}


def test_a_choice_that_the_record_has_too_stays_as_it_is_there(tmp_path, usual):
    old = {k: v for k, v in usual.items() if k != "words"}
    clip = next(iter(usual["clip"]))
    old["guide"] = usual["guide"] | {"clip": usual["guide"]["clip"] | {"scale": 7777}}
    old["clip"] = usual["clip"] | {clip: usual["clip"][clip] | {"weight": 0.25}}
    old["model"] = usual["model"] | {"recommended": usual["model"]["recommended"] | {"scale": 77}}
    typed = ["guide=[clip,range,smooth]", "clip=[embedded]", "model=embedded"]
    found = plain(Record.read(kept(tmp_path, old)).config(typed))
    assert list(found["guide"]) == ["clip", "range", "smooth"]
    assert found["guide"]["clip"] == old["guide"]["clip"]
    assert found["clip"] == old["clip"]
    assert found["model"] == old["model"]
    found = Record.read(kept(tmp_path, old)).config([*typed, "guide.clip.scale=5"])
    assert found.guide.clip.scale == 5
    assert set(Record.read(kept(tmp_path, old)).config(["guide=[clip]"]).guide) == {"clip"}


def test_a_model_of_that_name_in_another_place_is_the_one_that_is_typed(tmp_path, usual):
    card = usual["model"] | {"file": "/nowhere/embedded.safetensors"}
    old = {k: v for k, v in usual.items() if k != "words"} | {"model": card}
    cfg = Record.read(kept(tmp_path, old)).config(["model=embedded"])
    assert cfg.model.file == usual["model"]["file"]


def test_differences_come_in_one_order_in_every_process():
    """Guides are summed, and settings written, in the order in which they are chosen."""
    names = [f"setting{k}" for k in range(20)]
    found = differences({"prompt": 1}, {"prompt": 1} | dict.fromkeys(names, 2))
    assert [path for path, _ in found] == [(name,) for name in names]


def test_what_a_batch_keeps_of_a_record_is_the_same_to_the_byte(tmp_path, usual):
    timed = usual | {"prompt": {0: "a seed", 0.5: "a tree"}, "words": []}
    composer = Composer(["seed=9"], [], Record.read(kept(tmp_path, timed)))
    first = plan_batch(composer, [Row()], "")
    first.manifest.write(tmp_path)
    again = drawable(composer_of(Manifest.read(tmp_path).base), Row())
    assert list(again.settings["prompt"]) == [0, 0.5]
    assert record.as_yaml(again.settings) == record.as_yaml(first.first.settings)


def test_wildcards_stay_as_they_were_decided_until_the_prompt_is_another(tmp_path, usual):
    decided = usual | {"prompt": "a {red|blue} __thing__", "drawn": ["a red {hat}"]}
    recorded = Record.read(kept(tmp_path, decided))
    assert [p.text for p in Plan.read(recorded.config(["seed=3"])).prompts_of(3)] == [
        "a red {hat}"
    ]
    anew = Plan.read(recorded.config(["prompt={blue|blue} sun"]))
    assert [p.text for p in anew.prompts_of(7)] == ["blue sun"]


def test_texts_in_a_record_are_never_looked_up(tmp_path, usual):
    sly = usual | {"prompt": "${oc.env:HOME} ${seed} ???", "negative": "???"}
    cfg = Record.read(kept(tmp_path, sly)).config()
    assert plain(cfg)["prompt"] == "${oc.env:HOME} ${seed} ???"
    assert plain(cfg)["negative"].strip() == "???"


def test_folder_and_cache_are_the_users_own(tmp_path, usual):
    sly = usual | {"folder": "/etc", "cache": "/etc", "name": "../x", "models": "download"}
    cfg = Record.read(kept(tmp_path, sly)).config()
    assert (cfg.folder, cfg.cache, cfg.name, cfg.models) == ("outputs", None, None, None)


def test_one_of_a_group_that_was_drawn_together_says_so(tmp_path, usual, caplog):
    cfg = Record.read(kept(tmp_path, usual | {"batch_size": 4})).config()
    assert cfg.batch_size == 1
    assert "batch_size=4" in caplog.text


def test_a_photo_that_is_another_by_now_is_told(tmp_path, caplog):
    photo = tmp_path / "photo.png"
    Image.new("RGB", (32, 32), "red").save(photo)
    composer = Composer([f"init={photo}", "prompt=x", "steps=20"])
    made = drawable(composer, Row()).settings | RESOLVED
    path = kept(tmp_path, made)
    Record.read(path).config()
    assert "not the file" not in caplog.text
    Image.new("RGB", (32, 32), "blue").save(photo)
    Record.read(path).config()
    assert "is not the file that it was" in caplog.text


def test_a_mask_is_recorded_with_its_file_and_changed_setting_by_setting(tmp_path, caplog):
    photo, mask = tmp_path / "photo.png", tmp_path / "mask.png"
    Image.new("RGB", (32, 32), "red").save(photo)
    Image.new("L", (32, 32), "white").save(mask)
    words = [f"init={photo}", f"mask={mask}", "mask.grow=2", "outpaint=[0,0,32,0]"]
    made = drawable(Composer([*words, "prompt=x", "steps=20"]), Row())
    assert made.plan.size == (64, 32)
    path = kept(tmp_path, made.settings | RESOLVED)
    cfg = Record.read(path).config(["mask.blur=3"])
    assert (cfg.mask.area, cfg.mask.grow, cfg.mask.blur) == (str(mask), 2, 3)
    assert Plan.read(cfg).size == (64, 32)  # and not outpainted twice
    assert Record.read(path).config(["mask=[0,0,1,1]"]).mask.grow == 2
    assert Record.read(path).config(["mask=null"]).mask.area is None
    caplog.clear()
    Image.new("L", (32, 32), "gray").save(mask)
    Record.read(path).config()
    assert "mask.png is not the file that it was" in caplog.text


def test_a_record_by_hand_may_say_a_mask_as_it_is_typed(tmp_path, usual, caplog):
    cfg = Record.read(kept(tmp_path, usual | {"mask": [0, 0, 0.5, 1]})).config()
    assert cfg.mask.area == [0, 0, 0.5, 1]
    Record.read(kept(tmp_path, usual | {"mask": {"area": None, "feather": 3}})).config()
    assert "mask.feather is not a setting of this version" in caplog.text


def test_a_run_of_several_rows_is_drawn_again_row_by_row(tmp_path, usual):
    rows = [Row(["prompt=a sun", "steps=3"]), Row(["sampler=ddpm", "folder=/etc"])]
    Manifest("x", {"words": WORDS, "settings": None}, rows, []).write(tmp_path)
    (tmp_path / "run.yaml").write_text(record.as_yaml(usual), encoding="utf-8")
    for path in (tmp_path, tmp_path / "run.yaml"):
        recorded = Record.read(str(path))
        assert [row.words for row in recorded.rows_with([])] == [rows[0].words, ["sampler=ddpm"]]
        first, second = (recorded.config(row.words) for row in recorded.rows_with(["steps=9"]))
        assert (first.prompt, second.prompt) == ("a sun", "a red heart")
        assert second.sampler._target_ == "sampler/ddpm"
    first = recorded.rows_with(["steps=9"])[0]
    assert first.words == ["prompt=a sun"]


def test_a_run_in_which_only_some_rows_have_a_seed_is_drawn_again_with_the_same(tmp_path):
    composer = Composer(["steps=20"])
    batch = plan_batch(composer, [Row(["prompt=a", "seed=5"]), Row(["prompt=b"])], "")
    recorded = Record.read(str(begin(batch, composer, tmp_path)))
    again = plan_batch(Composer([], [], recorded), recorded.rows_with([]), "")
    seeds = [picture.seed for picture in batch.manifest.pictures]
    assert seeds[0] == 5 != seeds[1]
    assert [picture.seed for picture in again.manifest.pictures] == seeds


def test_ones_own_presets_may_stand_beside_it(tmp_path, usual):
    (tmp_path / "look").mkdir()
    (tmp_path / "look" / "mine.yaml").write_text("# @package _global_\nsteps: 17\n")
    recorded = Record.read(kept(tmp_path, usual))
    assert recorded.config(["look=mine"], ["--config-dir", str(tmp_path)]).steps == 17


def test_shown_settings_are_settings_again(tmp_path, usual, caplog):
    recorded = Record.read(kept(tmp_path, usual | {"prompt": "猫 \x1b[31m\nsteps=1"}))
    shown = replay.text(recorded, ["seed=9"])
    command, _, body = shown.partition("\n")
    assert command.startswith("# python run.py ")
    assert "seed=9" in command
    assert "seed=7" not in command
    assert "\x1b" not in shown
    again = tmp_path / "again.yaml"
    again.write_text(shown, encoding="utf-8")
    assert lasting(Record.read(str(again)).config()) == lasting(recorded.config(["seed=9"]))
    assert yaml.safe_load(body)["prompt"] == "猫 \x1b[31m\nsteps=1"


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", str(ROOT / "run.py"), *words],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_bad_input_leaves_with_2_and_without_torch(tmp_path, usual):
    path = kept(tmp_path, usual)
    for words in ([f"from={tmp_path}/x y.png"], [f"from={path}", "steps=0"], ["show=true"]):
        done = run(*words)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
        assert done.returncode == 2
        assert len(lines) == 1, lines
        assert lines[0].startswith("error: ")
        assert "| torch\n" not in done.stderr


def test_showing_draws_nothing_and_needs_no_torch(tmp_path, usual):
    done = run(f"from={kept(tmp_path, usual)}", "show=true", f"folder={tmp_path}/out")
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["seed"] == 7
    assert "| torch\n" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("format", ["png", "jpeg"])
def test_the_same_picture_is_drawn_again(tmp_path, caplog, format):
    """Of several, with wildcards, from noise, put aside by keep=: to the last byte of the file."""
    caplog.set_level(logging.ERROR)
    words = ["prompt={a|b} {c|d} heart", "seed=5", "count=2", "keep=1", "init=perlin", "steps=4"]
    words += ["sampler.recurrence=1", "cutouts.overview=1", "cutouts.inner=1", "output=[still]"]
    words += [f"folder={tmp_path}/first", f"output.still.format={format}"]
    folder = draw(words)
    (aside,) = (folder / "others").iterdir()
    recorded = Record.read(str(aside))
    typed = [f"folder={tmp_path}/again"]
    again = draw(typed, recorded=recorded)
    (picture,) = again.glob("image_*")
    assert picture.read_bytes() == aside.read_bytes()


@pytest.mark.parametrize(
    ("recorded", "typed", "named"),
    [
        ({"count": -1}, [], True),
        ({}, ["count=-1"], False),  # it is the command's own
        ({"count": -1}, ["steps=9"], True),
    ],
)
def test_a_value_of_a_record_that_cannot_be_is_told_with_the_record(
    tmp_path, usual, recorded, typed, named
):
    path = kept(tmp_path, usual | recorded)
    composer = Composer(typed, [], Record.read(path))
    with pytest.raises(BadInput, match="count=-1 must be a whole number") as caught:
        drawable(composer, Row())
    assert str(caught.value).startswith(f"from={path}: ") is named


@pytest.mark.parametrize("none", ["animate=none", "animate=null"])
def test_the_record_of_a_film_is_drawn_as_a_picture_with_animate_none(tmp_path, none):
    words = [*WORDS, "animate=2d", "animate.zoom=1.1", "frames=9", "fps=5"]
    settings = settings_of(*words)
    settings["animate"] |= {"frame": 3, "before": "gone.png"}
    found = Record.read(kept(tmp_path, settings | {"words": words}))
    cfg = found.config([none])
    assert lasting(cfg) == lasting(Record.read(kept(tmp_path, settings_of(*WORDS))).config())
    assert Plan.read(cfg).film is None
    again = [one.raw for one in found.typed_with([none])]
    assert again == [*WORDS, "animate=none"]
    assert found.config(["animate=3d"]).frames == 9
