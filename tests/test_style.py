"""The sources as the tools see them: ruff's lint and format, and mypy's types."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CHECKS = {
    "lint": ["ruff", "check", "--no-cache", "."],
    "format": ["ruff", "format", "--check", "--no-cache", "."],
    "types": ["mypy", "--no-error-summary"],  # of the files that pyproject.toml names
}


@pytest.mark.parametrize("check", CHECKS)
def test_the_sources_pass(check, tmp_path):
    module, *arguments = CHECKS[check]
    arguments += ["--cache-dir", str(tmp_path)] if module == "mypy" else []
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
