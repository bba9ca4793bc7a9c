"""Chinese-CLIP through transformers, with the interface of open_clip's models.

transformers is an extra: pip install transformers.

Yang et al., "Chinese CLIP: Contrastive Vision-Language Pretraining in Chinese", 2022,
https://arxiv.org/abs/2211.01335
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from guided.clip.folder import word_pieces
from guided.compat.open_clip import import_late
from guided.errors import BadInput
from guided.models import clip_config, hub
from guided.models.weights import read

CONTEXT = 52  # tokens in training, with those of start and end
MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ImageTower(nn.Module):
    """The image tower with its projection."""

    def __init__(self, tower: Any, projection: nn.Module, preprocess: dict[str, Any]):
        super().__init__()
        self.tower, self.projection = tower, projection
        self.image_size = tower.config.image_size
        self.preprocess_cfg = preprocess

    def forward(self, views: Tensor) -> Tensor:
        """Return (N, D), not normalised, of normalised views (N, 3, size, size)."""
        return self.projection(self.tower(views).pooler_output)


class ChineseClip(nn.Module):
    """A ChineseCLIPModel of transformers with the attributes of open_clip's models."""

    context_length = CONTEXT

    def __init__(self, model: Any, preprocess: dict[str, Any]):
        super().__init__()
        self.visual = ImageTower(model.vision_model, model.visual_projection, preprocess)
        self.text, self.text_projection = model.text_model, model.text_projection
        self.logit_scale = model.logit_scale

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return (P, D), not normalised, of tokens (P, length), padded with 0."""
        states = self.text(tokens, attention_mask=(tokens != 0).long())[0]
        return self.text_projection(states[:, 0])  # of [CLS]


class Tokenizer:
    """A word-piece tokenizer with the folder's vocab.txt; each Chinese character is a word."""

    context_length = CONTEXT

    def __init__(self, folder: Path):
        self.words = word_pieces(folder)

    def __call__(self, texts: Sequence[str], context_length: int = CONTEXT) -> Tensor:
        """Return the tokens (P, context_length) of P texts, truncated, padded with 0."""
        tokens = self.words(
            list(texts), padding="max_length", truncation=True, max_length=context_length
        )
        return torch.tensor(tokens["input_ids"])

    def encode(self, text: str) -> list[int]:
        return self.words.encode(text, add_special_tokens=False)

    def decode(self, tokens: Sequence[int]) -> str:
        return self.words.decode(list(tokens))


def load(folder: Path) -> tuple[ChineseClip, Tokenizer]:
    """Return the model and the tokenizer of a folder in transformers' format. Raise BadInput if it
    holds another model.

    Only checked values of its configuration are passed on (guided.models.clip_config), because
    transformers also follows keys to code, to other folders and to the network."""
    import_late()  # declares operators of torchvision, which transformers imports
    from transformers import ChineseCLIPConfig, ChineseCLIPModel
    from transformers.utils import logging

    logging.disable_progress_bar()  # it lasts a second and is written to pipes too
    try:
        with hub.offline():
            config = ChineseCLIPConfig(**clip_config.chinese_settings(folder))
            weights = clip_config.transformers_weights(folder)
            result: Any = ChineseCLIPModel.from_pretrained(
                None,  # not the folder, whose other files would be read
                config=config,
                state_dict=read(weights),
                dtype=torch.float32,
                output_loading_info=True,
            )
            model, loaded = result
            if loaded["missing_keys"]:
                raise BadInput(f"{weights.name} has no {min(loaded['missing_keys'])}")
            return ChineseClip(model, preprocessing(folder)), Tokenizer(folder)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise BadInput(f"{folder} cannot be read as a Chinese-CLIP: {reason}") from error


def preprocessing(folder: Path) -> dict[str, Any]:
    """Return the folder's mean and standard deviation per channel, by default OpenAI's."""
    settings = clip_config.preprocessor(folder)
    return {"mean": settings.get("image_mean", MEAN), "std": settings.get("image_std", STD)}
