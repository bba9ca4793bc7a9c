"""Reading the settings files of Disco Diffusion and DiscoArt.

Disco 5 saves JSON, NAME(0)_settings.txt; DiscoArt reads YAML and saves a DocArray, whose settings
are the `tags` of its documents.
"""

import math
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from guided.disco.table import data, rows
from guided.disco.values import unpacked
from guided.errors import BadInput, shown
from guided.untrusted import json_reader, yaml_reader
from guided.untrusted.regular_files import decoded, read_bytes
from guided.untrusted.typed_paths import similar
from guided.untrusted.yaml_reader import Unreadable

LARGEST = 256 * 2**20  # bytes; a DocArray as JSON carries its pictures
LARGEST_YAML = 2**20  # characters; YAML is parsed slowly, and settings alone are a few thousand
READ = (".txt", ".json", ".yaml", ".yml", ".png")  # the suffixes of most files that are read
MOST_FILES = 10_000  # of a folder that is searched for a similar name
DEEPEST = 50  # levels of nesting
MOST = 2**22  # values and characters in settings, with YAML's aliases expanded
BINARY = (
    "is DocArray's binary form; where DiscoArt is installed, python -c \"from docarray import "
    "DocumentArray; from discoart import save_config; "
    "save_config(DocumentArray.load_binary('{}'), 'settings.yml')\" makes what import= reads"
)


def read(path: Path) -> tuple[str, dict[str, Any]]:
    """Return "disco" or "discoart", and the settings under that program's names. Raise BadInput if
    the file cannot be read or has no such settings."""
    return settings_of(parsed(text_of(path), path), path)


def settings_of(data: Any, path: Path) -> tuple[str, dict[str, Any]]:
    """Return "disco" or "discoart", and its settings in the data of a file. Raise BadInput if
    there are none."""
    settings = unwrapped(data, path)
    if extent(settings, {}) > MOST:
        raise BadInput(f"import={path}: its settings are too large, or inside one another")
    settings = {str(name): value for name, value in settings.items()}
    if not is_discos(settings.keys()):
        raise BadInput(
            f"import={path} has no setting of Disco Diffusion or DiscoArt in it, nor of another "
            "known program; a Disco settings file has text_prompts, steps, cut_overview, ..."
        )
    return program(settings), settings


def is_discos(settings: Iterable[str]) -> bool:
    """Return whether names of settings are Disco's or DiscoArt's: one that other programs have not
    is among them, or all of them are theirs."""
    have, known = set(settings), names("disco") | names("discoart")
    return bool(have & (known - set(data()["common"]))) or (bool(have) and have <= known)


def text_of(path: Path) -> str:
    """Return the text of the file. Raise BadInput if it is too large, binary or not UTF-8."""
    try:
        content = read_bytes(path, LARGEST)
    except OSError as error:
        raise BadInput(f"import={path} cannot be read: {error.strerror}{others(path)}") from error
    if path.suffix in (".lz4", ".protobuf", ".bin"):
        raise BadInput(f"import={path} {BINARY.format(path.name)}")
    try:
        return decoded(content)
    except UnicodeDecodeError as error:
        raise BadInput(
            f"import={path} is no text, and no PNG, JPEG or WebP; a Disco settings file is JSON, "
            "a DiscoArt one YAML"
        ) from error


def others(path: Path) -> str:
    """Return a hint at the file of the most similar name in the folder, or at one in the folder if
    the path is one."""
    with suppress(OSError):
        if path.is_dir():
            found = sorted(file.name for file in islice(path.iterdir(), MOST_FILES))
            found.sort(
                key=lambda name: (not name.endswith("settings.txt"), not name.endswith(READ))
            )
            return f"; name a file in it, as {shown(path / found[0])}" if found else ""
    return similar(path)


def parsed(text: str, path: Path) -> Any:
    """Return the data of JSON or else of YAML. Raise BadInput if it is neither."""
    try:
        return json_reader.read(text, unique=True)
    except json_reader.Repeated as error:
        raise BadInput(f"import={path}: {error}; which is meant?") from error
    except ValueError as error:
        if json_reader.looks_like(text):
            raise BadInput(f"import={path} is neither JSON nor YAML: {error}") from error
    if len(text) > LARGEST_YAML:
        raise BadInput(f"import={path} is no JSON, and too large for settings in YAML")
    try:
        return yaml_reader.read(
            text, f"import={path}", aliases=True, dates=True, longest=LARGEST_YAML
        )
    except Unreadable as error:
        raise BadInput(f"import={path} is neither JSON nor YAML: {error.reason}") from error


def extent(value: Any, known: dict[int, float], depth: int = 0) -> float:
    """Return the number of values and characters with aliases expanded; infinite for a part that
    contains itself or is nested too deep. `known` caches parts by id."""
    if isinstance(value, str | bytes):
        return len(value)
    if not isinstance(value, list | tuple | set | dict):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf  # replaced below, unless the part contains itself
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        if depth < DEEPEST:
            known[id(value)] = 1 + sum(extent(one, known, depth + 1) for one in inside)
    return known[id(value)]


def unwrapped(data: Any, path: Path) -> dict[Any, Any]:
    """Return the settings of a file, of a document, or of the first document of an array."""
    if isinstance(data, dict) and isinstance(data.get("docs"), list):
        data = data["docs"]
    if isinstance(data, list) and data:
        data = data[0]
    if isinstance(data, dict) and isinstance(data.get("tags"), dict):
        data = data["tags"]
    if not isinstance(data, dict):
        raise BadInput(f"import={path} holds no settings, which are names and values")
    return data


def program(settings: dict[str, Any]) -> str:
    """Return "disco" or "discoart", by the names that only one of the two has."""
    disco, discoart = names("disco"), names("discoart")
    only_disco = sum(name in disco - discoart for name in settings)
    only_discoart = sum(name in discoart - disco for name in settings)
    if only_disco != only_discoart:
        return "disco" if only_disco > only_discoart else "discoart"
    prompts = unpacked(settings.get("text_prompts"))
    frames = isinstance(prompts, dict) and "version" not in prompts
    return "disco" if frames else "discoart"


def names(which: str) -> set[str]:
    """Return the names of settings in a program's files."""
    known = {name for row in rows() for name in row.names(which) if " " not in name}
    if which == "disco":
        # Its files have these instead of width_height_for_..._models and set_seed.
        known |= {"width", "height", "width_height", "seed", *data()["clips"]}
    return known
