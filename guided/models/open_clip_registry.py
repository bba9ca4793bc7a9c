"""The architectures and tags of open_clip, read from its files without importing it.

Importing open_clip takes seconds, and a misspelt name must be told in a moment. Knows nothing
about loading; imports no torch.
"""

import ast
import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from guided.errors import BadInput, nearest

# Parts of the names of architectures whose texts were of many languages in training.
MANY_LANGUAGES = ("xlm-roberta", "i18n", "SigLIP2", "nllb", "mt5", "worldwide")
# Tags that learned from whatever the web says, in any language, and enough of it: with Chinese
# texts commonpool_xl finds 39 % of pictures, where openai's find none (open_clip's
# docs/openclip_multilingual_retrieval_results.csv).
UNFILTERED = ("commonpool_xl_s13b_b90k",)


@cache
def folder() -> Path:
    spec = find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise BadInput("open_clip is not installed: pip install open_clip_torch")
    return Path(spec.origin).parent


@cache
def architectures() -> dict[str, Path]:
    """Each name and the file that describes it."""
    return {path.stem: path for path in sorted((folder() / "model_configs").glob("*.json"))}


def describe(arch: str) -> dict[str, Any]:
    """`embed_dim`, `vision_cfg`, `text_cfg` and so on of an architecture."""
    return json.loads(architectures()[arch].read_text(encoding="utf-8"))


@cache
def tags(arch: str) -> dict[str, str]:
    """The tags of an architecture, and where the hub has each: repository, or repository/file."""
    return table().get(arch, {})


@cache
def table() -> dict[str, dict[str, str]]:
    """All tags, from the dictionary literals of open_clip/pretrained.py."""
    tree = ast.parse((folder() / "pretrained.py").read_text(encoding="utf-8"))
    parts = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    whole, found = parts.get("_PRETRAINED"), {}
    for key, value in zip(whole.keys, whole.values, strict=True) if whole else ():
        value = parts[value.id] if isinstance(value, ast.Name) else value
        entries = {entry.arg: settings(entry.value) for entry in value.keywords}
        found[key.value] = {tag: e.get("hf_hub", "").rstrip("/") for tag, e in entries.items()}
        quick = {tag: found[key.value][tag] for tag, e in entries.items() if e.get("quick_gelu")}
        if quick:
            found[f"{key.value}-quickgelu"] = quick
    return found


def settings(call: ast.Call) -> dict[str, Any]:
    """The plain values among the keywords of a call."""
    plain = ((k.arg, k.value) for k in call.keywords if isinstance(k.value, ast.Constant))
    return {name: constant.value for name, constant in plain}


def check_arch(where: str, arch: str) -> None:
    if arch not in architectures():
        near = nearest(arch, architectures(), 0.3) or "; models=list shows some"
        raise BadInput(f"{where}: open_clip has no architecture {arch}{near}")


def find_tag(where: str, arch: str, tag: str) -> str:
    """Where the hub has the tag; BadInput with the nearest name when there is no such thing."""
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
    """What else the hub must give: tokenizers of transformers, and for each whether the text tower
    too is built from what its repository describes."""
    text = describe(arch).get("text_cfg", {})
    tower = text.get("hf_model_name")
    names = (tower, text.get("hf_tokenizer_name"))
    return {name: name == tower for name in names if name}


def reads(arch: str, tag: str = "") -> list[str]:
    """The scripts of the texts that a model learned from, as far as known."""
    many = any(part in arch for part in MANY_LANGUAGES)
    return ["any"] if many or tag.lower().replace("-", "_") in UNFILTERED else ["latin"]
