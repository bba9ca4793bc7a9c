"""Where a record is: in a picture, in a film, in a run's folder. BadInput where none is.

Knows nothing about what settings mean. What it reads may come from anyone.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from guided.config.overrides import PROSE, name_of
from guided.config.values import trusted_words, untrusted
from guided.errors import BadInput, nearest
from guided.runs import manifest, record
from guided.runs.layout import MANIFEST
from guided.runs.manifest import Row
from guided.runs.record import TODAYS
from guided.untrusted import yaml_reader

RUN = "run.yaml"


def read_settings(path: Path, where: str) -> dict[str, Any]:
    if path.is_dir():
        path = run_of(path, where)
    if not path.is_file():
        raise BadInput(f"{where}: there is no such file{similar(path)}")
    if path.suffix.lower() in (".yaml", ".yml"):
        found = record.from_yaml(yaml_reader.text_of(path, where), where)
    else:
        try:
            found = record.read(path)
        except BadInput as error:
            raise BadInput(f"from={error}") from error
    if "prompt" not in found and "image_prompt" not in found:
        raise BadInput(f"{where} has no settings of this program inside{instead(path)}")
    return found


def trusted(words: Any) -> list[str]:
    """Of recorded words those that say how a picture is made, and look nothing up elsewhere."""
    return [
        untrusted(word)
        for word in (words if isinstance(words, list) else [])
        if isinstance(word, str)
        and re.split(r"[./]", name_of(word))[0] not in (*TODAYS, "hydra")
        and (untrusted(word) == word or name_of(word) in PROSE)
    ]


def rows_of(path: Path) -> list[Row]:
    """Those of a run's folder, where there are several."""
    folder = path.parent if path.name == RUN else path
    if not (folder / MANIFEST).is_file():
        return []
    kept = manifest.Manifest.read(folder).rows
    rows = [replace(row, words=trusted_words(row.words)) for row in kept]
    return [replace(row, words=trusted(row.words)) for row in rows] if len(rows) > 1 else []


def run_of(folder: Path, where: str) -> Path:
    if (folder / RUN).is_file():
        return folder / RUN
    runs = sorted(folder.glob(f"*/{RUN}")) + sorted(folder.glob(f"*/*/{RUN}"))
    hint = f"; the one of a run in it is from={runs[-1].parent}" if runs else ""
    raise BadInput(f"{where} is a folder without {RUN}{hint}")


def similar(path: Path) -> str:
    there = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    return nearest(path.name, there)


def instead(path: Path) -> str:
    """Previews and sheets have none, but they lie in the folder of a run."""
    for folder in (path.parent, path.parent.parent):
        if (folder / RUN).is_file():
            return f"; the run that it is of has: from={folder}"
    return ""
