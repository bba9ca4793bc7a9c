"""The architectures and tags of open_clip, read from its files without importing it.

Importing open_clip takes seconds, and a misspelt name should be reported at once. Imports no
torch.
"""

import ast
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from guided.errors import BadInput, nearest

# Parts of the names of architectures trained with texts in many languages.
MANY_LANGUAGES = ("xlm-roberta", "i18n", "SigLIP2", "nllb", "mt5", "worldwide")
# Tags trained with unfiltered texts of the web: with Chinese texts commonpool_xl retrieves 39 % of
# pictures, openai's none (open_clip's docs/openclip_multilingual_retrieval_results.csv).
UNFILTERED = ("commonpool_xl_s13b_b90k",)


@cache
def folder() -> Path:
    """Return open_clip's folder; BadInput if it is not installed."""
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise BadInput("open_clip is not installed: pip install open_clip_torch")
    return Path(spec.origin).parent


@cache
def architectures() -> dict[str, Path]:
    """Return the names of architectures and the files that describe them."""
    return {path.stem: path for path in sorted((folder() / "model_configs").glob("*.json"))}


def describe(arch: str) -> dict[str, Any]:
    """Return the configuration of an architecture: `embed_dim`, `vision_cfg`, `text_cfg`, ..."""
    return json.loads(architectures()[arch].read_text(encoding="utf-8"))


@cache
def tags(arch: str) -> dict[str, str]:
    """Return the tags of an architecture, and the place of each on the hub: repository, or
    repository/file."""
    return table().get(arch, {})


@cache
def table() -> dict[str, dict[str, str]]:
    """Return all tags, from the dictionary literals of open_clip/pretrained.py."""
    tree = ast.parse((folder() / "pretrained.py").read_text(encoding="utf-8"))
    parts = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    whole = parts.get("_PRETRAINED")
    known: dict[str, dict[str, str]] = {}
    if not isinstance(whole, ast.Dict):
        return known
    for key, value in zip(whole.keys, whole.values, strict=True):
        value = parts[value.id] if isinstance(value, ast.Name) else value
        assert isinstance(key, ast.Constant) and isinstance(value, ast.Call)
        arch, entries = str(key.value), {}
        for entry in value.keywords:
            assert isinstance(entry.value, ast.Call)
            entries[str(entry.arg)] = settings(entry.value)
        known[arch] = {tag: e.get("hf_hub", "").rstrip("/") for tag, e in entries.items()}
        quick = {tag: known[arch][tag] for tag, e in entries.items() if e.get("quick_gelu")}
        if quick:
            known[f"{arch}-quickgelu"] = quick
    return known


def settings(call: ast.Call) -> dict[str, Any]:
    """Return the keyword arguments of a call that are constants."""
    return {
        keyword.arg: keyword.value.value
        for keyword in call.keywords
        if keyword.arg and isinstance(keyword.value, ast.Constant)
    }


def check_arch(where: str, arch: str) -> None:
    """Raise BadInput, which begins with `where`, for an unknown architecture."""
    if arch not in architectures():
        same = [one for one in architectures() if one.lower() == arch.lower()]
        near = nearest(arch, same or architectures(), 0.3) or "; models=list shows some"
        raise BadInput(f"{where}: open_clip has no architecture {arch}{near}")


def find_tag(where: str, arch: str, tag: str) -> str:
    """Return the place of a tag on the hub; BadInput with the nearest name if it is unknown."""
    check_arch(where, arch)
    known = tags(arch)
    cleaned = tag.lower().replace("-", "_")  # as open_clip itself does
    if cleaned in known:
        return known[cleaned]
    if not known:
        raise BadInput(f"{where}: open_clip has no weights of {arch}; give a file, {arch}::file")
    if not tag:
        raise BadInput(f"{where}: say which weights, {arch}::TAG; there are {', '.join(known)}")
    hint = nearest(cleaned, known) or f"; there are {', '.join(known)}"
    raise BadInput(f"{where}: {arch} has no tag {tag}{hint}")


def text_repositories(arch: str) -> dict[str, bool]:
    """Return the repositories of transformers that an architecture needs for its tokenizer, and
    for each whether it describes the text tower too."""
    text = describe(arch).get("text_cfg", {})
    tower = text.get("hf_model_name")
    names = (tower, text.get("hf_tokenizer_name"))
    return {name: name == tower for name in names if name}


def reads(arch: str, tag: str = "") -> list[str]:
    """Return the scripts of the texts that a model was trained with: latin, or any."""
    many = any(part in arch for part in MANY_LANGUAGES)
    return ["any"] if many or tag.lower().replace("-", "_") in UNFILTERED else ["latin"]
