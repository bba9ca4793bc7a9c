"""Names of the files and folders in a run's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


ASIDE = "others"  # the folder for pictures that are not among the best


def put_aside(path: Path) -> None:
    folder = path.parent / ASIDE
    folder.mkdir(exist_ok=True)
    os.replace(path, folder / path.name)
