"""Every setting of the table is what it says: it exists, takes what is legal, and refuses what is
not by name; the looks set what the two programs set."""

import copy
from functools import cache

import pytest
from omegaconf import DictConfig, OmegaConf

from guided.cli import main
from guided.config import plan
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.disco.rules import translate
from guided.disco.table import defaults, rows
from guided.schedule import Schedule, schedule

ROWS = [row for row in rows() if row.ours]
HERE = ["prompt=x", "model=embedded", "clip=[embedded]", "steps=20"]


@pytest.fixture(autouse=True)
def weights_need_not_be_here(monkeypatch):
    monkeypatch.setattr(plan, "check_models", lambda *cards: None)


@cache
def base(*words: str) -> DictConfig:
    return compose([*HERE, *words])


def read(row, value) -> Plan:
    """The plan of a run in which the row's setting has this value."""
    words = row.chosen.split()
    if row.choice:
        chosen = f"[{','.join(value)}]" if isinstance(value, list) else value
        return Plan.read(compose([*HERE, *words, f"{row.ours}={chosen}"]))
    cfg = copy.deepcopy(base(*words))
    if OmegaConf.select(cfg, row.ours, default=cfg) is cfg:  # not there at all
        raise AssertionError(f"{row.ours} is no setting")
    OmegaConf.update(cfg, row.ours, value, merge=False)
    return Plan.read(cfg)


def kind(row) -> str:
    return f"{row.ours} ({row.disco or row.discoart})"


@pytest.mark.parametrize("row", ROWS, ids=kind)
def test_legal_and_border_values_are_taken(row):
    for value in [row.legal, row.border] if row.legal is not None else [row.border]:
        read(row, value)


@pytest.mark.parametrize("row", ROWS, ids=kind)
def test_an_illegal_value_is_refused_in_one_line_that_names_the_setting(row):
    with pytest.raises(Exception) as caught:
        read(row, row.illegal)
    assert isinstance(caught.value, main.BAD), caught.value
    said = main.say(caught.value)
    assert "\n" not in said
    assert row.ours.rpartition(".")[2] in said


def test_every_row_has_a_meaning_and_examples_or_a_reason():
    for row in rows():
        assert row.disco or row.discoart
        assert bool(row.ours) != bool(row.why), row
        if row.ours:
            assert row.meaning and row.range and row.illegal is not None, row


# ---- looks -----------------------------------------------------------------------------------


def comparable(value):
    """However a schedule is written."""
    try:
        found = schedule("x", value)
    except ValueError:
        return value
    return [found(k / 1000) for k in range(1000)] if isinstance(found, Schedule) else value


@pytest.mark.parametrize("program", ["disco", "discoart"])
def test_a_look_sets_what_its_program_sets(program):
    cfg = compose([f"look={program}", "prompt=x"])
    usual = translate(program, {})
    assert len(usual.settings) > 15
    for name, value in usual.settings.items():
        if not name.startswith("output."):  # previews change no picture
            assert comparable(OmegaConf.select(cfg, name)) == comparable(value), name
    assert cfg.model.name == usual.choices["model"]
    assert cfg.secondary.name == usual.choices["secondary"]
    assert list(cfg.clip) == usual.choices["clip"]
    assert cfg.sampler._target_ == "sampler/ddim"
    assert (cfg.generator.sees, cfg.guide.clip.combine) == ("blend", "sum")
    assert cfg.guide.clip.weights == ("sum" if program == "disco" else "l2")
    assert cfg.cutouts.shared == (program == "disco")
    assert cfg.cutouts.variants == ("few" if program == "disco" else "first")
    assert Plan.read(cfg).size == tuple(defaults("discoart")["width_height"])


def test_han_fav_is_discoarts_group_of_that_name():
    cfg = compose(["look=han_fav", "prompt=x"])
    group = translate("discoart", {"cut_schedules_group": "han_fav"})
    for name, value in group.settings.items():
        if not name.startswith("output."):
            assert comparable(OmegaConf.select(cfg, name)) == comparable(value), name
    assert list(cfg.clip) == group.choices["clip"]


@pytest.mark.parametrize(
    ("group", "choice"), [("pad_or_pulp", "pixelart"), ("watercolor", "watercolor")]
)
def test_cutouts_under_a_name_are_the_groups(group, choice):
    cfg = compose([f"cutouts={choice}", "prompt=x"])
    settings = translate("discoart", {"cut_schedules_group": group}).settings
    for name in ("overview", "inner", "power", "gray"):
        assert comparable(cfg.cutouts[name]) == comparable(settings[f"cutouts.{name}"])


@pytest.mark.parametrize("look", ["disco", "discoart", "han_fav"])
def test_looks_draw_with_what_is_here_too(look, monkeypatch):
    monkeypatch.undo()  # the embedded models are here
    words = [f"look={look}", "model=embedded", "secondary=none", "clip=[embedded]", "size=64"]
    found = Plan.read(compose([*words, "prompt=x"]))
    assert found.secondary is None
    assert found.sampler.eta(0.5) == 0.8
    Plan.read(compose([*words, "prompt=x", "sampler=plms"]))
