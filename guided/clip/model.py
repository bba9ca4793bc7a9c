"""CLIP, through open_clip: texts and views to points on the unit sphere.

Knows nothing about guidance or diffusion. Tokenizer, normalisation, input size and activation
always come from the model, never from a table here.

Radford et al. 2021, https://arxiv.org/abs/2103.00020
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from guided.clip.fast_tower import quicken
from guided.compat.open_clip import import_open_clip
from guided.errors import BadInput
from guided.memory.meta_copies import META, meta_copy
from guided.models import hub
from guided.models.cards import ClipCard

log = logging.getLogger(__name__)
PREPROCESS = ("mean", "std", "interpolation", "resize_mode")
# What libraries raise for a damaged file, or one of another model.
UNREADABLE = (
    *(RuntimeError, KeyError, OSError, UnpicklingError, SafetensorError, AssertionError),
    *(AttributeError, IndexError, TypeError, ValueError, ArithmeticError),
)


class Clip:
    """One frozen CLIP. The text tower stays on the CPU in float32, where it is needed for a
    moment per prompt; the image tower goes to `device` in `dtype`.

    `kind` is "contrastive" (a text is told from other texts: only the order of cosines means
    something) or "sigmoid" (a pair is judged alone, SigLIP: picture and text match with the chance
    sigmoid(logit_scale * cosine + logit_bias)).
    """

    def __init__(self, model: Any, tokenizer: Any, device: torch.device, dtype: torch.dtype):
        model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.words = getattr(
            tokenizer, "tokenizer", tokenizer
        )  # open_clip wraps transformers' own
        # A text tower of transformers could read more than it was trained to.
        self.context = int(getattr(tokenizer, "context_length", None) or model.context_length)
        marks = getattr(self.words, "num_special_tokens_to_add", lambda: 2)()  # start and end
        self.room = self.context - marks
        image_size = model.visual.image_size
        self.size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        preprocess = model.visual.preprocess_cfg
        shape = dict(device=device, dtype=torch.float32)
        self.mean = torch.tensor(preprocess["mean"], **shape).view(1, 3, 1, 1)
        self.std = torch.tensor(preprocess["std"], **shape).view(1, 3, 1, 1)
        on_cpu = device.type == "cpu" and dtype == torch.float32
        self.visual = model.visual if on_cpu else copy.deepcopy(model.visual).to(device, dtype)
        self.dtype = dtype
        self.device = device
        self.model = model
        bias = getattr(model, "logit_bias", None)
        self.kind = "contrastive" if bias is None else "sigmoid"
        self.logit_scale = float(model.logit_scale.detach().exp())
        self.logit_bias = 0.0 if bias is None else float(bias)
        self.points: dict[str, Tensor] = {}  # of texts that were encoded before
        self.waits = self.used = False

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """P texts -> (P, D) unit vectors, float32, on the device. Each text is encoded once,
        however many images of a run ask for it."""
        new = [text for text in dict.fromkeys(texts) if text not in self.points]
        for text in new:
            self._warn_if_cut(text)
            # One by one: how many texts share a pass changes the last bits of each.
            tokens = self.tokenizer([text], context_length=self.context)
            point = F.normalize(self.model.encode_text(tokens).float(), dim=-1)
            self.points[text] = point[0]
        return torch.stack([self.points[text] for text in texts]).to(self.device)

    def encode_image(self, views: Tensor) -> Tensor:
        """views (N, 3, *size), nominally in [0, 1] -> (N, D) unit vectors, float32."""
        if tuple(views.shape[2:]) != self.size:
            raise ValueError(f"views of {tuple(views.shape[2:])} do not fit a CLIP of {self.size}")
        seen = ((views - self.mean) / self.std).to(self.dtype)
        with self.at_hand():
            return F.normalize(self.visual(seen).float(), dim=-1)

    def towers(self) -> nn.Module:
        """Return the network on the device: the image tower."""
        return self.visual

    def on_meta(self) -> Clip:
        """Return a copy whose image tower is on the meta device; texts are still encoded."""
        twin = copy.copy(self)
        twin.visual, twin.device = meta_copy(self.visual), META
        twin.mean, twin.std = self.mean.to(META), self.std.to(META)
        return twin

    def wait(self, elsewhere: bool) -> None:
        """On the CPU while it is not used, or always on its device."""
        self.waits = elsewhere
        self.visual.to("cpu" if elsewhere else self.device)

    @contextmanager
    def at_hand(self) -> Iterator[None]:
        """While this is entered, the image tower is on its device. To be entered around whatever
        goes back through the tower too."""
        if not self.waits or self.used:
            yield
            return
        self.used = True
        self.visual.to(self.device)
        try:
            yield
        finally:
            self.used = False
            self.visual.to("cpu")

    def split(self, text: str) -> list[str]:
        """The text in parts that this CLIP reads whole: at commas and stops where there are
        some, else at blanks, else anywhere, as Chinese has to be."""
        if self._fits(text):
            return [text]
        for pattern in (r"(?<=[,;.!?，；。！？、])", r"(?<=\s)", ""):
            pieces = [piece for piece in re.split(pattern, text) if piece]
            if all(map(self._fits, pieces)):
                break
        parts = [""]
        for piece in pieces:
            if parts[-1] and not self._fits(parts[-1] + piece):
                parts.append("")
            parts[-1] += piece
        return [part.strip() for part in parts if part.strip()]

    def _fits(self, text: str) -> bool:
        return len(self._tokens(text)) <= self.room

    def _tokens(self, text: str) -> list[int]:
        """Without the ones that mark start and end, which transformers would add."""
        bare = {} if self.words is self.tokenizer else {"add_special_tokens": False}
        return self.words.encode(text, **bare)

    def _warn_if_cut(self, text: str) -> None:
        if self._fits(text):
            return
        lost = self.words.decode(self._tokens(text)[self.room :]).strip()
        log.warning("the prompt is longer than this CLIP reads; it does not see: %r", lost)


def load(card: ClipCard, device: torch.device, dtype: torch.dtype, plain: bool = False) -> Clip:
    """The CLIP that a card names, from the package, a local folder or file, or the hub's cache;
    `plain` leaves its image tower as its library made it. BadInput when it is not there, or is
    something else than the card says."""
    clip = found(card, device, dtype)
    clip.visual = clip.visual if plain else quicken(clip.visual)
    return clip


def found(card: ClipCard, device: torch.device, dtype: torch.dtype) -> Clip:
    if (missing := card.missing()) is not None:
        raise BadInput(missing)
    import_open_clip()
    if card.chinese:
        from guided.clip import chinese

        return Clip(*chinese.load(card.folder() or card.cached()), device, dtype)
    folder = card.folder()
    with hub.offline():
        if folder is not None:
            return Clip(*from_folder(card, folder), device, dtype)
        return Clip(from_file(card), tokenizer(card), device, dtype)


def from_folder(card: ClipCard, folder: Path) -> tuple[Any, Any]:
    """Return the model and the tokenizer of a folder in open_clip's format, which anyone may have
    written."""
    from guided.clip import folder as clip_folder

    try:
        return clip_folder.load(folder)
    except BadInput as error:
        raise BadInput(f"clip={card.name}: {error}") from error
    except UNREADABLE as error:
        raise BadInput(f"clip={card.name}: {folder} holds no CLIP: {reason(error)}") from error


def from_file(card: ClipCard) -> Any:
    """An open_clip model with the weights of a tag or of a file of one's own."""
    open_clip = import_open_clip()
    known = open_clip.get_pretrained_cfg(card.arch, card.tag) or {}
    weights = card.place() if card.path else card.cached()
    try:
        return open_clip.create_model(
            card.arch,
            pretrained=str(
                weights
            ),  # the file, not the tag: a tag would ask the network each time
            # The tag knows whether its weights were trained with QuickGELU; open_clip only warns.
            force_quick_gelu=bool(known.get("quick_gelu", False)),
            force_preprocess_cfg={key: known[key] for key in PREPROCESS if key in known},
            pretrained_text=False,
            require_pretrained=True,
        )
    except UNREADABLE as error:
        raise BadInput(
            f"clip={card.name}: {weights} is no {card.arch}: {reason(error)}"
        ) from error


def reason(error: Exception) -> str:
    """Return a library's message in one line, without its advice to trust what it refused."""
    if isinstance(error, UnpicklingError):
        return "it holds more than tensors and is not opened"
    return " ".join(str(error).split())[:200] or type(error).__name__


def tokenizer(card: ClipCard) -> Any:
    """Return the tokenizer of one of open_clip's own architectures."""
    # A tokenizer of transformers could come with code.
    how = {"trust_remote_code": False} if card.texts() else {}
    return import_open_clip().get_tokenizer(card.arch, **how)
