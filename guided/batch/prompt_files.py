"""Rows from a file: prompts=FILE.

`.txt`: a prompt on each line; `.csv`, `.tsv`: settings, with their names in the first line;
`.yaml`: a list of prompts or mappings, or {list: [...], product: {...}}. Imports no torch.
"""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from guided.batch.rows import MOST, check_name, combined, from_mapping
from guided.batch.sweep import settings_of
from guided.config import other_names
from guided.config.overrides import Override, parse, parse_all, raws
from guided.config.schema import having, known_names
from guided.config.values import typed, untrusted
from guided.errors import BadInput, not_one_of, shown
from guided.prompts import lists
from guided.runs.manifest import Row
from guided.runs.metadata import encodable
from guided.text import lines_of
from guided.untrusted import yaml_reader
from guided.untrusted.regular_files import NotText, read_text
from guided.untrusted.typed_paths import expand, similar
from guided.untrusted.yaml_reader import Unreadable

LARGEST = 16 << 20  # bytes
HALVES = re.compile(r"(\\u[dD][89a-fA-F][0-9a-fA-F]{2})+")
OTHER_BREAKS = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")  # some are line breaks to YAML
AS_TEXT = re.compile(r'="([^"]*)"')  # how spreadsheets write 007 as a text
FAILED = re.compile(r"#(REF!|N/A|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!)")  # in a cell
SEPARATOR = re.compile(r'"?sep=(.)"?(?=[\r\n])', re.IGNORECASE)  # the first line, for Excel
KINDS = (".txt", ".csv", ".tsv", ".yaml", ".yml")
SHEETS = (".xlsx", ".xls", ".ods", ".numbers")


def read(name: str, flags: Sequence[str] = ()) -> list[Row]:
    """Return the rows of a file. BadInput names the file and, if possible, the line."""
    path = expand("prompts", name)
    kind = path.suffix.lower()
    if kind not in KINDS:
        hint = "; save the sheet as CSV in UTF-8" if kind in SHEETS else ""
        hint = hint or f"; to draw a text: prompt={shlex.quote(shown(name))}"
        raise BadInput(not_one_of("the ending of prompts", path.name, KINDS) + hint)
    text = text_of(path)
    if kind == ".txt":
        rows = from_lines(text, path.name)
    elif kind in (".csv", ".tsv"):
        rows = from_table(text, path.name, "\t" if kind == ".tsv" else "")
    else:
        rows = from_yaml(text, path.name, flags)
    if not rows:
        raise BadInput(f"prompts={name} has nothing in it to draw")
    if len(rows) > MOST:
        raise BadInput(f"prompts={name} has {len(rows)} rows; at most {MOST} at once")
    return [without_interpolation(row) for row in rows]


def without_interpolation(row: Row) -> Row:
    """Return the row of an untrusted file such that none of its values is looked up elsewhere."""
    try:
        return replace(row, words=raws(map(untrusted, parse_all(row.words))))
    except BadInput as error:
        return replace(row, words=[], wrong=row.wrong or str(error))


def text_of(path: Path) -> str:
    """Return a file's text. Raise BadInput if it cannot be read or is no text."""
    try:
        return read_text(path, LARGEST)
    except OSError as error:
        reason = f"{error.strerror}{similar(path)}"
        raise BadInput(f"prompts={path} cannot be read: {reason}") from error
    except NotText as error:
        raise BadInput(f"{path.name}:{error.line} is not UTF-8; save the file as UTF-8") from error


def from_lines(text: str, name: str) -> list[Row]:
    """Return a row for each line that is not empty and does not begin with #."""
    rows: list[Row] = []
    for number, line in lines_of(text):
        if (line := line.strip()) and not line.startswith("#"):
            if not rows and is_header(line):
                ending = ".tsv" if "\t" in line else ".csv"
                raise BadInput(
                    f"{name}:{number} has names of settings, as a table begins: a table's name "
                    f"ends in {ending}"
                )
            rows.append(from_line(line, f"{name}:{number}"))
    return rows


def from_line(line: str, where: str) -> Row:
    """Return the row of a line with a prompt. An error is recorded in the row."""
    settings = {"prompt": line}
    try:
        return Row([as_typed("prompt", line).raw], settings, where)
    except BadInput as error:
        return Row([], settings, where, wrong=str(error))


def is_header(line: str) -> bool:
    """Return whether a line consists of the names of several settings."""
    cells = [known_as(cell.strip()) for cell in re.split(r"[\t,;]", line)]
    return len(cells) > 1 and all(map(is_known, cells))


def as_typed(name: str, text: str) -> Override:
    """Return the override with a text as typed behind `name=`. In prose, a list or mapping that is
    well-formed is one, but a sweep is a text."""
    override = parse(f"{name}={text}")
    if not override.is_prose:
        return override
    return override if override.is_grammar and not override.swept else typed(name, text)


def from_table(text: str, name: str, mark: str = "") -> list[Row]:
    """Return a row for each line of a table after the first, which has the names of settings.

    Values are as typed on the command line; empty cells are not set. `mark` separates the cells;
    if it is not given, a first line `sep=;` says it, or the line of names does."""
    first = next(iter(text.lstrip().splitlines()), "")
    if said := SEPARATOR.match(text):
        mark, text = said[1], text[said.end() :]
    elif not mark:  # ; is what spreadsheets write in half of the world
        mark = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    names: list[str] = []
    rows = []
    line = 1
    try:
        for cells in reader:
            cells, here, line = (
                [AS_TEXT.sub(r"\1", cell.strip()) for cell in cells],
                line,
                reader.line_num + 1,
            )
            if not any(cells):
                continue
            if not names:
                names = header(cells, f"{name}:{here}")
            else:
                rows.append(from_cells(names, cells, f"{name}:{here}"))
    except csv.Error as error:
        hint = "a quote within a cell in quotes is doubled"
        raise BadInput(f"{name}:{reader.line_num}: {error}; {hint}") from error
    return rows


def header(cells: list[str], where: str) -> list[str]:
    """Return the names of the columns; people may write them with capitals and spaces, and leave
    those of empty columns out. Raise BadInput for one that no setting has, or that is repeated."""
    names = [cell if is_known(cell) else known_as(cell) for cell in cells]
    for name in filter(None, names):
        if names.count(name) > 1:
            raise BadInput(
                f"{where}: {shown(name)} is twice; every column needs a name of its own"
            )
        try:
            check_name(name, None)
        except BadInput as error:
            line = f"{where}: {error}"
            if not any(map(is_known, names)):
                line += "; the first line names the columns, as prompt,seed"
            raise BadInput(line) from error
    return names


def known_as(cell: str) -> str:
    """Return the name of a setting, here or in other programs, of a column such as Init Fit; any
    other cell as it is."""
    name = re.sub(r"\s+", "_", cell.lower())
    return name if is_known(name) or other_names.has(name) else cell


def is_known(name: str) -> bool:
    """Return whether a setting of this name, or its group, exists."""
    return re.split(r"[./]", name)[0] in known_names()


def from_cells(names: list[str], cells: list[str], where: str) -> Row:
    """Return the row of a line of cells. An error is recorded in the row."""
    while cells and len(cells) > len(names) and not cells[-1]:
        cells.pop()
    if len(cells) > len(names):
        return Row(
            where=where, wrong=f"{len(cells)} values for {len(names)} columns; quote commas"
        )
    filled = [(name, cell) for name, cell in zip(names, cells, strict=False) if cell]
    for number, (name, cell) in enumerate(zip(names, cells, strict=False), 1):
        if cell and not name:
            wrong = f"column {number} has no name and {shown(cell)} in it: name it or empty it"
            return Row(where=where, wrong=f"{wrong}; pandas needs to_csv(..., index=False)")
    if failed := [f"{name}={cell}" for name, cell in filled if FAILED.fullmatch(cell)]:
        wrong = f"{failed[0]} is an error of the spreadsheet: mend or empty the cell there"
        return Row(where=where, wrong=wrong)
    try:
        words = [as_typed(column, cell) for column, cell in filled]
        return Row(raws(words), settings_of(words), where)
    except BadInput as error:
        return Row(where=where, wrong=str(error))


def from_yaml(text: str, name: str, flags: Sequence[str]) -> list[Row]:
    text = OTHER_BREAKS.sub(" ", whole_escapes(text))
    root = yaml_reader.compose(text, name, tags=True, longest=LARGEST)
    split_at_commas(root)
    if isinstance(root, yaml.SequenceNode):
        return [from_node(node, name) for node in root.value]
    entries = None if root is None else yaml_reader.value_of(root, name)
    if not isinstance(entries, dict) or entries.keys() - {"list", "product"}:
        one = isinstance(entries, dict) and "prompt" in entries
        hint = f"; from={name} draws the settings of one picture" if one else ""
        raise BadInput(
            f"{name} must be a list of prompts or settings, or have list: and product:{hint}"
        )
    return combined(entries, flags, name)


def whole_escapes(text: str) -> str:
    """Return the text with JSON's escapes of surrogate pairs, which the YAML loader refuses, as
    single characters."""
    return HALVES.sub(lambda halves: encodable(json.loads(f'"{halves[0]}"')), text)


def split_at_commas(node: yaml.Node | None) -> None:
    """Part the items of lists in brackets at the commas of other scripts, and a lone one at
    semicolons, which YAML takes for text; not within quotation marks."""
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            split_at_commas(pair[1])
    elif isinstance(node, yaml.SequenceNode):
        for inside in node.value:
            split_at_commas(inside)
        if node.flow_style:
            marks = lists.COMMAS + (lists.SEMICOLONS if len(node.value) == 1 else "")
            node.value = [part for item in node.value for part in parted(item, marks)]


def parted(item: yaml.Node, marks: str) -> list[yaml.Node]:
    """Return the items that these marks make of an item of a list."""
    plain = isinstance(item, yaml.ScalarNode) and not item.style
    texts = lists.read(f"[{item.value}]") if plain and set(item.value) & set(marks) else None
    if not texts or not all(isinstance(text, str) for text in texts):
        return [item]
    ends = item.start_mark, item.end_mark
    return [yaml.ScalarNode("tag:yaml.org,2002:str", text, *ends) for text in texts]


def from_node(node: yaml.Node, name: str) -> Row:
    """Return the row of a prompt or of settings. An error is recorded in the row and does not
    stop the others."""
    where = f"{name}:{yaml_reader.line_of(node)}"
    try:
        return from_mapping(settings_in(node, name), where)
    except Unreadable as error:
        return Row(where=where, wrong=error.reason)


def settings_in(node: yaml.Node, name: str) -> dict[Any, Any]:
    if isinstance(node, yaml.ScalarNode):
        return {"prompt": as_written(node, name, "prompt")}
    if isinstance(node, yaml.SequenceNode):  # several prompts of one picture
        return {"prompt": [as_written(n, name, "prompt") for n in node.value]}
    known: set[Any] = set()
    keys = [yaml_reader.check_key(key, name, "", known) for key, _ in node.value]
    values = [value for _, value in node.value]
    return {
        key: as_written(value, name, key)
        if key in having("prose")
        else yaml_reader.value_of(value, name, key)
        for key, value in zip(keys, values, strict=True)
    }


def as_written(node: yaml.Node, name: str, key: str) -> Any:
    """Return the text of a scalar as written, also where YAML reads `no` or `12:30` otherwise."""
    null = node.tag == "tag:yaml.org,2002:null"
    plain = isinstance(node, yaml.ScalarNode) and not null
    return node.value if plain else yaml_reader.value_of(node, name, key)
