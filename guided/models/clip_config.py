"""The configuration of a CLIP folder, read as checked values.

Such folders are untrusted. Only known keys with values of a known type and range are taken; a key
that would run code, download a file or read another folder is refused. Imports no torch: a run
reads it before it loads weights.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guided.errors import BadInput, nearest, shown

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

Check = Callable[[Any], str | None]  # the allowed values, or None for an allowed value


def whole(low: int, high: int) -> Check:
    """Return a check for whole numbers from low to high."""

    def check(value: Any) -> str | None:
        right = type(value) is int and low <= value <= high
        return None if right else f"a whole number from {low} to {high}"

    return check


def number(low: float, high: float) -> Check:
    """Return a check for numbers from low to high."""

    def check(value: Any) -> str | None:
        right = type(value) in (int, float) and low <= value <= high  # NaN is neither
        return None if right else f"a number from {low:g} to {high:g}"

    return check


def boolean(value: Any) -> str | None:
    """Check for true or false."""
    return None if isinstance(value, bool) else "true or false"


def null(value: Any) -> str | None:
    """Check for null."""
    return None if value is None else "null"


def text(value: Any) -> str | None:
    """Check for a text."""
    return None if isinstance(value, str) else "a text"


def one_of(*choices: str) -> Check:
    """Return a check for one of several texts."""

    def check(value: Any) -> str | None:
        return None if isinstance(value, str) and value in choices else " or ".join(choices)

    return check


def like(pattern: str, allowed: str) -> Check:
    """Return a check for texts that match a pattern, which `allowed` describes."""

    def check(value: Any) -> str | None:
        right = isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII)
        return None if right else allowed

    return check


def several(count: int, each: Check) -> Check:
    """Return a check for lists of `count` values."""

    def check(value: Any) -> str | None:
        right = isinstance(value, list) and len(value) == count and not any(map(each, value))
        return None if right else f"a list of {count}, each {each(None)}"

    return check


def either(*checks: Check) -> Check:
    """Return a check for values that one of the checks allows."""

    def check(value: Any) -> str | None:
        wrong = [check(value) for check in checks]
        return None if None in wrong else "; or ".join(filter(None, wrong))

    return check


def holding(keys: Mapping[str, Check]) -> Check:
    """Return a check for mappings with only these keys."""

    def check(value: Any) -> str | None:
        right = isinstance(value, dict) and value.keys() <= keys.keys()
        right = right and not any(keys[key](inside) for key, inside in value.items())
        return None if right else f"a mapping with no keys but {', '.join(keys)}"

    return check


SIDE = either(whole(8, 2048), several(2, whole(8, 2048)))
NAME_OF_TIMM = like(r"\w+(\.\w+)?", "the plain name of a model of timm")
# Keys of both towers of open_clip.
TOWER: dict[str, Check] = {
    "width": whole(1, 16384),
    "mlp_ratio": number(0.1, 64),
    "ls_init_value": either(null, number(0, 10)),
    "final_ln_after_pool": boolean,
    "output_tokens": boolean,
    "act_kwargs": either(null, holding({"approximate": one_of("none", "tanh")})),
    "norm_kwargs": either(null, holding({"eps": number(0, 1)})),
    "block_type": either(null, one_of("default", "custom")),
    **dict.fromkeys(
        ("qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn"),
        boolean,
    ),
    "scale_fc": boolean,
}
VISION = TOWER | {
    "layers": either(whole(1, 200), several(4, whole(1, 200))),
    "head_width": whole(1, 4096),
    "patch_size": either(null, whole(1, 256)),
    "image_size": SIDE,
    "patch_dropout": number(0, 1),
    "attentional_pool": either(boolean, one_of("parallel", "cascade")),
    "attn_pooler_queries": whole(1, 4096),
    "attn_pooler_heads": whole(1, 256),
    "no_ln_pre": boolean,
    "pos_embed_type": one_of("learnable", "sin_cos_2d"),
    "pool_type": one_of("tok", "avg", "none"),
    "timm_model_name": either(null, NAME_OF_TIMM),
    "timm_model_pretrained": boolean,
    "timm_pool": like(r"[a-z_]{0,20}", "the name of a pooling of timm"),
    "timm_proj": either(null, one_of("linear", "mlp", "none", "")),
    "timm_proj_bias": boolean,
    "timm_drop": number(0, 1),
    "timm_drop_path": either(null, number(0, 1)),
}
TEXT = TOWER | {
    "context_length": whole(1, 4096),
    "vocab_size": whole(1, 4_000_000),
    "heads": whole(1, 256),
    "layers": whole(1, 200),
    "embed_cls": boolean,
    "pad_id": whole(0, 4_000_000),
    "eos_id": whole(0, 4_000_000),
    "no_causal_mask": boolean,
    "pool_type": one_of("first", "last", "argmax", "eos", "none"),
    "proj_bias": boolean,
    "proj_type": one_of("linear", "none"),
    # Marks a folder with a tokenizer in transformers' format.
    "hf_tokenizer_name": either(null, text),
    "tokenizer_mode": either(null, one_of("", "clips")),
    "tokenizer_kwargs": either(
        null,
        holding(
            {
                "clean": one_of("lower", "whitespace", "canonicalize"),
                "strip_sep_token": boolean,
                "reduction_mask": one_of("", "simple"),
            }
        ),
    ),
    "hf_model_name": null,
    "hf_model_pretrained": boolean,
    "hf_proj_type": text,
    "hf_pooler_type": text,
}
DECODER = TEXT | {
    "dim_head": whole(1, 4096),
    "n_queries": whole(1, 4096),
    "attn_pooler_heads": whole(1, 256),
}
MODEL: dict[str, Check] = {
    "embed_dim": whole(1, 16384),
    "quick_gelu": boolean,
    "custom_text": boolean,
    "init_logit_scale": number(-100, 100),
    "init_logit_bias": either(null, number(-1000, 1000)),
    "nonscalar_logit_scale": boolean,
}
PREPROCESS: dict[str, Check] = {
    "size": SIDE,
    "mode": one_of("RGB"),
    "mean": several(3, number(-1000, 1000)),
    "std": several(3, number(1e-6, 1000)),
    "interpolation": one_of("bicubic", "bilinear", "random"),
    "resize_mode": one_of("shortest", "longest", "squash"),
    "fill_color": whole(0, 255),
}
# Keys that are checked and dropped: they describe files that would be downloaded.
UNUSED = ("hf_model_name", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type")
FETCHED = {
    "hf_model_name": "names a text tower that would be read from elsewhere; "
    "clip=ARCHITECTURE::file takes the weights of one of open_clip's own",
    "tokenizer_kwargs": "may only have clean, strip_sep_token and reduction_mask: a tokenizer's "
    "code is never run",
}

# Keys of transformers' Chinese-CLIP. Its files have many more, none of which is read.
ACTIVATION = one_of("gelu", "quick_gelu", "gelu_new", "relu", "silu", "selu")
CHINESE_TOWER: dict[str, Check] = {
    "hidden_size": whole(1, 16384),
    "intermediate_size": whole(1, 65536),
    "num_hidden_layers": whole(1, 200),
    "num_attention_heads": whole(1, 256),
    "hidden_act": ACTIVATION,
    "layer_norm_eps": number(0, 1),
}
CHINESE_TEXT = CHINESE_TOWER | {
    "vocab_size": whole(1, 4_000_000),
    "max_position_embeddings": whole(1, 4096),
    "type_vocab_size": whole(1, 1024),
    "pad_token_id": either(null, whole(0, 4_000_000)),
}
CHINESE_VISION = CHINESE_TOWER | {
    "projection_dim": whole(1, 16384),
    "num_channels": whole(3, 3),
    "image_size": whole(8, 2048),
    "patch_size": whole(1, 256),
}
CHINESE = {
    "projection_dim": whole(1, 16384),
    "logit_scale_init_value": number(-100, 100),
}
CODE = ("auto_map", "quantization_config", "trust_remote_code")
SPECIAL = (
    *("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token"),
    "mask_token",
)
WORDS: dict[str, Check] = {
    "padding_side": one_of("left", "right"),
    "do_lower_case": boolean,
    "tokenize_chinese_chars": boolean,
    "strip_accents": either(null, boolean),
}


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
        content = json.loads(path.read_text(encoding="utf-8"))
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
