"""Folders of the package, and the command that runs it."""

import sys
from pathlib import Path

PACKAGE = Path(__file__).parent
EMBEDDED = PACKAGE / "models" / "embedded"  # the models that come with the program
INSTALLED = (PACKAGE / "conf").is_dir()  # as a wheel lays it out; in a checkout conf/ is beside it
# The words that start the program, for help and messages.
BY_COMMAND = Path(sys.argv[0]).stem == "guided"  # of an editable install, from any folder
PROGRAM = ("guided",) if INSTALLED or BY_COMMAND else ("python", "run.py")


def conf_folder() -> Path:
    """Return the folder of configuration files: inside an installed package, beside it in a
    repository."""
    return PACKAGE / "conf" if INSTALLED else PACKAGE.parent / "conf"


def program() -> str:
    """Return the command that starts the program: "guided" in an installed copy and where that
    was typed, "python run.py" in a checkout."""
    return " ".join(PROGRAM)
