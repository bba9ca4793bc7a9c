"""Tests run in several processes: each, and each run.py that it starts, keeps to one thread, so
that they do not take the cores from one another. No test is timed."""

import os

from hypothesis import settings

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
