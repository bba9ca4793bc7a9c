"""Tests run in several processes: each, and each run.py that it starts, keeps to one thread, so
that they do not take the cores from one another."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
