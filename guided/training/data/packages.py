"""Pinned packages of npm: fetched once, checked every time, read without unpacking."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

from guided.errors import BadInput


def fetch(source: dict, folder: Path) -> Path:
    """Return the package's archive, downloaded if it is missing. Raises BadInput if its checksum
    is not the pinned one."""
    spec = f"{source['package']}@{source['version']}"
    archive = folder / f"{source['package'].lstrip('@').replace('/', '-')}-{source['version']}.tgz"
    if not archive.exists():
        download(spec, folder)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != source["sha256"]:
        raise BadInput(
            f"{archive} is not {spec}: sha256 {digest}, expected {source['sha256']}; "
            "remove it to fetch it again"
        )
    return archive


def download(spec: str, folder: Path) -> None:
    """Download by npm into a draft folder and move the whole archive. Raises BadInput if npm is
    missing or fails."""
    draft = folder / "draft"
    draft.mkdir(parents=True, exist_ok=True)
    try:
        process = subprocess.run(
            ["npm", "pack", spec, "--silent"], cwd=draft, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise BadInput("npm is not here; it comes with Node.js and fetches the icons") from error
    if process.returncode:
        last = (process.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadInput(f"npm cannot fetch {spec}: {last}")
    for path in draft.glob("*.tgz"):
        path.rename(folder / path.name)


def read_json(archive: Path, member: str) -> Any:
    """Return the parsed JSON file `member` of an archive."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile(f"package/{member}")
        if file is None:
            raise BadInput(f"{archive} holds no file {member}; remove it to fetch it again")
        return json.load(file)


def read_all(archive: Path, pattern: str) -> dict[str, Any]:
    """Return the parsed JSON files whose names match a pattern, by its first group."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            match = re.fullmatch(pattern, member.name)
            file = tar.extractfile(member) if match else None
            if match and file:
                found[match[1]] = json.load(file)
    return found
