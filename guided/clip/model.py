"""CLIP through open_clip: texts and images to points on the unit sphere.

Tokenizer, normalisation, input size and activation come from the model, never from a table here.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021,
https://arxiv.org/abs/2103.00020
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from tempfile import TemporaryDirectory
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from torch import Tensor, nn

from guided.clip import short_texts
from guided.clip.fast_tower import quicken
from guided.compat.open_clip import import_open_clip
from guided.compat.uninitialised import Uninitialised
from guided.errors import BadInput
from guided.memory.meta_copies import META, meta_copy
from guided.models import hub
from guided.models.cards import ClipCard
from guided.models.pickle_check import check_pickles
from guided.models.weights_file import SAFETENSORS
from guided.prompts.lexicon import Lexicon

log = logging.getLogger(__name__)
PREPROCESS = ("mean", "std", "interpolation", "resize_mode")
# Exceptions of libraries for a damaged file, or one of another model.
UNREADABLE = (
    *(RuntimeError, KeyError, OSError, UnpicklingError, SafetensorError, AssertionError),
    *(AttributeError, IndexError, TypeError, ValueError, ArithmeticError),
)


SAME = 0.95  # cosine from which a CLIP does not tell two texts apart


class Clip:
    """A frozen CLIP. The text tower stays on the CPU in float32, because it runs once per prompt;
    the image tower is on `device` in `dtype`.

    `kind` is "contrastive" (trained to rank texts: only the order of cosines has a meaning) or
    "sigmoid" (trained on single pairs: picture and text match with the probability
    sigmoid(logit_scale * cosine + logit_bias); SigLIP, https://arxiv.org/abs/2303.15343).
    """

    lexicon: Lexicon | None = None  # of a small CLIP

    def __init__(self, model: Any, tokenizer: Any, device: torch.device, dtype: torch.dtype):
        model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.words = getattr(tokenizer, "tokenizer", tokenizer)  # open_clip wraps transformers'
        # A text tower of transformers takes more tokens than it was trained on.
        self.context = int(getattr(tokenizer, "context_length", None) or model.context_length)
        special = getattr(self.words, "num_special_tokens_to_add", lambda: 2)()  # start and end
        self.max_tokens = self.context - special
        image_size = model.visual.image_size
        self.size = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
        preprocess = model.visual.preprocess_cfg
        self.mean, self.std = (
            torch.tensor(preprocess[name], device=device, dtype=torch.float32).view(1, 3, 1, 1)
            for name in ("mean", "std")
        )
        on_cpu = device.type == "cpu" and dtype == torch.float32
        self.visual = model.visual if on_cpu else copy.deepcopy(model.visual).to(device, dtype)
        self.dtype = dtype
        self.device = device
        self.model = model
        bias = getattr(model, "logit_bias", None)
        self.kind = "contrastive" if bias is None else "sigmoid"
        self.logit_scale = float(model.logit_scale.detach().exp())
        self.logit_bias = 0.0 if bias is None else float(bias)
        self.points: dict[str, Tensor] = {}  # of texts, encoded once
        self.others: dict[str, Tensor] = {}  # of the alternatives of each
        self.offloaded = self.used = False

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Return (P, D) unit vectors, float32, on the device, of P texts. Results are cached."""
        new = [text for text in dict.fromkeys(texts) if text not in self.points]
        for text in new:
            read = self.lexicon.read(text).text if self.lexicon else text
            self._warn_if_cut(read)
            # One by one: the size of a batch changes the last bits of each result.
            tokens = self.tokenizer([read], context_length=self.context)
            point = F.normalize(self.model.encode_text(tokens).float(), dim=-1)
            self.points[text] = point[0]
        return torch.stack([self.points[text] for text in texts]).to(self.device)

    @torch.no_grad()
    def alternatives(self, text: str) -> Tensor:
        """Return (K, D) unit vectors, float32, on the device, of texts that show something else
        than `text`, by the lexicon; (0, D) without one. Those that the CLIP cannot tell from the
        text are left out. Results are cached."""
        if text not in self.others:
            self.encode_text([text])
            own = self.points[text]
            texts = self.lexicon.alternatives(text) if self.lexicon else []
            found = own.new_empty(0, len(own))
            if texts:
                tokens = self.tokenizer(texts, context_length=self.context)
                found = short_texts.encode(self.model, tokens)
            self.others[text] = found[found @ own < SAME]
        return self.others[text].to(self.device)

    def colours(self, text: str) -> tuple[str, ...] | None:
        """Return the colours, in English, that the text gives its thing by the lexicon; None
        without a lexicon, and for a text without a known thing."""
        reading = self.lexicon.read(text) if self.lexicon else None
        return reading.colours if reading and reading.known else None

    def encode_image(self, views: Tensor) -> Tensor:
        """Return (N, D) unit vectors, float32, of views (N, 3, *size), nominally in [0, 1].
        Raise ValueError for views of another size."""
        if tuple(views.shape[2:]) != self.size:
            raise ValueError(f"views of {tuple(views.shape[2:])} do not fit a CLIP of {self.size}")
        normed = ((views - self.mean) / self.std).to(self.dtype)
        with self.on_device():
            return F.normalize(self.visual(normed).float(), dim=-1)

    def towers(self) -> nn.Module:
        """Return the network on the device: the image tower."""
        return self.visual

    def on_meta(self) -> Clip:
        """Return a copy whose image tower is on the meta device; texts are still encoded."""
        twin = copy.copy(self)
        twin.visual, twin.device = meta_copy(self.visual), META
        twin.mean, twin.std = self.mean.to(META), self.std.to(META)
        return twin

    def set_offloaded(self, offloaded: bool) -> None:
        """Keep the image tower on the CPU while it is not used, or always on its device."""
        self.offloaded = offloaded
        self.visual.to("cpu" if offloaded else self.device)

    @contextmanager
    def on_device(self) -> Iterator[None]:
        """Keep the image tower on its device for as long as the block lasts, which has to include
        the backward pass."""
        if not self.offloaded or self.used:
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
        """Return the text in parts of at most `max_tokens`: split at punctuation if that is
        enough, else at blanks, else between any two letters, as Chinese needs."""
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
        return len(self._tokens(text)) <= self.max_tokens

    def _tokens(self, text: str) -> list[int]:
        """Return the tokens without those of start and end."""
        bare = {} if self.words is self.tokenizer else {"add_special_tokens": False}
        return self.words.encode(text, **bare)

    def _warn_if_cut(self, text: str) -> None:
        if self._fits(text):
            return
        lost = self.words.decode(self._tokens(text)[self.max_tokens :]).strip()
        log.warning("the prompt is longer than this CLIP reads; it does not see: %r", lost)


def load(card: ClipCard, device: torch.device, dtype: torch.dtype, plain: bool = False) -> Clip:
    """Return the CLIP of a card, from the package, a local folder or file, or the hub's cache;
    `plain` keeps the library's own image tower. Raise BadInput if it is missing or is another
    model than the card says."""
    clip = load_plain(card, device, dtype)
    clip.lexicon = card.words()
    clip.visual = clip.visual if plain else quicken(clip.visual)
    return clip


def load_plain(card: ClipCard, device: torch.device, dtype: torch.dtype) -> Clip:
    """Return the CLIP of a card with the library's own image tower."""
    if (missing := card.missing()) is not None:
        raise BadInput(missing)
    import_open_clip()
    if card.chinese:
        from guided.clip import chinese

        place = card.folder() or card.cached()
        assert place is not None  # else it would be missing
        return Clip(*chinese.load(place), device, dtype)
    folder = card.folder()
    with hub.offline():
        if folder is not None:
            return Clip(*from_folder(card, folder), device, dtype)
        return Clip(from_file(card), tokenizer(card), device, dtype)


def from_folder(card: ClipCard, folder: Path) -> tuple[Any, Any]:
    """Return the model and the tokenizer of an untrusted folder in open_clip's format."""
    from guided.clip import folder as clip_folder

    try:
        return clip_folder.load(folder)
    except BadInput as error:
        raise BadInput(f"clip={card.name}: {error}") from error
    except UNREADABLE as error:
        raise BadInput(f"clip={card.name}: {folder} holds no CLIP: {reason(error)}") from error


def from_file(card: ClipCard) -> Any:
    """Return an open_clip model with the weights of a tag, or of a file of the user's."""
    open_clip = import_open_clip()
    known = training(card)
    weights = card.place() if card.path else card.cached()
    assert weights is not None  # else it would be missing
    try:
        if weights.suffix.lower() != SAFETENSORS:
            check_pickles(weights)
        with small_suffix(weights) as place, Uninitialised():
            return open_clip.create_model(
                card.arch,
                pretrained=str(place),  # the file, because a tag is looked up in the network
                # The tag knows whether its weights were trained with QuickGELU; open_clip only
                # warns.
                force_quick_gelu=bool(known.get("quick_gelu", False)),
                force_preprocess_cfg={key: known[key] for key in PREPROCESS if key in known},
                pretrained_text=False,
                require_pretrained=True,
            )
    except BadInput as error:
        raise BadInput(f"clip={card.name}: {error}") from error
    except UNREADABLE as error:
        raise BadInput(
            f"clip={card.name}: {weights} is no {card.arch}: {reason(error)}"
        ) from error


@contextmanager
def small_suffix(path: Path) -> Iterator[Path]:
    """Yield a path of the same file with a suffix in small letters, as open_clip needs it to tell
    safetensors from pickles."""
    small = path.with_suffix(path.suffix.lower())
    if small == path or (small.exists() and small.samefile(path)):
        yield small
        return
    with TemporaryDirectory() as folder:
        link = Path(folder, small.name)
        link.symlink_to(path.absolute())
        yield link


def training(card: ClipCard) -> dict[str, Any]:
    """Return open_clip's description of how the weights were trained: `quick_gelu` and PREPROCESS.
    It is that of the card's tag or base; without either, all in which the architecture's tags
    agree (every SigLIP normalises by 0.5)."""
    open_clip = import_open_clip()
    if tag := card.tag or card.base:
        return open_clip.get_pretrained_cfg(card.arch, tag) or {}
    tags = open_clip.list_pretrained_tags_by_model(card.arch)
    first, *others = [open_clip.get_pretrained_cfg(card.arch, tag) for tag in tags] or [{}]
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in others)}


def reason(error: Exception) -> str:
    """Return a library's message in one line, without its advice to trust the file."""
    if isinstance(error, UnpicklingError):
        return "it holds more than tensors and is not opened"
    return " ".join(str(error).split())[:200] or type(error).__name__


def tokenizer(card: ClipCard) -> Any:
    """Return the tokenizer of one of open_clip's own architectures."""
    # A tokenizer of transformers could come with code.
    options = {"trust_remote_code": False} if card.texts() else {}
    return import_open_clip().get_tokenizer(card.arch, **options)
