"""The table of Disco Diffusion's and DiscoArt's settings and ours, and SETTINGS.md made from it.

python -m guided.disco.table      # rewrites SETTINGS.md
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DATA = Path(__file__).parent / "table.yaml"
SETTINGS = Path(__file__).parent.parent.parent / "SETTINGS.md"
HEAD = """\
# Settings, for those who come from Disco Diffusion or DiscoArt

Made from guided/disco/table.yaml by `python -m guided.disco.table`.

`look=disco` and `look=discoart` set what Disco Diffusion 5.7 and DiscoArt 0.12 set, and
`python run.py import=settings.txt` translates a settings file. **default** is theirs, DiscoArt's
behind a stroke where it differs; ours is what suits the model (its card in conf/model), and
`python run.py --cfg job` shows it. *A schedule* may be a number, pairs of progress and value
`[[0,12],[0.4,4]]`, `{linear: ...}` or `{cosine: ...}` of pairs, Disco's `"[12]*400+[4]*600"` of
any length, or key frames in per cent of the run, `"0: (1.0), 50: (0.2)"`. **Kept**: what a look
keeps on purpose, because the picture depends on it; without the look it is mended.
"""


@dataclass(frozen=True)
class Row:
    """A line of the table; its fields are explained at the top of table.yaml."""

    section: str
    disco: str = ""
    discoart: str = ""
    ours: str = ""
    choice: bool = False
    default: Any = None
    discoart_default: Any = None
    meaning: str = ""
    range: str = ""
    legal: Any = None
    border: Any = None
    illegal: Any = None
    reads: str = ""
    chosen: str = ""  # `with` in the file
    kept: str = ""
    why: str = ""

    def names(self, program: str) -> list[str]:
        """Return the setting's names in `disco` or `discoart`."""
        return [name for name in getattr(self, program).split(", ") if name]


@cache
def data() -> dict[str, Any]:
    """Return the content of table.yaml."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


@cache
def rows() -> tuple[Row, ...]:
    """Return the lines of the table."""
    return tuple(_rows())


def _rows() -> Iterator[Row]:
    for section in data()["sections"]:
        for fields in section["rows"]:
            fields = dict(fields)
            fields.setdefault("discoart_default", fields.get("default"))
            yield Row(section["title"], chosen=fields.pop("with", ""), **fields)


def defaults(program: str) -> dict[str, Any]:
    """Return the default settings of `disco` or `discoart` under its own names."""
    settings: dict[str, Any] = {}
    for row in rows():
        value = row.default if program == "disco" else row.discoart_default
        names = row.names(program)
        if isinstance(value, dict) and len(names) > 1:  # several settings that are one of ours
            settings |= value
        elif len(names) == 1 and " " not in names[0]:
            settings[names[0]] = value
    return settings


def markdown() -> str:
    """Return the text of SETTINGS.md."""
    lines = [HEAD]
    for section in dict.fromkeys(row.section for row in rows()):
        inside = [row for row in rows() if row.section == section]
        lines += [f"## {section}", ""]
        if settings := [row for row in inside if row.ours]:
            lines += ["| Disco | DiscoArt | here | default | meaning | range |", "|---" * 6 + "|"]
            lines += [_line(row) for row in settings] + [""]
        if left := [row for row in inside if row.why]:
            lines += ["Without one here:", ""]
            lines += [f"- {_names(row.disco or row.discoart)}: {row.why}" for row in left] + [""]
    return "\n".join(lines)


def _line(row: Row) -> str:
    meaning = f"{row.meaning}. **Kept**: {row.kept}" if row.kept else row.meaning
    ours = f"`{row.ours}={_value(row.legal if row.legal is not None else row.border)}`"
    cells = (_names(row.disco), _names(row.discoart), ours, _default(row), meaning, row.range)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _names(names: str) -> str:
    """Return names as code and descriptions unchanged."""
    return ", ".join(n if " " in n or n == "..." else f"`{n}`" for n in names.split(", ") if n)


def _default(row: Row) -> str:
    theirs = [row.default] if row.disco else []
    if row.discoart and (not row.disco or row.discoart_default != row.default):
        theirs.append(row.discoart_default)
    return " / ".join(_value(value) for value in theirs)


def _value(value: Any) -> str:
    if isinstance(value, dict) and value and "text" not in value:
        return ", ".join(map(_value, value.values()))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    SETTINGS.write_text(markdown(), encoding="utf-8")
    print(SETTINGS)
