"""Words that anyone may have written: nothing is looked up, and all else is as it was typed."""

import pytest

from guided.batch.asked import composer_of
from guided.config.composition import compose
from guided.config.overrides import parse, parse_all
from guided.config.values import trusted_words, untrusted
from guided.errors import BadInput
from guided.runs.manifest import Manifest, Row

SECRET = "hush-hush"
LOOKS_UP = "${oc.env:GUIDED_TEST_SECRET}"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    monkeypatch.setenv("GUIDED_TEST_SECRET", SECRET)


@pytest.mark.parametrize(
    "text",
    [
        f"'{LOOKS_UP}'",
        f"['a','b {LOOKS_UP}']",
        f"{{text: '{LOOKS_UP}', weight: 2}}",
        f"[['{LOOKS_UP}']]",
        r"[$\{oc.env\:GUIDED_TEST_SECRET\}]",
        "'" + "\\" * 2 + f"{LOOKS_UP}'",
        "'${oc.decode:${oc.env:GUIDED_TEST_SECRET}}'",
    ],
)
def test_a_look_up_is_a_text_in_every_form(text):
    with pytest.raises(BadInput, match="other settings only"):  # it is one, where it is typed
        drawn(f"prompt={text}")
    found = drawn(untrusted(parse(f"prompt={text}")))
    assert SECRET not in str(found) and "oc.env" in str(found)


def drawn(word):
    from guided.config.plan import plain

    return plain(compose([word]).prompt)


@pytest.mark.parametrize(
    "word", ["prompt=a cat, sitting", "prompt=a ${b}", "size=[64,32]", r"prompt='\${x}'", "~guide"]
)
def test_harmless_words_stay_as_they_were_typed(word):
    assert untrusted(parse(word)) == parse(word)


def test_a_manifest_of_someone_elses_looks_nothing_up(tmp_path):
    words = [f"prompt='{LOOKS_UP}'", "hydra.searchpath=[/etc]", f"init='{LOOKS_UP}'"]
    settings = f"prompt: '{LOOKS_UP}'"
    record = {"where": "from=x", "settings": settings, "words": words}
    rows = [Row([f"negative='{LOOKS_UP}'", "guide.clip.scale=${steps}", "steps=30"])]
    Manifest("x", {"words": words, "settings": None}, rows, []).write(tmp_path)
    found = Manifest.read(tmp_path)
    composer = composer_of(found.base)
    with composer.row(trusted_words(parse_all(found.rows[0].words))) as composed:
        cfg = composed.cfg
        assert SECRET not in f"{cfg.prompt} {cfg.negative} {cfg.init}"
        assert cfg.prompt == cfg.negative == cfg.init == LOOKS_UP
        assert cfg.guide.clip.scale == 30  # one's own settings may refer to each other
    recorded = composer_of({"words": [], "settings": record}).recorded
    assert SECRET not in str(drawn(recorded.words[0]))
