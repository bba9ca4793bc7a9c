"""`python run.py import=settings.txt`: print the command that draws the same here, and write a
preset."""

import re
import shlex
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from guided.cli.import_check import choice, runnable, words
from guided.config import choices as config_choices
from guided.config.overrides import Override, parse_all, raws, values_of
from guided.config.schema import Config
from guided.console import show
from guided.disco import reading
from guided.disco.rules import translate
from guided.disco.translation import Translation, beyond, dialect
from guided.errors import CONTROL_OR_BREAK, BadInput
from guided.other_programs import reading as other_programs
from guided.other_programs import translation
from guided.other_programs.reading import Settings
from guided.other_programs.table import programs
from guided.paths import PROGRAM
from guided.runs import metadata
from guided.untrusted.interpolation import escaped
from guided.untrusted.typed_paths import expand

PROGRAMS = {"disco": "Disco Diffusion", "discoart": "DiscoArt"}
COMPANIONS = ("folder", "debug")  # what may be said beside import=


def run(typed: Sequence[Override | str]) -> None:
    """Read the file that `import=` names, print the command, write the preset."""
    overrides = parse_all(typed)
    values = values_of(overrides)
    others = [word.raw for word in overrides if word.name not in ("import", *COMPANIONS)]
    if others:
        raise BadInput(
            f"import= stands alone, but for folder=; say {' '.join(others)} behind the command "
            "that it prints"
        )
    path = expand("import", values["import"])
    root = expand("folder", values.get("folder", Config.folder)) / "presets"
    whose, count, found = source(path)
    preset = write_preset(root, path, found)
    show(report(path, whose, count, found, root, preset))


def source(path: Path) -> tuple[str, int, Translation]:
    """Return the name of the program that wrote a file or a picture, how many settings are in it,
    and the part that this program takes. BadInput if it is of no known program."""
    if metadata.is_picture(path):
        data, other = of_picture(path)
    else:
        text = reading.text_of(path)
        other = other_programs.of_text(text)
        data = None if other else reading.parsed(text, path)
        other = other or (None if is_own(data) else other_programs.of_data(data))
    if is_own(data):
        raise BadInput(
            f"import={path} is a run of this program: from={path.parent} draws it again"
        )
    if other is not None:
        return other.program.name, len(other.values), runnable(translation.translate(other))
    program, settings = reading.settings_of(data, path)
    whose = f"{PROGRAMS[program]} ({name})" if (name := dialect(settings)) else PROGRAMS[program]
    return whose, len(settings), imported(path, program, settings)


def is_own(data: Any) -> bool:
    """Return whether data are of this program's run.yaml or manifest.json."""
    if not isinstance(data, dict):
        return False
    kinds = any(isinstance(node, dict) and "_target_" in node for node in data.values())
    return kinds or {"guided", "rows"} <= data.keys()


def of_picture(path: Path) -> tuple[Any, Settings | None]:
    """Return possible settings of Disco in a picture's texts, and another program's settings."""
    if metadata.read(path) is not None:
        raise BadInput(f"import={path} is a picture of this program: from={path} draws it again")
    texts = metadata.texts(path)
    other = other_programs.of_texts(texts)
    parts = [texts, *map(other_programs.parsed, texts.values())]
    whole = next((one for one in parts if isinstance(one, dict) and reading.is_discos(one)), None)
    if other is None and whole is None:
        names = ", ".join(program.name for program in programs())
        raise BadInput(
            f"import={path} has no known settings in it; those of {names} are read, unless they "
            "were removed when the picture was edited, sent or converted"
        )
    return whole, other


def imported(path: Path, program: str, settings: dict[str, Any]) -> Translation:
    """Return the settings of a file that differ from its program's look, and that this program
    takes. Raises BadInput when a value makes no sense."""
    try:
        found = beyond(translate(program, settings), translate(program, {}))
    except ValueError as error:
        raise BadInput(f"import={path}: {error}") from error
    return runnable(found)


def command(found: Translation) -> list[str]:
    """Return the words behind `python run.py`."""
    return raws(words(found))


def report(
    path: Path, whose: str, count: int, found: Translation, root: Path, preset: Path
) -> str:
    """Return the text that import= prints: a shell script of comments and one command."""
    lines = [f"# {path.name}: {count} settings of {whose}"]
    lines.append(shlex.join([*PROGRAM, *command(found)]))
    lines.append("# the same, as a preset that further settings can follow:")
    beside = [choice(*chosen) for chosen in found.choices.items() if not in_a_preset(chosen[1])]
    flag = ["--config-dir", str(root), f"look={preset.stem}"]
    lines.append("# " + shlex.join([*PROGRAM, *flag, *beside]))
    lines += [
        f"# note: a preset can name neither files nor CLIPs without a card; "
        f"{shlex.quote(word)} must stand beside it"
        for word in beside
    ]
    lines += [f"# note: {note}" for note in dict.fromkeys(found.notes)]
    for why, names in found.left.items():
        lines += ["# without equivalent: " + why]
        lines += [f"#   {line}" for line in textwrap.wrap(", ".join(names), 95)]
    # What comes from a file must neither end a comment nor speak to the terminal.
    return "\n".join(CONTROL_OR_BREAK.sub(" ", line) for line in lines)


def write_preset(root: Path, source: Path, found: Translation) -> Path:
    """Write root/look/NAME.yaml under a name that is not taken, and return its path."""
    folder = root / "look"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (folder / f"{name}.yaml" for name in free_names(source)):
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(preset_text(source, found, root, path.stem))
            except FileExistsError:
                continue
            return path
    except OSError as error:
        raise BadInput(f"folder={root.parent} cannot be written to: {error.strerror}") from error
    raise BadInput(f"{folder} has no free name left for {source.name}")


def free_names(source: Path) -> list[str]:
    """Return names for a preset from the file's letters and digits, without those of the looks
    there are."""
    name = re.sub(r"[^a-z0-9]+", "-", source.stem.lower()).strip("-") or "imported"
    name = name if name[0].isalpha() else f"from-{name}"
    names = [name[:60], *(f"{name[:60]}-{n}" for n in range(2, 1000))]
    taken = config_choices.names("look")
    return [name for name in names if name not in taken]


def preset_text(source: Path, found: Translation, root: Path, name: str) -> str:
    """Return the YAML of the preset."""
    beside = [choice(*chosen) for chosen in found.choices.items() if not in_a_preset(chosen[1])]
    where = shlex.join(["--config-dir", str(root), f"look={name}", *beside])
    comment = f"# From {source.name}: {' '.join(PROGRAM)} {where}"
    comment = re.sub(r"[\x00-\x1f]", " ", comment)
    defaults: list[Any] = [found.look] if found.look else []
    choices = {g: names for g, names in found.choices.items() if in_a_preset(names)}
    defaults += [{f"override /{group}": names} for group, names in choices.items()]
    body: dict[str, Any] = {"defaults": [*defaults, "_self_"]}
    for dotted, value in found.settings.items():
        node, names = body, dotted.split(".")
        for part in names[:-1]:
            node = node.setdefault(part, {})
        node[names[-1]] = escaped(value)
    text = yaml.safe_dump(body, allow_unicode=True, sort_keys=False, width=95)
    return f"# @package _global_\n{comment}\n{text}"


def in_a_preset(names: Any) -> bool:
    """Return whether a preset can choose these names: Hydra's lists of defaults take neither paths
    nor ARCHITECTURE::TAG."""
    listed = names if isinstance(names, list) else [names]
    return not any(re.search(r"[./:\\]", name) for name in listed)
