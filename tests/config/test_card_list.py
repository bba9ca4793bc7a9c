"""The cards of conf/ say what its YAML files say."""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from guided.config import card_list
from guided.errors import BadInput
from guided.models.cards import ClipCard, ModelCard, SecondaryCard
from guided.paths import conf_folder


def written(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the content of a group's files by name, read without OmegaConf."""
    paths = sorted(folder.glob("*.yaml"))
    contents = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths}
    return {name: content for name, content in contents.items() if content}


def assert_says(card: Any, content: dict[str, Any]) -> None:
    """Fail unless the card has every value of the YAML, but references to other settings."""
    values = asdict(card)
    for key, value in content.items():
        if key == "_target_" or "${" in str(value):
            continue
        found = values[key]
        if key == "weight":
            found = card.weight(0.5)
        elif isinstance(value, dict):
            found = {name: found[name] for name in value}
        assert listed(found) == listed(value), key


def listed(value: Any) -> Any:
    """Return a value with tuples as lists."""
    if isinstance(value, dict):
        return {key: listed(inside) for key, inside in value.items()}
    return [listed(one) for one in value] if isinstance(value, list | tuple) else value


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder with three of the models, which are read in a moment."""
    for group in ("secondary", "clip"):
        shutil.copytree(conf_folder() / group, tmp_path / group)
    (tmp_path / "model").mkdir()
    for name in ("embedded", "imagenet512", "pixelart"):
        shutil.copy(conf_folder() / "model" / f"{name}.yaml", tmp_path / "model")
    monkeypatch.setattr(card_list, "conf_folder", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize(("group", "kind"), [("model", ModelCard), ("secondary", SecondaryCard)])
def test_every_file_is_a_card_with_its_values(few: Path, group: str, kind: type) -> None:
    cards = dict(card_list.weights(group))
    contents = written(few / group)
    assert list(cards) == list(contents)
    for name, card in cards.items():
        assert isinstance(card, kind)
        assert_says(card, contents[name])


def test_models_are_those_of_their_group_with_a_card_of_a_diffusion_model(few: Path) -> None:
    shutil.copy(conf_folder() / "model" / "codes_small.yaml", few / "model")
    assert [name for name, _ in card_list.models()] == ["embedded", "imagenet512", "pixelart"]


def test_a_card_of_another_group_is_refused(few: Path) -> None:
    shutil.copy(few / "secondary" / "imagenet2.yaml", few / "model")
    with pytest.raises(BadInput, match=r"^model=imagenet2\._target_=secondary/card is no kind"):
        list(card_list.models())


def test_a_choice_of_clips_has_one_card_for_each_name_in_its_file() -> None:
    cards, contents = dict(card_list.clips()), written(conf_folder() / "clip")
    assert list(cards) == list(contents)
    assert max(map(len, contents.values())) > 1  # the embedded pair
    for name, several in cards.items():
        for card, content in zip(several, contents[name].values(), strict=True):
            assert type(card) is ClipCard
            assert_says(card, content)


def test_a_file_without_a_card_is_left_out(few: Path) -> None:
    """As secondary=none, which chooses none."""
    assert (few / "secondary" / "none.yaml").is_file()
    assert [name for name, _ in card_list.weights("secondary")] == ["imagenet2", "taesd"]


def test_every_card_of_some_groups_is_listed_with_its_group(few: Path) -> None:
    found = list(card_list.cards(["clip", "model"]))
    pairs = [("clip", card) for _, several in card_list.clips() for card in several]
    pairs += [("model", card) for _, card in card_list.weights("model")]
    assert [(group, card) for group, _, card in found] == pairs
    assert {group for group, *_ in card_list.cards()} == {"model", "secondary", "clip"}


def test_weights_are_here_damaged_or_missing(few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDED_CACHE", str(few))
    cards = dict(card_list.weights("model"))
    (few / cards["pixelart"].file).write_bytes(b"")
    states = {name: card_list.state(card) for name, card in cards.items()}
    assert states == {"embedded": "here", "imagenet512": "missing", "pixelart": "damaged"}
    assert card_list.state(dict(card_list.clips())["embedded"][0]) == "here"
    monkeypatch.setattr(ClipCard, "folder", lambda card: None)
    assert card_list.state(dict(card_list.clips())["vit_b32"][0]) == "missing"
