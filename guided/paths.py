"""Folders of the package."""

from pathlib import Path

PACKAGE = Path(__file__).parent
EMBEDDED = PACKAGE / "models" / "embedded"  # the models that come with the program


def conf_folder() -> Path:
    """Return the folder of configuration files: inside an installed package, beside it in a
    repository."""
    inside = PACKAGE / "conf"
    return inside if inside.exists() else PACKAGE.parent / "conf"
