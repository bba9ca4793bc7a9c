"""Folders of the package, and the command that runs it."""

from pathlib import Path

PACKAGE = Path(__file__).parent
EMBEDDED = PACKAGE / "models" / "embedded"  # the models that come with the program
INSTALLED = (PACKAGE / "conf").is_dir()  # as a wheel lays it out; in a checkout conf/ is beside it
# The words that start the program, for help and messages.
PROGRAM = ("guided",) if INSTALLED else ("python", "run.py")


def conf_folder() -> Path:
    """Return the folder of configuration files: inside an installed package, beside it in a
    repository."""
    return PACKAGE / "conf" if INSTALLED else PACKAGE.parent / "conf"


def program() -> str:
    """Return the command that starts the program: "guided" in an installed copy, "python run.py"
    in a checkout."""
    return " ".join(PROGRAM)
