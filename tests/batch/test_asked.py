"""The rows of a command: the product of a table's, a named batch's and a sweep's."""

import logging

import pytest

from guided.batch import asked
from guided.errors import BadInput


def words_of(*words: str, flags: tuple[str, ...] = ()) -> list[list[str]]:
    return [row.words for row in asked.Words.of(words).rows(flags, None).rows]


def test_a_command_has_one_row_and_a_sweep_its_product(tmp_path, monkeypatch):
    assert words_of("prompt=x") == [[]]
    rows = words_of("prompt=x", "seed=1,2", "steps=20,30", flags=("-m",))
    assert rows == [[f"seed={seed}", f"steps={n}"] for seed in (1, 2) for n in (20, 30)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two.txt").write_text("a sun\na moon\n", encoding="utf-8")
    rows = words_of("prompts=two.txt", "seed=1,2", flags=("-m",))
    assert rows == [
        [f"prompt={text}", f"seed={k}"] for text in ("a sun", "a moon") for k in (1, 2)
    ]


def test_what_holds_for_all_rows_is_read_once():
    found = asked.Words.of(["prompt=x", "name=mine", "folder=there"]).rows([], None)
    assert (found.title, str(found.root), found.debug, found.workers) == (
        "mine",
        "there",
        False,
        1,
    )


@pytest.mark.parametrize("workers", [0, 1001])
def test_a_number_of_workers_out_of_range_is_bad_input(workers):
    with pytest.raises(BadInput, match=f"workers={workers} must be"):
        asked.read_workers(workers)


def test_a_folder_is_found_by_its_path_or_as_the_latest(tmp_path):
    with pytest.raises(BadInput, match="there is no folder"):
        asked.find_folder(str(tmp_path / "none"), str(tmp_path))
    with pytest.raises(BadInput, match="resume=latest"):
        asked.find_folder("latest", str(tmp_path))
    with pytest.raises(BadInput, match=rf"^resume={tmp_path} is no folder of a batch"):
        asked.find_folder(str(tmp_path), "outputs")
    manifest = tmp_path / "manifest.json"
    manifest.touch()
    assert asked.find_folder(str(tmp_path), "outputs") == tmp_path
    with pytest.raises(BadInput, match=rf"^resume={manifest} is a file; from={manifest}"):
        asked.find_folder(str(manifest), "outputs")


def test_trust_is_taken_off_the_words_and_told_where_it_has_no_effect(caplog):
    caplog.set_level(logging.WARNING)
    words = asked.Words.of(["prompt=x", "trust=true"])
    with words.limited([], None):
        assert [one.raw for one in words.settings] == ["prompt=x"]
    assert "trust=true has no effect" in caplog.text


def test_a_word_that_every_row_overrides_is_told(tmp_path, caplog):
    (tmp_path / "p.csv").write_text("prompt,seed\na,1\nb,\n")
    words = asked.Words.of([f"prompts={tmp_path / 'p.csv'}", "prompt=x", "seed=5", "steps=20"])
    words.rows([], None)
    assert "prompt=x has no effect: every row has its own prompt" in caplog.text
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("word", "told"),
    [("prompt=a cat, a dog", True), ('prompt="a cat","a dog"', False), ("seed=1,2", False)],
)
def test_a_sweep_of_nothing_is_told(caplog, word, told):
    words_of(*["prompt=x"] * ("prompt" not in word), word, flags=("-m",))
    assert ("-m has nothing to vary" in caplog.text) == told


def test_a_batch_of_before_goes_on_with_the_defaults_of_before():
    """Manners as prompts, and no colour that a prompt names as a palette."""
    before = asked.composer_of({"words": ["prompt=watercolour of a cat"]})
    with before.row() as composed:
        assert composed.cfg.manner == "none"
        assert set(composed.cfg.guide) == {"clip", "range"}
    chosen = asked.composer_of({"words": ["prompt=a cat", "guide=[clip,smooth]"]})
    with chosen.row() as composed:
        assert set(composed.cfg.guide) == {"clip", "smooth"}
    base = {"words": ["prompt=watercolour of a cat"], "manner": "auto", "guide": "auto"}
    with asked.composer_of(base).row() as composed:
        assert composed.cfg.manner == "auto"
        assert set(composed.cfg.guide) == {"clip", "range", "palette"}


def test_hydras_own_settings_are_separated():
    words = ["prompt=a sun", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydrangea=1"]
    typed = asked.Words.of(words)
    assert [word.raw for word in typed.hydras] == words[1:3]
    assert [word.raw for word in typed.settings] == [words[0], words[3]]
