"""Records read from pictures, films and folders of runs, which may come from anyone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from guided.config.overrides import Override, parse_all, raws
from guided.config.schema import unrecorded
from guided.config.values import trusted_row, untrusted
from guided.errors import BadInput
from guided.runs import manifest, record
from guided.runs.layout import MANIFEST
from guided.runs.manifest import Row
from guided.untrusted import yaml_reader
from guided.untrusted.typed_paths import absence, similar

RUN = "run.yaml"


def read_settings(path: Path, where: str) -> dict[str, Any]:
    """Return the settings recorded in a picture, a film, a run.yaml or the folder of a run. Raises
    BadInput when there are none."""
    if path.is_dir():
        path = run_of(path, where)
    if path.exists() and not path.is_file():
        raise BadInput(f"{where}: the file {absence(path)}")
    if not path.is_file():
        raise BadInput(f"{where}: there is no such file{similar(path)}")
    if path.suffix.lower() in (".yaml", ".yml"):
        found = record.from_yaml(yaml_reader.text_of(path, where), where)
    else:
        try:
            found = record.read(path)
        except BadInput as error:
            raise BadInput(f"from={error}") from error
    if not any(name in found for name in ("prompt", "image_prompt", "regions")):
        raise BadInput(f"{where} has no settings of this program inside{instead(path)}")
    return found


def trusted(words: Any) -> list[Override]:
    """Return those recorded words that decide how a picture is made, and look nothing up
    elsewhere."""
    texts = [word for word in words if isinstance(word, str)] if isinstance(words, list) else []
    return [
        untrusted(one)
        for one in parse_all(texts)
        if one.root not in (*unrecorded(), "hydra") and (untrusted(one) == one or one.is_prose)
    ]


def rows_of(path: Path) -> list[Row]:
    """Return the rows in a run's folder, if there are several."""
    folder = path.parent if path.name == RUN else path
    if not (folder / MANIFEST).is_file():
        return []
    kept = map(trusted_row, manifest.Manifest.read(folder).rows)
    rows = [replace(row, words=raws(trusted(row.words))) for row in kept]
    return rows if len(rows) > 1 else []


def run_of(folder: Path, where: str) -> Path:
    """Return the run.yaml of a folder. Raises BadInput if it has none."""
    if (folder / RUN).is_file():
        return folder / RUN
    runs = sorted(folder.glob(f"*/{RUN}")) + sorted(folder.glob(f"*/*/{RUN}"))
    hint = f"; the one of a run in it is from={runs[-1].parent}" if runs else ""
    raise BadInput(f"{where} is a folder without {RUN}{hint}")


def instead(path: Path) -> str:
    """Return a hint at the run beside a file without a record, as previews and sheets are."""
    for folder in (path.parent, path.parent.parent):
        if (folder / RUN).is_file():
            return f"; the run that it is of has: from={folder}"
    return ""
