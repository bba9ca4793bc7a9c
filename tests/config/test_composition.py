"""Composing: what Hydra would, once for each set of choices, and values that cannot be."""

from pathlib import Path

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from guided.config import composition, preset_source, schema
from guided.config.composition import compose, fingerprint_of, repeats_key
from guided.config.messages import BAD, say
from guided.config.overrides import parse
from guided.config.plan import Plan
from guided.config.values import spelt
from guided.errors import BadInput
from guided.paths import conf_folder
from tests.composing import composed


@pytest.fixture(scope="module")
def usual() -> DictConfig:
    return compose(["prompt=x", "seed=1"])


def test_words_without_prose_compose_as_hydra_composes_them(usual: DictConfig) -> None:
    schema.register()
    preset_source.register()
    root = str(conf_folder())
    with composition.outside_of_hydra(), initialize_config_dir(root, version_base="1.3"):
        expected = hydra_compose("config", overrides=["prompt=x", "seed=1"])
    assert usual == expected


def test_a_job_of_hydra_goes_on_after_something_was_composed_in_it(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("a: 1\n")
    with composition.outside_of_hydra(), initialize_config_dir(str(tmp_path), version_base="1.3"):
        running = GlobalHydra.instance().hydra
        compose(["prompt=x"])
        assert GlobalHydra.instance().hydra is running
        assert hydra_compose("own") == {"a": 1}
        with pytest.raises(ZeroDivisionError), composition.outside_of_hydra():
            raise ZeroDivisionError
        assert GlobalHydra.instance().hydra is running


# ---- values --------------------------------------------------------------------------------

KEYS = st.text("abc", min_size=1, max_size=3)
TEXTS = st.text("ab,'\"\\ {}[]:", max_size=6)
VALUES = st.recursive(
    st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, list | dict))


@given(VALUES)
def test_a_value_that_is_spelt_out_repeats_no_key(value) -> None:
    """Whatever commas, quotes and brackets are in its texts."""
    assert not repeats_key(spelt(value), value)


@given(st.dictionaries(KEYS, VALUES | TEXTS, min_size=1, max_size=3), TEXTS)
def test_a_key_that_is_spelt_twice_is_seen(value, first) -> None:
    key = next(iter(value))
    typed = f"{{{key}: {spelt(first)}, {spelt(value)[1:]}"
    assert repeats_key(typed, value)


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_integers_of_64_bits_are_the_largest(number: int) -> None:
    composition.check_values(parse(f"seed={number}"))
    composition.check_values(parse(f"size=[1,{number}]"))
    beyond = number + (1 if number > 0 else -1)
    for word in (f"seed={beyond}", f"size=[1,{beyond}]", f"guide.clip.scale={{0: {beyond}}}"):
        with pytest.raises(BadInput, match="larger than any setting"):
            composition.check_values(parse(word))


# ---- folders of presets --------------------------------------------------------------------


def test_folders_of_presets_outlast_the_command_and_other_flags_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    flags = ["-m", "--config-dir=one", "-cd", "two", "--cfg", "job"]
    expected = [str(tmp_path / name) for name in ("one", "two")]
    assert composition.sources(flags) == expected
    lasting = composition.lasting(flags)
    assert lasting == ["--config-dir", expected[0], "--config-dir", expected[1]]
    monkeypatch.chdir("/")
    assert composition.lasting(lasting) == lasting
    with pytest.raises(BadInput, match="--config-dir one is no folder"):
        composition.sources(flags)


def test_models_may_be_named_in_ones_own_groups_of_models(tmp_path: Path) -> None:
    own = composition.own_folders(["--config-dir", str(tmp_path)])
    assert {tmp_path, tmp_path / "model", tmp_path / "clip"} <= set(own)
    assert tmp_path / "sampler" not in own  # its presets name no files


# ---- fingerprints and parts ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "counts"),
    [
        *[("steps", 3, True), ("seed", 2, True), ("guide.clip.scale", 3, True)],
        *[("prompt", "\udce9", True), ("device", "cuda:3", False), ("folder", "y", False)],
    ],
)
def test_a_fingerprint_is_of_what_decides_the_picture_but_the_device(
    usual: DictConfig, setting: str, value: object, counts: bool
) -> None:
    changed = usual.copy()
    assert fingerprint_of(changed) == fingerprint_of(usual)
    OmegaConf.update(changed, setting, value)
    assert (fingerprint_of(changed) != fingerprint_of(usual)) == counts


@pytest.mark.parametrize(
    "word", ["~output.still.format", "~seed", "~sampler.eta", "~guide.clip.scale", "~prompt"]
)
def test_a_setting_cannot_be_removed(word):
    with pytest.raises(BadInput, match=f"{word}.*group"):
        compose(["prompt=x", word])


@pytest.mark.parametrize("word", ["~secondary", "~guide.range", "~output.sheet"])
def test_a_group_and_a_choice_can_be_removed(word):
    group, _, choice = word[1:].partition(".")
    cfg = compose(["prompt=x", "secondary=imagenet2", word])
    assert choice not in cfg[group] if choice else not cfg.get(group)


@pytest.mark.parametrize(
    "word",
    [
        "prompt={0: a, 0: b}",
        "prompt=[{text: a, text: b}]",
        "guide.clip.scale={0: 1, 0.5: 2, 0: 3}",
        "prompt={text: 'a, b', text: c}",
    ],
)
def test_a_key_that_is_given_twice_is_refused(word):
    with pytest.raises(BadInput, match="twice"):
        compose([word, "prompt=x"] if word.startswith("guide") else [word])


@pytest.mark.parametrize(
    "word",
    [
        "prompt={0: 'a, b', 0.5: \"c, 'd', e\"}",
        r"prompt={0: 'it\'s, a', 0.5: b}",
        "prompt=[{text: a, clips: [x, y]}, b]",
        "guide.clip.scale={0: 1, 0.5: 2}",
        "size=[64,64]",
        "prompt=[]",
    ],
)
def test_commas_in_texts_are_no_keys(word):
    compose([word])


@pytest.mark.parametrize("word", ["guide.clip/=1", "seed/=1", "a..b=1", "++seed/=1", "seed:=2"])
def test_what_is_no_name_is_refused_in_our_words(word):
    with pytest.raises(BadInput, match="is not the name of a setting") as caught:
        compose(["prompt=x", word])
    assert word.partition("=")[0] in str(caught.value)
    assert "input" not in str(caught.value)  # "extraneous input", as Hydra's parser says


def test_a_preset_of_ones_own_that_a_choice_of_the_program_hides_is_told(tmp_path, caplog):
    (tmp_path / "guide").mkdir()
    text = (conf_folder() / "guide" / "palette.yaml").read_text(encoding="utf-8")
    (tmp_path / "guide" / "palette.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "guide" / "mine.yaml").write_text(text, encoding="utf-8")
    compose(["prompt=x"], ["--config-dir", str(tmp_path)])
    assert [one.getMessage() for one in caplog.records] == [
        f"--config-dir {tmp_path}: guide/palette.yaml is not used, because conf/ has choices of "
        "these names; give yours other names"
    ]


@pytest.mark.parametrize("group", ["model", "sampler", "guide", "batch", "clip"])
@pytest.mark.parametrize(("text", "reason"), [("null", "null is not the name"), ("", "is empty")])
def test_a_group_has_the_name_of_a_choice(group, text, reason):
    with pytest.raises(BadInput, match=f"{group}={text}.*{reason}"):
        compose(["prompt=x", f"{group}={text}"])


@pytest.mark.parametrize("word", ["look=null", "artist=null", "look=[]"])
def test_presets_may_be_none(word):
    assert compose(["prompt=x", word])[word.partition("=")[0]] == {}


def test_of_a_group_that_may_be_left_out_null_is_none():
    assert compose(["prompt=x", "secondary=null"]) == compose(["prompt=x", "secondary=none"])


KINDS = "is a list, as [a,b], or settings by their names, as in"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("debug=maybe", "debug=maybe must be true or false"),
        ("cutouts.augment=2", "cutouts.augment=2 must be true or false"),
        ("cutouts.stratified=-1", "cutouts.stratified=-1 must be true or false"),
        ("model.unet.resblock_updown=5", "model.unet.resblock_updown=5 must be true or false"),
        ("model.unet=null", "model.unet=null has no meaning: it must have a value"),
        (
            "model.unet.image_size=null",
            "model.unet.image_size=null has no meaning: it must have a value",
        ),
        ("model.unet=[1]", f"model.unet {KINDS} model.unet.NAME=VALUE"),
        ("model.size={a: 1}", f"model.size {KINDS} model.size.NAME=VALUE"),
        ("init={a: 1}", "init={'a': 1} is a mapping; it has one value, without brackets"),
        ("cache=???", "cache=???: ??? stands for a value that is missing"),
        (
            "strength=${seed}x",
            f"strength=Nonex must be a number; strength: {schema.settings()['strength'].help}",
        ),
        ("init=[a]", "init=['a'] is a list; it has one value, without brackets"),
    ],
)
def test_wrong_types_are_told_in_our_words(word, reason):
    with pytest.raises(BAD) as caught:
        Plan.read(composed(["prompt=x", word]))
    assert say(caught.value) == reason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("+sampler=ddim", "is written without +: sampler=ddim"),
        ("++guide=smooth", "is written without +: guide=smooth"),
        ("+batch=seeds", "is written without +: batch=seeds"),
        ("~guide.clip=x", "~guide.clip leaves it out, without a value"),
        ("++guide.nosuch.scale=3", "guide.nosuch is no choice of guide="),
        ("sampler=ddim.yaml", "did you mean 'ddim'"),
        ("sampler=/ddim", "did you mean 'ddim'"),
        ("sampler=../sampler/ddim", "is not one of ddim"),
        ("guide=[clip,../model/embedded]", "is not one of clip"),
        ("wildcards=[]", "wildcards=[] is a list"),
    ],
)
def test_what_hydra_would_refuse_or_read_elsewhere_is_told_in_our_words(word, reason):
    with pytest.raises(BadInput) as caught:
        Plan.read(composed(["prompt=x", word]))
    assert reason in str(caught.value)


def test_a_choice_is_no_path_to_a_file_that_nobody_checks(tmp_path):
    (tmp_path / "evil.yaml").write_text("_target_: sampler/ddim\neta: 0.3\n")
    away = Path("/".join([".."] * 20) + f"{tmp_path}/evil")
    with pytest.raises(BadInput, match="is not one of ddim"):
        compose(["prompt=x", f"sampler={away}"])
    with pytest.raises(BadInput, match="outside"):
        preset_source.ConfSource("main", f"conf://{conf_folder()}").load_config(f"sampler/{away}")
    guides = {"clip", "range", "palette", "smooth"}
    assert set(compose(["prompt=x", "+guide=smooth"]).guide) == guides


def test_a_huge_seed_is_told_all_digits_of_the_largest() -> None:
    with pytest.raises(BadInput, match=f"a seed is from 0 to {2**63 - 2}, or random$"):
        composition.compose(["prompt=x", "seed=99999999999999999999"])
