"""The configuration of a CLIP folder, read as checked values.

Such folders are untrusted. Only known keys with values of a known type and range are taken; a key
that would run code, download a file or read another folder is refused. Imports no torch: a run
reads it before it loads weights.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guided.errors import BadInput, nearest, shown
from guided.models.clip_keys import (
    CHINESE,
    CHINESE_TEXT,
    CHINESE_VISION,
    CODE,
    DECODER,
    FETCHED,
    MODEL,
    PREPROCESS,
    SPECIAL,
    TEXT,
    UNUSED,
    VISION,
    WORDS,
    Check,
)
from guided.paths import PACKAGE
from guided.untrusted.regular_files import read_text

OPEN_CLIP, TRANSFORMERS = "open_clip_config.json", "config.json"
TOKENIZER, SPECIAL_TOKENS = "tokenizer_config.json", "special_tokens_map.json"
PREPROCESSOR = "preprocessor_config.json"
MERGES, TOKENS, WORDPIECES = "bpe_simple_vocab.txt.gz", "tokenizer.json", "vocab.txt"
LARGEST = {MERGES: 32 << 20, TOKENS: 256 << 20, WORDPIECES: 32 << 20}  # bytes
LARGEST_JSON = 1 << 20  # bytes of any other file
# The names of open_clip's weights, in the order in which it prefers them.
WEIGHTS = (
    *("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors"),
    *("open_clip_pytorch_model.bin", "open_clip_pytorch_model.pth"),
    *("model.safetensors", "pytorch_model.bin", "pytorch_model.pth", "model.pth"),
)
FINEST_GRID = 128  # patches along a side; the largest published models have 37


# ---- open_clip's format --------------------------------------------------------------------


def open_clip_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (model_cfg, preprocess_cfg) of open_clip_config.json, every value checked.

    Raises BadInput, with folder and key, if a key is unknown, has a value that is not allowed,
    would download a file or run code, or describes more parameters than the weights have bytes.
    """
    path = folder / OPEN_CLIP
    content = mapping(path, read_json(path), "model_cfg")
    parts = {"vision_cfg": VISION, "text_cfg": TEXT, "multimodal_cfg": DECODER}
    plain = {key: value for key, value in content.items() if key not in parts}
    model = checked(path, "model_cfg", plain, MODEL)
    for name, keys in parts.items():
        if name in content or name != "multimodal_cfg":
            place = f"model_cfg.{name}"
            part = checked(path, place, mapping(path, content, name, "model_cfg."), keys)
            model[name] = {key: value for key, value in part.items() if key not in UNUSED}
    if "embed_dim" not in model:
        raise BadInput(f"{path}: model_cfg has no embed_dim")
    vision, text = model["vision_cfg"], model["text_cfg"]
    if vision.get("timm_model_name"):
        vision["timm_model_pretrained"] = False
    elif not isinstance(vision.get("layers", 12), list):
        vision["patch_size"] = vision.get("patch_size") or 16
        check_grid(path, vision.get("image_size", 224), vision["patch_size"])
    if text.get("width", 512) % text.get("heads", 8):
        raise BadInput(f"{path}: model_cfg.text_cfg.width must be a multiple of its heads")
    check_amount(path, count(model), open_clip_weights(folder))
    preprocess = read_json(path).get("preprocess_cfg") or {}
    preprocess = mapping(path, {"preprocess_cfg": preprocess}, "preprocess_cfg")
    given = {key: value for key, value in preprocess.items() if value is not None}
    return model, checked(path, "preprocess_cfg", given, PREPROCESS)


def names_timm(folder: Path) -> bool:
    """Return whether a folder in open_clip's format, and not of this program, has an image tower
    of timm's, of which only the name is checked so far."""
    if folder.is_relative_to(PACKAGE) or not (folder / OPEN_CLIP).exists():
        return False
    return bool(open_clip_settings(folder)[0]["vision_cfg"].get("timm_model_name"))


def open_clip_weights(folder: Path) -> Path:
    """Return the file of weights that open_clip would choose; BadInput if there is none."""
    others = [sorted(folder.glob(f"*{suffix}")) for suffix in (".safetensors", ".bin", ".pth")]
    places = [folder / name for name in WEIGHTS] + [path for paths in others for path in paths]
    for place in places:
        if place.is_file():
            return place
    raise BadInput(f"{folder} has no weights: {WEIGHTS[0]} or {WEIGHTS[2]}")


def count(model: dict[str, Any]) -> int:
    """Return a lower bound of the number of parameters of the towers of a model_cfg."""
    vision, text, embed = model["vision_cfg"], model["text_cfg"], model["embed_dim"]
    width, layers = vision.get("width", 768), vision.get("layers", 12)
    if vision.get("timm_model_name"):
        seen = 0
    elif isinstance(layers, list):  # He et al. 2015: 17 p^2 in a bottleneck of p channels
        seen = sum(17 * n * (width << k) ** 2 for k, n in enumerate(layers))
        seen += 3 * (32 * width) ** 2
    else:
        sides = as_pair(vision.get("image_size", 224))
        grid = math.prod(side // vision["patch_size"] for side in sides)
        seen = tower(layers, width, vision.get("mlp_ratio", 4)) + (grid + embed) * width
    width = text.get("width", 512)
    read = tower(text.get("layers", 12), width, text.get("mlp_ratio", 4))
    read += text.get("vocab_size", 49408) * width
    decoder = model.get("multimodal_cfg")
    more = decoder and tower(decoder.get("layers", 12), decoder.get("width", 512), 4)
    return seen + read + (more or 0)


def tower(layers: int, width: int, ratio: float) -> int:
    """Return the parameters of a transformer's blocks: attention 4 w^2, MLP 2 r w^2."""
    return int(layers * (4 + 2 * ratio) * width**2)


# ---- transformers' format ------------------------------------------------------------------


def chinese_settings(folder: Path) -> dict[str, Any]:
    """Return the arguments of ChineseCLIPConfig from config.json: the known keys, checked.

    BadInput, with folder and key, for values that are not allowed and keys that name code."""
    path = folder / TRANSFORMERS
    content = read_json(path)
    refuse_code(path, content)
    settings = checked(path, "", known(content, CHINESE), CHINESE)
    for name, keys in (("text_config", CHINESE_TEXT), ("vision_config", CHINESE_VISION)):
        given = content.get(name) or {}, content.get(f"{name}_dict") or {}
        parts = [mapping(path, {name: part}, name) for part in given]
        for part in parts:
            refuse_code(path, part, f"{name}.")
        merged = known(parts[0] | parts[1], keys)
        settings[name] = checked(path, name, merged, keys)
    text, vision = settings["text_config"], settings["vision_config"]
    check_grid(path, vision.get("image_size", 224), vision.get("patch_size", 32), "vision_config.")
    amount = text.get("vocab_size", 30522) * text.get("hidden_size", 768)
    for part in (text, vision):
        width, inner = part.get("hidden_size", 768), part.get("intermediate_size", 3072)
        amount += part.get("num_hidden_layers", 12) * (4 * width**2 + 2 * width * inner)
    check_amount(path, amount, transformers_weights(folder))
    return settings


def transformers_weights(folder: Path) -> Path:
    """Return the file of weights; BadInput if there is no single file of them."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).is_file():
            return folder / name
    raise BadInput(f"{folder} has no weights: model.safetensors or pytorch_model.bin")


def preprocessor(folder: Path) -> dict[str, Any]:
    """Return `image_mean` and `image_std` of preprocessor_config.json, if it has them."""
    path = folder / PREPROCESSOR
    keys = {"image_mean": PREPROCESS["mean"], "image_std": PREPROCESS["std"]}
    content = read_json(path) if path.exists() else {}
    return checked(path, "", known(content, keys), keys)


def tokenizer_settings(folder: Path) -> dict[str, Any]:
    """Return the arguments of a tokenizer: its special tokens and its treatment of letters.

    BadInput if tokenizer_config.json names code."""
    settings: dict[str, Any] = {}
    for name in (SPECIAL_TOKENS, TOKENIZER):
        path = folder / name
        if not path.exists():
            continue
        content = read_json(path)
        refuse_code(path, content)
        for key in SPECIAL:
            token = content.get(key)
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                settings[key] = token
        settings |= checked(path, "", known(content, WORDS), WORDS)
    return settings


def tokenizer_file(folder: Path, *names: str) -> Path:
    """Return the first of the tokenizer's files that exists; BadInput if none does."""
    for name in names:
        if (folder / name).exists():
            return sized(folder / name, LARGEST[name])
    raise BadInput(f"{folder} has no tokenizer that is read here: {' or '.join(names)}")


# ---- reading -------------------------------------------------------------------------------


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping in a small JSON file; BadInput if it holds anything else."""
    sized(path, LARGEST_JSON)
    try:
        content = json.loads(read_text(path, LARGEST_JSON))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path} cannot be read as JSON: {shown(error)}") from error
    if not isinstance(content, dict):
        raise BadInput(f"{path} holds no mapping of keys to values")
    return content


def sized(path: Path, most: int) -> Path:
    """Return the path; BadInput unless it is a file of at most `most` bytes."""
    if not path.is_file():
        raise BadInput(f"{path} is not there, or no file")
    if path.stat().st_size > most:
        raise BadInput(f"{path} is larger than {most >> 20} MB, which no such file is")
    return path


def mapping(path: Path, content: dict[str, Any], key: str, place: str = "") -> dict[str, Any]:
    """Return the mapping under a key; BadInput if it is none."""
    if not isinstance(content.get(key), dict):
        raise BadInput(f"{path}: {place}{key} must be a mapping of keys to values")
    return content[key]


def known(content: dict[str, Any], keys: Mapping[str, Check]) -> dict[str, Any]:
    """Return the entries with known keys."""
    return {key: value for key, value in content.items() if key in keys}


def checked(
    path: Path, place: str, content: dict[str, Any], keys: Mapping[str, Check]
) -> dict[str, Any]:
    """Return a copy; BadInput for the first key that is unknown or whose value is not allowed."""
    for key, value in content.items():
        name = f"{place}.{key}" if place else key
        if key not in keys:
            raise BadInput(f"{path}: {shown(name)} is not a known key{nearest(key, keys)}")
        if (allowed := keys[key](value)) is not None:
            why = FETCHED.get(key) or f"must be {allowed}"
            raise BadInput(f"{path}: {name}={shown(value)} is refused: it {why}")
    return dict(content)


def refuse_code(path: Path, content: dict[str, Any], place: str = "") -> None:
    """Raise BadInput for keys that name code to be run on the weights."""
    for key in CODE:
        if content.get(key):
            raise BadInput(
                f"{path}: {place}{key}={shown(content[key])} is refused: it names code, and no "
                "code of a CLIP's folder is run"
            )


def as_pair(size: Any) -> tuple[int, int]:
    """Return a size, one number or two, as two."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def check_grid(path: Path, image_size: Any, patch: int, place: str = "vision_cfg.") -> None:
    """Raise BadInput if an image has no patch or too many."""
    sides = as_pair(image_size)
    if min(sides) < patch or max(sides) > patch * FINEST_GRID:
        raise BadInput(
            f"{path}: {place}image_size={image_size} must be from 1 to {FINEST_GRID} times "
            f"patch_size={patch}"
        )


def check_amount(path: Path, amount: int, weights: Path) -> None:
    """Raise BadInput if a model has more parameters than its weights have bytes."""
    if amount > (size := weights.stat().st_size):
        raise BadInput(
            f"{path} describes a model of {amount:.3g} numbers, and {weights.name} has "
            f"{size} bytes: a size in it is wrong"
        )
