"""Chinese-CLIP, through transformers, with the face that open_clip's models have.

Knows nothing about guidance. open_clip does not have it; transformers is an extra:
pip install transformers.

Yang et al., "Chinese CLIP: Contrastive Vision-Language Pretraining in Chinese", 2022,
https://arxiv.org/abs/2211.01335
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from guided.clip.folder import word_pieces
from guided.errors import BadInput
from guided.models import clip_config, hub
from guided.models.weights import read

CONTEXT = 52  # tokens that the models were trained to read, with the first and the last
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class Eye(nn.Module):
    """The image tower: (N, 3, size, size), normalised -> (N, D), of any length."""

    def __init__(self, tower: nn.Module, projection: nn.Module, preprocess: dict[str, Any]):
        super().__init__()
        self.tower, self.projection = tower, projection
        self.image_size = tower.config.image_size
        self.preprocess_cfg = preprocess

    def forward(self, views: Tensor) -> Tensor:
        return self.projection(self.tower(views).pooler_output)


class ChineseClip(nn.Module):
    """ChineseCLIPModel of transformers, as open_clip would have it."""

    context_length = CONTEXT

    def __init__(self, model: Any, preprocess: dict[str, Any]):
        super().__init__()
        self.visual = Eye(model.vision_model, model.visual_projection, preprocess)
        self.text, self.text_projection = model.text_model, model.text_projection
        self.logit_scale = model.logit_scale

    def encode_text(self, tokens: Tensor) -> Tensor:
        """tokens (P, length), 0 where there is none -> (P, D), of any length."""
        found = self.text(tokens, attention_mask=(tokens != 0).long())
        return self.text_projection(found[0][:, 0])  # what stands at [CLS]


class Tokenizer:
    """Wordpieces of the folder's own vocab.txt; single Chinese characters are words."""

    context_length = CONTEXT

    def __init__(self, folder: Path):
        self.words = word_pieces(folder)

    def __call__(self, texts: Sequence[str], context_length: int = CONTEXT) -> Tensor:
        """P texts -> (P, context_length), cut to fit, padded with 0."""
        padded = dict(padding="max_length", truncation=True, max_length=context_length)
        return torch.tensor(self.words(list(texts), **padded)["input_ids"])

    def encode(self, text: str) -> list[int]:
        return self.words.encode(text, add_special_tokens=False)

    def decode(self, tokens: Sequence[int]) -> str:
        return self.words.decode(list(tokens))


def load(folder: Path) -> tuple[ChineseClip, Tokenizer]:
    """From a folder in transformers' format; BadInput when it holds something else.

    Of its configuration only checked values are passed on (clip_config.py): transformers would
    also follow keys of it to code, to other folders and to the network."""
    from transformers import ChineseCLIPConfig, ChineseCLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # of a second, on every run, in pipes too
    try:
        with hub.offline():
            config = ChineseCLIPConfig(**clip_config.chinese_settings(folder))
            weights = clip_config.transformers_weights(folder)
            model, loaded = ChineseCLIPModel.from_pretrained(
                None,  # no folder: it would be followed to other files
                config=config,
                state_dict=read(weights),
                dtype=torch.float32,
                output_loading_info=True,
            )
            if loaded["missing_keys"]:
                raise BadInput(f"{weights.name} has no {min(loaded['missing_keys'])}")
            return ChineseClip(model, preprocessing(folder)), Tokenizer(folder)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        why = " ".join(str(error).split())[:300]
        raise BadInput(f"{folder} cannot be read as a Chinese-CLIP: {why}") from error


def preprocessing(folder: Path) -> dict[str, Any]:
    """Mean and standard deviation that the folder names, else OpenAI's, as in training."""
    found = clip_config.preprocessor(folder)
    return {"mean": found.get("image_mean", MEAN), "std": found.get("image_std", STD)}
