"""A configuration as a caller in Python gets it."""

from collections.abc import Sequence

from omegaconf import DictConfig

from guided.config.composition import compose
from guided.config.messages import as_bad_input
from guided.config.overrides import Override


def composed(words: Sequence[Override | str]) -> DictConfig:
    """Return the configuration that the words compose. Raise BadInput for whatever is wrong."""
    with as_bad_input():
        return compose(words)
