"""The cards in conf/: diffusion models, secondary models and CLIPs."""

from __future__ import annotations

from collections.abc import Iterator

from omegaconf import OmegaConf

from guided.config.schema import build, build_all
from guided.models.cards import (
    ClipCard,
    ModelCard,
    WeightsCard,
)
from guided.paths import conf_folder


def weights(group: str) -> Iterator[tuple[str, WeightsCard]]:
    """Yield names and cards of a group: model or secondary."""
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        if config := OmegaConf.load(path):  # secondary=none is empty
            yield path.stem, build(config, f"{group}={path.stem}")


def models() -> Iterator[tuple[str, ModelCard]]:
    """Yield names and cards of the diffusion models."""
    for name, card in weights("model"):
        if isinstance(card, ModelCard):
            yield name, card


def clips() -> Iterator[tuple[str, list[ClipCard]]]:
    """Yield names and cards of the CLIPs; a name may choose several."""
    for path in sorted((conf_folder() / "clip").glob("*.yaml")):
        yield path.stem, list(build_all(OmegaConf.load(path), "clip").values())
