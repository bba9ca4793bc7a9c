"""The settings of a usual run, as a record has them."""

import pytest

from tests.config.records import WORDS, settings_of


@pytest.fixture(scope="session")
def usual() -> dict:
    return settings_of(*WORDS)
