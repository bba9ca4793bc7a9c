"""Build a CLIP from a folder in open_clip's format, by calls of our own.

open_clip would read the folder itself, and run a tokenizer's code that is in it: here its classes
get checked values (clip_config.py). Import it after guided.compat.open_clip.import_open_clip.
"""

import gzip
import tempfile
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
from open_clip.model import set_model_preprocess_cfg
from open_clip.tokenizer import HFTokenizer, get_clean_fn
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from guided.errors import BadInput
from guided.models import clip_config
from guided.models.clip_config import LARGEST, MERGES, TOKENS, WORDPIECES


def load(folder: Path) -> tuple[Any, Any]:
    """Return the model, float32 on the CPU, and its tokenizer; BadInput for what is refused.

    What open_clip's classes raise for sizes that do not fit together or weights of another model
    is passed on."""
    settings, preprocess = clip_config.open_clip_settings(folder)
    tokenizer = tokenizer_of(folder, settings["text_cfg"])
    custom = settings.pop("custom_text", False)
    if custom and "multimodal_cfg" in settings:
        kind = open_clip.CoCa
    else:
        kind = open_clip.CustomTextCLIP if custom else open_clip.CLIP
        settings.pop("multimodal_cfg", None)
    model = kind(**settings)
    weights = clip_config.open_clip_weights(folder)
    open_clip.load_checkpoint(model, str(weights), weights_only=True)
    shown = asdict(PreprocessCfg()) | {"size": model.visual.image_size}
    set_model_preprocess_cfg(model, merge_preprocess_dict(shown, preprocess))
    return model, tokenizer


def tokenizer_of(folder: Path, text: dict[str, Any]) -> Any:
    """Return the tokenizer that a text_cfg asks for, from the folder's own files."""
    context = text.get("context_length", 77)
    how = text.get("tokenizer_kwargs") or {}
    if text.get("hf_tokenizer_name"):
        return FolderTokenizer(folder, context, text.get("tokenizer_mode") or "", how)
    how = {key: value for key, value in how.items() if key != "strip_sep_token"}
    if (folder / MERGES).exists():
        how["bpe_path"] = str(merges(folder))
    return open_clip.SimpleTokenizer(context_length=context, **how)


def merges(folder: Path) -> Path:
    """Return the file of merges; BadInput when it is no gzip, or unpacks to too much."""
    path = clip_config.tokenizer_file(folder, MERGES)
    try:
        with gzip.open(path) as file:
            size = len(file.read(LARGEST[MERGES] + 1))
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    if size > LARGEST[MERGES]:
        raise BadInput(f"{path} unpacks to more than {LARGEST[MERGES] >> 20} MB")
    return path


class FolderTokenizer(HFTokenizer):
    """open_clip's wrapper around a tokenizer of transformers, whose class is not the folder's
    choice."""

    def __init__(self, folder: Path, context: int, mode: str, how: dict[str, Any]):
        self.tokenizer = words(folder)
        self.context_length, self.tokenizer_mode = context, mode
        self.clean_fn = get_clean_fn(how.get("clean", "whitespace"))
        self.strip_sep_token = how.get("strip_sep_token", False)


def words(folder: Path) -> Any:
    """Return a tokenizer of transformers from tokenizer.json, or from the word pieces of
    vocab.txt; both are plain data."""
    from transformers import PreTrainedTokenizerFast

    path = clip_config.tokenizer_file(folder, TOKENS, WORDPIECES)
    if path.name == WORDPIECES:
        return word_pieces(folder)
    letters = ("do_lower_case", "tokenize_chinese_chars", "strip_accents")  # tokenizer.json's own
    found = clip_config.tokenizer_settings(folder)
    settings = {key: value for key, value in found.items() if key not in letters}
    return PreTrainedTokenizerFast(tokenizer_file=str(path), **settings)


def word_pieces(folder: Path) -> Any:
    """Return BERT's tokenizer with the words of vocab.txt, which stands in a folder without any
    other file when transformers reads it."""
    from transformers import BertTokenizer

    vocabulary = clip_config.tokenizer_file(folder, WORDPIECES).read_bytes()
    settings = clip_config.tokenizer_settings(folder)
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / WORDPIECES).write_bytes(vocabulary)
        return BertTokenizer.from_pretrained(
            place, local_files_only=True, trust_remote_code=False, **settings
        )
