"""Pinned packages from npm's registry: fetched once, checked every time, read without unpacking.
Knows nothing about what is in them.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from pathlib import Path

from guided.errors import BadInput


def fetch(source: dict, folder: Path) -> Path:
    """The package's archive, downloaded once; checked against its pinned checksum every time."""
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
    """By npm, into a draft folder first: what was broken off is no archive."""
    draft = folder / "draft"
    draft.mkdir(parents=True, exist_ok=True)
    try:
        made = subprocess.run(
            ["npm", "pack", spec, "--silent"], cwd=draft, capture_output=True, text=True
        )
    except FileNotFoundError as error:
        raise BadInput("npm is not here; it comes with Node.js and fetches the icons") from error
    if made.returncode:
        last = (made.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise BadInput(f"npm cannot fetch {spec}: {last}")
    for path in draft.glob("*.tgz"):
        path.rename(folder / path.name)


def read_json(archive: Path, member: str) -> dict | list:
    with tarfile.open(archive) as tar:
        return json.load(tar.extractfile(f"package/{member}"))
