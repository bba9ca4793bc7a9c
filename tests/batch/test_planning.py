"""A batch before its first step: pictures have numbers and seeds, and bad rows are found."""

import subprocess
import sys
from pathlib import Path

import pytest

from guided.batch import planning
from guided.batch.asked import composer_of
from guided.batch.planning import (
    drawable,
    original_cwd,
    plan_batch,
    planned,
    warn_if_changed,
)
from guided.batch.run import begin
from guided.config import choices, composition
from guided.config.composer import Composer
from guided.config.overrides import parse_all, raws
from guided.config.replay import Record
from guided.errors import BadInput
from guided.runs.manifest import Row


def plan(*rows, words=("steps=20",)):
    return plan_batch(Composer(list(words)), [Row(list(row), where=f"p:{k}") for k, row in
                                              enumerate(rows, 1)], "")  # fmt: skip


def test_numbers_run_through_the_batch_and_seeds_through_each_row():
    batch = plan(["prompt=a", "seed=5", "count=2"], ["prompt=b", "seed=9"])
    pictures = batch.manifest.pictures
    assert [(p.number, p.row, p.seed) for p in pictures] == [(0, 0, 5), (1, 0, 6), (2, 1, 9)]
    assert [p.prompt for p in pictures] == ["a", "a", "b"]
    assert {p.state for p in pictures} == {"queued"}


def test_what_is_not_wanted_stands_apart_from_the_prompt():
    batch = plan(["prompt=['a fox','fog:-1']"], ["prompt=a fox", "negative=rain"], ["prompt=a"])
    assert [(p.prompt, p.unwanted) for p in batch.manifest.pictures] == [
        ("a fox", "fog"), ("a fox", "rain"), ("a", ""),
    ]  # fmt: skip


def test_presets_have_the_names_of_their_files_however_they_are_typed():
    names = ["hokusai", "[hokusai:0.5]", "Katsushika Hokusai", "葛饰北斋"]
    batch = plan(*(["prompt=a", f"artist={name}", "look=[draft]"] for name in names), ["prompt=a"])
    *alike, without = [row.presets for row in batch.manifest.rows]
    assert alike == [{"artist": ["hokusai"], "look": ["draft"]}] * 4
    assert without == {"artist": [], "look": []}


def test_without_a_seed_all_rows_have_the_same_so_that_they_can_be_compared():
    seeds = {p.seed for p in plan(["prompt=a"], ["prompt=b"]).manifest.pictures}
    assert len(seeds) == 1


def test_pictures_that_are_drawn_together_are_of_one_row():
    batch = plan(["prompt=a", "count=3", "batch_size=2"], ["prompt=b", "batch_size=2"])
    assert [p.group for p in batch.manifest.pictures] == [0, 0, 2, 3]


def test_a_bad_row_leaves_the_rest_and_keeps_its_numbers():
    batch = plan(["prompt=a"], ["prompt=b", "sampler.eta=7", "count=2", "seed=4"], ["prompt=c"])
    assert [p.state for p in batch.manifest.pictures] == ["queued", "failed", "failed", "queued"]
    assert [p.seed for p in batch.manifest.pictures[1:3]] == [4, 5]
    assert batch.wrong[1].startswith("p:2: ")
    assert "sampler.eta=7" in batch.manifest.failed[0].why


def test_rows_that_are_all_bad_are_bad_input_with_the_first_line():
    with pytest.raises(BadInput, match=r"p:1: .*seed=x"):
        plan(["prompt=a", "seed=x"], ["prompt=b", "stepz=3"])


def test_artists_of_ones_own_are_in_wildcards_wherever_a_batch_is_worked_on(tmp_path):
    (tmp_path / "artist").mkdir()
    (tmp_path / "artist" / "me.yaml").write_text(
        "me:\n  _target_: guided.prompts.styles.Artist\n  name: {en: Mina Ona}\n"
    )
    composer = Composer(["prompt=by __artist__", "steps=20"], ["--config-dir", str(tmp_path)])
    base = plan_batch(composer, [Row()], "").manifest.base
    for found in (composer, composer_of(base)):  # the second is who resumes, or another process
        assert "Mina Ona" in drawable(found, Row()).plan.wildcards.words("artist")


def test_relative_paths_are_from_where_the_batch_was_asked_for(tmp_path, monkeypatch, caplog):
    for place in ("here", "there"):
        (tmp_path / place / "lists").mkdir(parents=True)
        (tmp_path / place / "lists" / "pet.txt").write_text(f"cat from {place}\n")
    monkeypatch.chdir(tmp_path / "here")
    base = plan(["prompt=a __pet__"], words=["steps=20", "wildcards=lists"]).manifest.base
    monkeypatch.chdir(tmp_path / "there")
    with original_cwd(base["cwd"]):
        (found,) = drawable(composer_of(base), Row(["prompt=a __pet__"])).plan.prompts_of(0)
    assert found.text == "a cat from here"
    assert Path.cwd() == tmp_path / "there"
    for name in ("gone", "a" * 300, "a\0b"):
        with original_cwd(str(tmp_path / name)):
            assert Path.cwd() == tmp_path / "there"
    assert f"{tmp_path}/gone" in caplog.text


def test_a_row_whose_settings_have_changed_since_is_told(tmp_path, caplog):
    preset = tmp_path / "look" / "mine.yaml"
    preset.parent.mkdir()
    preset.write_text("# @package _global_\nsteps: 21\n")
    flags = ["--config-dir", str(tmp_path)]
    rows = [
        Row(["prompt=a sun"]),
        Row(["look=mine", "prompt=a cat"], where="p.csv:3"),
        Row(["steps=x"]),
    ]
    base = plan_batch(Composer(["seed=1"], flags), rows, "").manifest.base

    def told(*more: str) -> str:
        caplog.clear()
        for number, row in enumerate(rows[:2]):
            found = drawable(composer_of(base), row, more)
            warn_if_changed(base, number, row, found.fingerprint)
        return caplog.text

    assert "row" not in told("device=cpu")
    preset.write_text("# @package _global_\nsteps: 22\n")
    (line,) = told().strip().splitlines()
    assert "row 1 (p.csv:3)" in line
    assert base["fingerprints"][2] is None


def test_rows_are_checked_without_torch():
    program = (
        "import sys; import guided.batch.run; from guided.runs.manifest import Row;"
        "from guided.batch.planning import plan_batch;"
        "from guided.config.composer import Composer;"
        "plan_batch(Composer(['steps=20']), [Row(['prompt=x'])], '');"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_picture_records_the_words_of_its_row_without_those_of_the_run(tmp_path):
    """What one would type to draw it alone, wherever it is kept."""
    composer = Composer(["prompt=a sun", "count=4", "seed=5", f"folder={tmp_path}", "steps=20"])
    made = drawable(composer, Row(["sampler.eta=0.5", "keep=2"]))
    assert made.settings["words"] == ["prompt=a sun", "steps=20", "sampler.eta=0.5"]


def test_rows_with_a_random_seed_have_one_each_which_is_recorded() -> None:
    words = ["seed=-1", "seed=random", "seed=5", "steps=20", "seed=-1"]
    rows = [Row(raws(parse_all([word]))) for word in words]
    batch = plan_batch(Composer(parse_all(["prompt=x"])), rows, "")
    first, second, given, usual, last = (picture.seed for picture in batch.manifest.pictures)
    assert given == 5 and usual == batch.manifest.base["seed"]
    assert len({first, second, last, usual}) == 4
    for number, seed in ((0, first), (1, second), (4, last)):
        assert rows[number].words == [f"seed={seed}"] and rows[number].settings == {"seed": seed}


def test_a_random_seed_of_a_whole_command_is_drawn_once() -> None:
    batches = [
        plan_batch(Composer(parse_all(["prompt=x", "seed=-1", "count=3"])), [Row()], "")
        for _ in range(2)
    ]
    seeds = [[picture.seed for picture in batch.manifest.pictures] for batch in batches]
    assert seeds[0] != seeds[1]
    for first, *others in seeds:
        assert 0 <= first < 2**32 and others == [first + 1, first + 2]


def test_a_record_names_presets_that_are_not_here_any_more(tmp_path, monkeypatch):
    """A run with a preset of one's own, drawn again without its folder: one picture, not two."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "artist").mkdir(parents=True)
    text = "me:\n  _target_: artist\n  name: {en: Me}\n  words: {en: thick lines}\n  weight: 1\n"
    (tmp_path / "own" / "artist" / "mine.yaml").write_text(text)
    composer = Composer(["prompt=a", "artist=[mine]", "seed=3"], ["--config-dir", "own"])
    first = begin(plan_batch(composer, [Row()], ""), composer, tmp_path / "outputs")
    again = Composer([], [], Record.read(str(first)))
    batch = plan_batch(again, [Row()], "")
    assert [(one.number, one.seed, one.state) for one in batch.manifest.pictures] == [
        (0, 3, "queued")
    ]
    assert batch.manifest.rows[0].presets == {"artist": ["me"], "look": []}


ARTISTS = [Row([f"artist=[{name}]"]) for name in choices.names("artist")]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["prompt=a", "model.schedule=auto"], "model.schedule="),
        (["steps=20"], "prompt is empty"),
        (["prompt=a", "nosuch=1"], "'nosuch' is not a setting"),
    ],
)
def test_an_error_of_all_of_many_rows_is_found_in_three(monkeypatch, words, told):
    tried: list[Row] = []

    def counted(composer, row, *more, **rest):
        tried.append(row)
        return planned(composer, row, *more, **rest)

    monkeypatch.setattr(planning, "planned", counted)
    with pytest.raises(BadInput, match=told):
        plan_batch(Composer(words), ARTISTS, "")
    assert len(tried) == 3 < len(ARTISTS)


def test_settings_of_a_preset_that_rows_do_not_choose_are_found_without_composing(monkeypatch):
    """Its own row is composed, as the base is."""
    composed: list[object] = []
    before = composition.composed
    monkeypatch.setattr(composition, "composed", lambda *a: (composed.append(a), before(*a))[1])
    words = ["prompt=a", "artist=[hokusai]", "artist.hokusai.weight=2", "steps=20"]
    batch = plan_batch(Composer(words), ARTISTS, "")
    assert len(batch.wrong) == len(ARTISTS) - 1 and len(composed) < 4
    assert "hokusai is not chosen; choose it with artist=[turner,hokusai]" in " ".join(
        batch.wrong.values()
    )


def test_a_picture_alone_is_recorded_as_drawn_alone():
    for count, together in ((1, 1), (2, 2), (6, 4)):
        words = ["prompt=a", "steps=20", f"count={count}", "batch_size=4"]
        assert drawable(Composer(words), Row()).settings["batch_size"] == together
    with pytest.raises(BadInput, match="batch_size=1000"):
        drawable(Composer(["prompt=a", "batch_size=1000"]), Row())


def test_an_error_of_the_first_of_many_rows_leaves_the_others():
    """It is of what the rows differ in, or the last of them has none."""
    rows = [Row(["prompt=a:0"]), *(Row([f"prompt={k}"]) for k in range(8))]
    assert list(plan_batch(Composer(["steps=20"]), rows, "").wrong) == [0]


def test_a_row_of_a_file_is_not_told_of_sweeps() -> None:
    """-m sweeps what is typed, and no cell of a table."""
    rows = [Row(["prompt=a", "guide.clip.scale=1,2"], {}, where) for where in ("p.csv:2", "")]
    in_file, typed = plan_batch(
        Composer(["steps=2"]), [*rows, Row(["prompt=b"])], ""
    ).wrong.values()
    assert in_file.startswith("p.csv:2: guide.clip.scale=1,2: several") and " -m" not in in_file
    assert typed.endswith("; a sweep over them needs -m")
