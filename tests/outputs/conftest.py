"""A run's folder without a run, for the outputs that watch frames."""

import pytest

from guided.interfaces import Run
from tests.outputs.frames import SETTINGS


@pytest.fixture
def run(tmp_path):
    def enlarge(image, times):
        return image.repeat_interleave(times, 2).repeat_interleave(times, 3)

    return Run(tmp_path, SETTINGS, [], count=2, steps=4, enlarge=enlarge)
