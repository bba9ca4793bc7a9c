"""The results of a run as JSON and as Markdown, replaced as a whole after every row."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu.bench import Row
from guided.runs import files

JSON, MARKDOWN = "gpu.json", "gpu.md"


@dataclass
class Result:
    """The result of a part: done, running, skipped, failed or out of time, and why."""

    title: str
    estimate: float  # seconds
    status: str = "running"
    reason: str = ""
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)

    @property
    def bad(self) -> bool:
        """Whether the part failed or found something wrong."""
        return self.status == "failed" or any(row.get("ok") is False for row in self.rows)


@dataclass
class Report:
    """The results by part, in the order of the run."""

    out: Path
    about: dict[str, Any]  # machine and settings
    results: dict[str, Result] = field(default_factory=dict)

    def write(self) -> None:
        """Write both files. A process that is killed leaves those of the last row."""
        self.out.mkdir(parents=True, exist_ok=True)
        parts = {name: asdict(result) for name, result in self.results.items()}
        book = json.dumps({**self.about, "parts": parts}, indent=1)
        files.write(self.out / JSON, book.encode())
        files.write(self.out / MARKDOWN, self.markdown().encode())

    def markdown(self) -> str:
        """Return a page with a table for each part."""
        about = ", ".join(f"{name} {value}" for name, value in self.about.items())
        return "\n\n".join(["# Benchmark", about, *map(section, self.results.values())]) + "\n"


def section(result: Result) -> str:
    """Return the heading, status and table of a part."""
    status = f"{result.status}: {result.reason}" if result.reason else result.status
    line = f"{status} ({result.seconds:.0f} s, estimated {result.estimate:.0f} s)"
    return "\n\n".join(filter(None, [f"## {result.title}", line, table(result.rows)]))


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table of all their columns that hold numbers and texts."""
    columns = list(
        dict.fromkeys(name for row in rows for name, value in row.items() if is_cell(value))
    )
    if not columns:
        return ""
    lines = [columns, ["---"] * len(columns)]
    lines += [[cell(row.get(name, "")) for name in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def is_cell(value: Any) -> bool:
    return isinstance(value, bool | int | float | str)


def cell(value: Any) -> str:
    """Return a value as text: floats with four digits, bars escaped."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
