"""The cards in conf/: diffusion models, secondary models and CLIPs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig, ListConfig, OmegaConf

from guided.compat.omegaconf import quick_yaml
from guided.config.schema import build, build_all
from guided.models.cards import (
    ClipCard,
    ModelCard,
    WeightsCard,
    locate,
)
from guided.paths import conf_folder

GROUPS = ("model", "secondary", "clip")


def loaded(path: Path) -> DictConfig | ListConfig:
    """Return the settings of a file of the program's own."""
    with quick_yaml():
        return OmegaConf.load(path)


def weights(group: str) -> Iterator[tuple[str, WeightsCard]]:
    """Yield names and cards of a group: model or secondary."""
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        if config := loaded(path):  # secondary=none is empty
            yield path.stem, build(config, f"{group}={path.stem}")


def models() -> Iterator[tuple[str, ModelCard]]:
    """Yield names and cards of the diffusion models."""
    for name, card in weights("model"):
        if isinstance(card, ModelCard):
            yield name, card


def clips() -> Iterator[tuple[str, list[ClipCard]]]:
    """Yield names and cards of the CLIPs; a name may choose several."""
    for path in sorted((conf_folder() / "clip").glob("*.yaml")):
        yield path.stem, list(build_all(loaded(path), "clip").values())


def cards(groups: Sequence[str] = GROUPS) -> Iterator[tuple[str, str, WeightsCard | ClipCard]]:
    """Yield group, name and card of every model of some groups."""
    for group in groups:
        if group == "clip":
            yield from ((group, name, card) for name, several in clips() for card in several)
        else:
            yield from ((group, name, card) for name, card in weights(group))


def state(card: WeightsCard | ClipCard) -> str:
    """Return whether weights are here, damaged (or empty) or missing."""
    if isinstance(card, ClipCard):
        return "here" if card.here() else "missing"
    if locate(card.file) is None:
        return "missing"
    return "here" if card.missing() is None else "damaged"
