"""Build a CLIP from a folder in open_clip's format.

open_clip would read the folder itself, and run a tokenizer's code that is in it; here its classes
are called with checked values (guided.models.clip_config).
"""

import gzip
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from guided.clip.darknet import DarknetTower
from guided.clip.regnet import RegNetTower
from guided.compat.open_clip import import_open_clip, wrapped_tokenizer
from guided.errors import BadInput
from guided.models import clip_config
from guided.models.clip_config import LARGEST, MERGES, TOKENS, WORDPIECES

# Ours by the names of timm's.
OWN_TOWERS = {"regnetx_002": RegNetTower, "cs3darknet_focus_s": DarknetTower}
# Exceptions of open_clip's and timm's classes for sizes that do not fit together.
MISFITS = (RuntimeError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)


def load(folder: Path) -> tuple[Any, Any]:
    """Return the model, float32 on the CPU, and its tokenizer. Raise BadInput for refused values.

    Exceptions of open_clip's classes, for sizes that do not fit together or weights of another
    model, are passed on."""
    check_amount(folder)
    open_clip = import_open_clip()
    settings, preprocess = clip_config.open_clip_settings(folder)
    tokenizer = tokenizer_of(folder, settings["text_cfg"])
    model = build(settings)
    weights = clip_config.open_clip_weights(folder)
    open_clip.load_checkpoint(model, str(weights), weights_only=True)
    defaults = asdict(open_clip.transform.PreprocessCfg()) | {"size": model.visual.image_size}
    merged = open_clip.transform.merge_preprocess_dict(defaults, preprocess)
    open_clip.model.set_model_preprocess_cfg(model, merged)
    return model, tokenizer


def check_amount(folder: Path) -> None:
    """Raise BadInput if a tower that is one of timm's models, of which the folder has only the
    name, has more parameters than the weights have bytes. They are counted without memory."""
    if clip_config.names_timm(folder):
        count(folder, (folder / clip_config.OPEN_CLIP).stat().st_mtime_ns)


@lru_cache(16)  # the rows of a batch ask for the same few
def count(folder: Path, changed: int) -> None:
    """Raise BadInput as `check_amount`, for a configuration that was last changed at a time."""
    settings, _ = clip_config.open_clip_settings(folder)
    try:
        with torch.device("meta"):
            model = build(settings)
    except MISFITS as error:
        name = settings["vision_cfg"]["timm_model_name"]
        raise BadInput(f"{folder} holds no CLIP that {name} of timm makes: {error}") from error
    amount = sum(parameter.numel() for parameter in model.parameters())
    weights = clip_config.open_clip_weights(folder)
    clip_config.check_amount(folder / clip_config.OPEN_CLIP, amount, weights)


def build(settings: dict[str, Any]) -> Any:
    """Return the model of a checked `model_cfg`, its weights random."""
    open_clip = import_open_clip()
    custom = settings.get("custom_text", False)
    values = {key: value for key, value in settings.items() if key != "custom_text"}
    if custom and "multimodal_cfg" in values:
        return open_clip.CoCa(**values)
    values.pop("multimodal_cfg", None)
    vision = values["vision_cfg"]
    own = own_tower(vision)
    if own is not None:
        values["vision_cfg"] = {"layers": 1, "width": 64, "patch_size": vision["image_size"]}
    model = (open_clip.CustomTextCLIP if custom else open_clip.CLIP)(**values)
    if own is not None:
        model.visual = own(vision["image_size"], values["embed_dim"])
    return model


def own_tower(vision: dict[str, Any]) -> Callable[[int, int], nn.Module] | None:
    """Return the class of ours that is the same tower as the one of timm's that a `vision_cfg` of
    open_clip's describes; None if there is none."""
    same: dict[str, Any] = {"timm_pool": "avg", "timm_proj": "linear"}
    name = vision.get("timm_model_name")
    plain = {"timm_model_name": name, "image_size": vision.get("image_size")}
    is_plain = vision == same | plain | {"timm_model_pretrained": False}
    return OWN_TOWERS.get(str(name)) if is_plain else None


def tokenizer_of(folder: Path, text: dict[str, Any]) -> Any:
    """Return the tokenizer that the `text_cfg` names, built from the folder's own files."""
    context = text.get("context_length", 77)
    options = text.get("tokenizer_kwargs") or {}
    strip = options.get("strip_sep_token", False)
    if text.get("hf_tokenizer_name"):
        mode, clean = text.get("tokenizer_mode") or "", options.get("clean", "whitespace")
        return wrapped_tokenizer(words(folder), context, mode, clean, strip)
    options = {key: value for key, value in options.items() if key != "strip_sep_token"}
    if (folder / MERGES).exists():
        options["bpe_path"] = str(merges(folder))
    return import_open_clip().SimpleTokenizer(context_length=context, **options)


def merges(folder: Path) -> Path:
    """Return the file of BPE merges. Raise BadInput if it is not gzip or unpacks to more than
    the limit."""
    path = clip_config.tokenizer_file(folder, MERGES)
    try:
        with gzip.open(path) as file:
            size = len(file.read(LARGEST[MERGES] + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if size > LARGEST[MERGES]:
        raise BadInput(f"{path} unpacks to more than {LARGEST[MERGES] >> 20} MB")
    return path


def words(folder: Path) -> Any:
    """Return a tokenizer of transformers from tokenizer.json or from the word pieces of vocab.txt,
    which are both plain data."""
    from transformers import PreTrainedTokenizerFast

    path = clip_config.tokenizer_file(folder, TOKENS, WORDPIECES)
    if path.name == WORDPIECES:
        return word_pieces(folder)
    options = clip_config.tokenizer_settings(folder)
    own = ("do_lower_case", "tokenize_chinese_chars", "strip_accents")  # tokenizer.json has these
    settings = {key: value for key, value in options.items() if key not in own}
    return PreTrainedTokenizerFast(tokenizer_file=str(path), **settings)


def word_pieces(folder: Path) -> Any:
    """Return BERT's tokenizer with the words of vocab.txt. transformers reads it from a temporary
    folder that holds no other file."""
    from transformers import BertTokenizer

    vocabulary = clip_config.tokenizer_file(folder, WORDPIECES).read_bytes()
    settings = clip_config.tokenizer_settings(folder)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / WORDPIECES).write_bytes(vocabulary)
        return BertTokenizer.from_pretrained(
            place, local_files_only=True, trust_remote_code=False, **settings
        )
