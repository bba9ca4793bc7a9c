"""The known keys of CLIP configurations, with a check of the value of each.

A key that is not listed is refused in open_clip's format and ignored in transformers' files.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

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
