"""Model cards: what a set of weights is, where it is kept, and where it can be had.

Knows nothing about loading (weights.py) or fetching (download.py); imports no torch. Cards are
YAML in conf/model and conf/clip. A name is looked for in the package first (the embedded pair),
then in the cache folder, so that no model needs a path of its own through the code.
"""

import os
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.diffusion.architecture import PREDICTIONS, SCHEDULES, SPACINGS, UNetConfig
from guided.errors import BadInput, not_one_of
from guided.models.integrity import damage
from guided.schedule import check_number, schedule

CHOSEN: ContextVar[str | None] = ContextVar("cache", default=None)


@dataclass
class Recommended:
    """Settings that suit a model; conf/ refers to them, and the command line overrides them."""

    steps: int = 250
    scale: float = 5000.0  # of CLIP guidance
    clamp: float = 0.05  # of the gradient's root mean square
    reach: float | None = None  # of the shift of a guess
    eta: float = 0.8
    recurrence: Any = 1  # a number or pairs [progress, number]
    enlarge: int = 1  # how many times the saved picture is larger than the drawn one


@dataclass
class WeightsCard:
    """A file of weights: what it is, and where it can be had."""

    name: str = "???"
    file: str = "???"  # inside the package or the cache; or a path that begins with / ~ or .
    urls: list[str] = field(default_factory=list)  # mirrors, in order of trust
    sha256: str = ""
    megabytes: int = 0
    licence: str = ""
    character: str = ""  # one line for an artist

    GROUP = "weights"  # the choice's name on the command line

    def path(self) -> Path:
        """Where the weights are; BadInput that says how to get them when they are not there."""
        found = locate(self.file)
        if found is None:
            raise BadInput(self.missing() or "")
        return found

    def missing(self) -> str | None:
        """What is not there or not whole, what it is, how large, and where it would come from; or
        None."""
        found = locate(self.file)
        if found is not None:
            wrong = damage(found)
            return wrong and f"{self.GROUP}={self.name}: {found} is damaged: {wrong}"
        source = f"from {self.urls[0]}" if self.urls else "from no mirror that is known"
        return (
            f"{self.GROUP}={self.name} ({self.character}) is not here: {self.file}, "
            f"{self.megabytes} MB, {source} into {cache()}"
        )


@dataclass
class SecondaryCard(WeightsCard):
    """A small network that guesses the clean image quickly, for guides to look at (Katherine
    Crowson's SecondaryDiffusionImageNet2; guided/diffusion/secondary.py)."""

    GROUP = "secondary"
    DIVISOR = 32  # width and height of an image must be multiples of this many pixels


@dataclass
class ModelCard(WeightsCard):
    """A diffusion checkpoint in guided-diffusion's format."""

    unet: UNetConfig = field(default_factory=UNetConfig)
    prediction: str = "eps"  # what the network says: eps, v or x0
    schedule: str = "linear"  # of the noise it was trained with
    spacing: str = "ddim"  # of the steps
    clip_denoised: bool = False
    size: list[int] = field(default_factory=lambda: [512, 512])  # width, height
    recommended: Recommended = field(default_factory=Recommended)
    upscaler: str = ""  # weights of a learned x4 upscaler that fits this model's pictures

    GROUP = "model"

    def __post_init__(self) -> None:
        for setting, value, known in (
            ("prediction", self.prediction, PREDICTIONS),
            ("schedule", self.schedule, SCHEDULES),
            ("spacing", self.spacing, SPACINGS),
        ):
            if value not in known:
                raise ValueError(not_one_of(setting, value, known))
        check_number("recommended.enlarge", self.recommended.enlarge, 1, 16, whole=True)


@dataclass
class ClipCard:
    """A CLIP: an open_clip architecture and tag, or a folder in open_clip's own format."""

    name: str = "???"
    arch: str = ""
    tag: str = ""
    path: str = ""  # a folder with open_clip_config.json and weights; arch and tag are not needed
    hub: str = ""  # the repository that open_clip takes the tag from
    megabytes: int = 0
    licence: str = ""
    character: str = ""

    weight: Any = 1.0  # among the CLIPs that guide; 0 leaves it out, a schedule for a while

    def __post_init__(self) -> None:
        self.weight = schedule("weight", self.weight, 0)

    def folder(self) -> Path | None:
        """The local folder, or None for a tag of open_clip's."""
        if not self.path:
            return None
        found = locate(self.path)
        if found is None:
            raise BadInput(f"clip={self.name}: there is no folder {self.path}")
        if not (found / "open_clip_config.json").exists():
            raise BadInput(f"clip={self.name}: {found} has no open_clip_config.json")
        return found

    def missing(self) -> str | None:
        """What is not there, what it is, how large, and where it would come from; or None."""
        if self.folder() is not None or self.cached() is not None:
            return None
        return (
            f"clip={self.name} ({self.character}) is not here: {self.arch} {self.tag}, "
            f"{self.megabytes} MB, from huggingface.co/{self.hub}"
        )

    def cached(self) -> Path | None:
        """The tag's weights in the hub's own cache, without asking the network."""
        from huggingface_hub import try_to_load_from_cache

        names = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
        found = (try_to_load_from_cache(self.hub, name) for name in names)
        return next((Path(path) for path in found if isinstance(path, str)), None)


def locate(name: str) -> Path | None:
    """A file or folder by the name that a card gives it, or None."""
    if is_path(name):
        places = [Path(name).expanduser()]
    else:
        places = [Path(__file__).parent / name, cache() / name]
    return next((place for place in places if place.exists()), None)


def is_path(name: str) -> bool:
    """A path of the user's own, not the name of a file in the package or the cache."""
    return name.startswith(("~", ".")) or Path(name).is_absolute()


def keep_in(folder: str | None) -> None:
    """The setting `cache=` of the run that begins; None: the environment decides."""
    CHOSEN.set(folder)


def cache() -> Path:
    """The folder of fetched models: the setting `cache=`, or GUIDED_CACHE, or `guided` in the
    user's cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    chosen = CHOSEN.get() or os.environ.get("GUIDED_CACHE")
    return Path(chosen or Path(home) / "guided").expanduser()
