"""Model cards: descriptions of weights, their local files and their sources.

Imports no torch. Cards are YAML in conf/model and conf/clip. A name is looked up in the package
first (the embedded pair), then in the cache folder.
"""

import os
import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from guided.diffusion.unet_config import PREDICTIONS, SCHEDULES, SPACINGS, UNetConfig
from guided.errors import BadInput, check_number, not_one_of, shown
from guided.models import clip_config, hub, open_clip_registry
from guided.models.weights_file import damage
from guided.prompts import lexicon
from guided.prompts.lexicon import Lexicon
from guided.schedule import AUTO, HEAVIEST, schedule
from guided.timeline import MOST_STEPS
from guided.untrusted import allowed_files
from guided.untrusted.typed_paths import expand

OPEN_CLIP, CHINESE = clip_config.OPEN_CLIP, "chinese_clip"
CHOSEN: ContextVar[str | None] = ContextVar("cache", default=None)
LONGEST_NAME = 200  # bytes of a file name, which leaves some for suffixes
SMALL = 64  # MB of a model's weights, of which one core computes enough at a time
LARGEST = 20_000  # MB of a file of weights
MOST_RESTARTS = 20  # of a picture that is a smear
SHA256 = re.compile(r"[0-9a-fA-F]{64}|")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
UNFIT = re.compile(r'[\\:*"<>|]')  # in file names on some systems


@dataclass
class Recommended:
    """Recommended settings of a model; conf/ refers to them, the command line overrides them."""

    steps: int = 250
    fine: int = 500  # steps of look=fine
    scale: float = 5000  # of CLIP guidance
    contrast: Any = 0  # of CLIP guidance: 1, away from the other things that the CLIPs know
    clamp: float = 0.05  # of the gradient's root mean square
    reach: Any = None  # of the shift of a prediction: null, a number or pairs [progress, number]
    eta: float = 0.8
    palette: Any = 300  # scale of the guide palette
    area: str = "whole"  # of the canvas that cutouts=standard takes; middle: its central square
    recurrence: Any = 1  # a number or pairs [progress, number]
    enlarge: Any = 1  # factor between the sizes of the drawn and the finished picture; or auto
    preview: int = 1  # the same for pictures of steps and of films
    film_strength: float = 0.5  # share of the steps that a frame of a film takes again
    cadence: int = 1  # frames of a film from one that is drawn to the next
    # Whether a manner of drawing that a prompt names is a filter of the finished picture, because
    # CLIPs that know it guide less towards the thing.
    filters_manner: bool = False
    upscale_strength: float = 0.25  # share of the steps that upscale=guided takes again
    # Error of the model's predictions of a finished picture from which on it is a smear; 0: the
    # model cannot tell. See diffusion/likelihood.py.
    smear: float = 0
    restarts: int = 0  # how often a smear is drawn again

    def __post_init__(self) -> None:
        check_number("recommended.steps", self.steps, 1, MOST_STEPS, whole=True)
        check_number("recommended.smear", self.smear, 0)
        check_number("recommended.restarts", self.restarts, 0, MOST_RESTARTS, whole=True)


@dataclass
class WeightsCard:
    """A file of weights: its description and its sources."""

    name: str = "???"
    file: str = "???"  # inside the package or the cache; or a path that begins with / ~ or .
    urls: list[str] = field(default_factory=list)  # mirrors, the preferred one first
    sha256: str = ""
    megabytes: int = 0
    licence: str = ""
    character: str = ""  # one line for an artist

    GROUP = "weights"  # the choice's name on the command line

    def __post_init__(self) -> None:
        check_place("file", self.file)
        for url in self.urls:
            check_text("urls", url)
        if not SHA256.fullmatch(self.sha256):
            raise ValueError(f"sha256={shown(repr(self.sha256))} must be 64 hexadecimal digits")
        self.sha256 = self.sha256.lower()
        if not 0 <= self.megabytes <= LARGEST:
            raise ValueError(f"megabytes={shown(self.megabytes)} must be from 0 to {LARGEST}")

    def path(self) -> Path:
        """Return the file of weights; BadInput, with the way to get it, if it is not there."""
        path = locate(self.file)
        if path is None:
            raise BadInput(self.missing() or "")
        return path

    def target(self) -> Path:
        """Return the path of a download: one name directly in the cache.
        BadInput when `file` is anything else, or when a link there leads out of the cache."""
        if is_path(self.file) or "/" in self.file:
            raise BadInput(
                f"{self.GROUP}.file={shown(self.file)}: a download is stored in {cache()} under "
                f"one name, as in file: {Path(self.file).name}"
            )
        folder = cache().resolve()
        path = (folder / self.file).resolve()
        if path.parent != folder:
            raise BadInput(
                f"{self.GROUP}={self.name}: {folder / self.file} is a link to {path}, outside of "
                f"{folder}, so nothing is downloaded there"
            )
        return cache() / self.file

    def missing(self) -> str | None:
        """Return the message for missing or damaged weights, with size and source; None if
        they are there."""
        path = locate(self.file)
        if path is not None:
            wrong = damage(path)
            return wrong and f"{self.GROUP}={self.name}: {path} is damaged: {wrong}"
        if is_path(self.file):
            return f"{self.GROUP}={self.name}: there is no file {self.file}"
        source = f"from {self.urls[0]}" if self.urls else "from no mirror that is known"
        unsure = "" if self.sha256 or not self.urls else "without a checksum that is known, "
        return (
            f"{self.GROUP}={self.name} ({self.character}) is not here: {self.file}, "
            f"{self.megabytes} MB, {unsure}{source} into {cache()}"
        )


@dataclass
class SecondaryCard(WeightsCard):
    """A secondary model: a small network that predicts the clean image for the guides (Katherine
    Crowson's SecondaryDiffusionImageNet2; guided/diffusion/secondary.py)."""

    GROUP = "secondary"
    DIVISOR = 32  # width and height of an image must be multiples of this many pixels
    generator: ClassVar[str] = "diffusion"  # the name of the generator that takes it


@dataclass
class MetricCard(WeightsCard):
    """A network of a perceptual metric for the guide `likeness`; its name is the metric."""

    GROUP = "guide.likeness.metric"


@dataclass
class DepthCard(WeightsCard):
    """A network that estimates depth for films; its name is the choice."""

    GROUP = "animate=3d animate.depth"


@dataclass
class FlowCard(WeightsCard):
    """A network of optical flow for films; its name is the choice."""

    GROUP = "animate=2d animate.flow"


@dataclass
class GeneratorCard(WeightsCard):
    """The network that a generator draws with."""

    # width, height
    size: list[int] = field(default_factory=lambda: [512, 512], metadata={"listed": True})
    upscaler: str = ""  # weights of a x4 upscaler trained for this model's pictures
    recommended: Recommended = field(default_factory=Recommended, metadata={"listed": True})

    GROUP = "model"
    generator: ClassVar[str] = ""  # the name of the generator that draws with it

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.upscaler:
            check_place("upscaler", self.upscaler)
        check_number("megabytes", self.megabytes, 0, 10**9, whole=True)
        if len(self.size) != 2:
            raise ValueError(f"size={shown(self.size)} must be [width, height]")
        for side in self.size:
            check_number("size", side, 1, 8192, whole=True)
        if self.recommended.enlarge != AUTO:
            check_number("recommended.enlarge", self.recommended.enlarge, 1, 16, whole=True)
        check_number("recommended.preview", self.recommended.preview, 1, 16, whole=True)
        check_number("recommended.upscale_strength", self.recommended.upscale_strength, 0.01, 1)
        schedule("recommended.recurrence", self.recommended.recurrence, 1, 100, whole=True)

    @property
    def divisor(self) -> int:
        """Return the number that widths and heights are multiples of."""
        return 1

    @property
    def fixed_size(self) -> bool:
        """Return whether the network itself draws `size` only."""
        return False

    @property
    def draws_one_object(self) -> bool:
        """Return whether its pictures show a single object in the middle."""
        return self.recommended.area == "middle"


@dataclass
class DiffusionCard(GeneratorCard):
    """A network that predicts the image, or its noise, from a noisy image."""

    prediction: str = "eps"  # parametrisation: eps, v or x0
    schedule: str = "linear"  # of the noise it was trained with
    spacing: str = "ddim"  # of the steps
    clip_denoised: bool = field(default=False, metadata={"listed": True})  # clamp to [-1, 1]

    generator = "diffusion"
    KNOWN: ClassVar[tuple[str, ...]] = SCHEDULES

    def __post_init__(self) -> None:
        super().__post_init__()
        for setting, value, known in (
            ("prediction", self.prediction, PREDICTIONS),
            ("schedule", self.schedule, self.KNOWN),
            ("spacing", self.spacing, SPACINGS),
        ):
            if value not in known:
                raise ValueError(not_one_of(setting, value, known))

    @property
    def noise(self) -> float | None:
        """Return the standard deviation of the noise that it was trained with by flow matching;
        None: it was trained otherwise."""
        return None

    @property
    def rigid(self) -> bool:
        """Return whether the network takes pictures of `size` only, and not merely suits them."""
        return False


@dataclass
class ModelCard(DiffusionCard):
    """A diffusion checkpoint in guided-diffusion's format."""

    unet: UNetConfig = field(default_factory=UNetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unet.dense and self.prediction != "x0":
            raise ValueError(f"prediction={self.prediction} must be x0 where unet.dense is not 0")

    @property
    def divisor(self) -> int:
        """Return the U-Net's."""
        return self.unet.divisor

    @property
    def fixed_size(self) -> bool:
        """Return whether the U-Net has layers of one size."""
        return self.unet.dense > 0


@dataclass
class ClipCard:
    """A CLIP: an architecture of open_clip with a tag, a place on the hub or a file; a folder in
    open_clip's format; or a Chinese-CLIP, of the hub or a folder in transformers' format."""

    name: str = "???"
    arch: str = ""  # one of open_clip's, or chinese_clip
    tag: str = ""
    base: str = ""  # without a tag: the one that the weights are a further training of
    path: str = ""  # a file of weights of that architecture, or a folder, which needs none
    hub: str = ""  # the weights' place on the hub: repository, or repository/file
    reads: list[str] = field(default_factory=list)  # scripts: latin, han, ..., any; empty: unknown
    megabytes: int = 0
    lexicon: str = ""  # a file of what a small CLIP knows, by names in many languages
    judge: str = ""  # a folder of a CLIP that does not guide, and ranks pictures of a small one
    # relative to other CLIPs: a number, 0 for none, or a schedule
    weight: Any = field(default=1, metadata={"listed": True})
    licence: str = ""
    character: str = ""

    def __post_init__(self) -> None:
        self.weight = schedule("weight", self.weight, 0, HEAVIEST)
        for key in ("path", "lexicon", "judge"):
            if place := getattr(self, key):
                check_place(key, place)
        if self.hub:
            hub.check("hub", self.hub)
        if self.base and (self.tag or self.chinese):
            raise ValueError(f"base={shown(self.base)} is for weights of open_clip without a tag")

    @property
    def chinese(self) -> bool:
        """Return whether it is a Chinese-CLIP, which transformers loads and open_clip does not."""
        if self.path:
            return not self.arch and not (self.place() / OPEN_CLIP).exists()
        return self.arch == CHINESE

    def place(self) -> Path:
        """Return the local file or folder; BadInput if it is not there."""
        path = locate(self.path)
        if path is None:
            raise BadInput(f"clip={self.name}: there is no file or folder {self.path}")
        return path

    @property
    def is_small(self) -> bool:
        """Return whether the weights are known to take less than SMALL megabytes."""
        if not self.path:
            return 0 < self.megabytes < SMALL
        place = locate(self.path)
        files = place.iterdir() if place and place.is_dir() else [place] if place else []
        return sum(file.stat().st_size for file in files) < SMALL * 1_000_000

    def words(self) -> Lexicon | None:
        """Return the lexicon; None if it has none. BadInput if it is not there, or no lexicon."""
        if not self.lexicon:
            return None
        place = locate(self.lexicon)
        if place is None:
            raise BadInput(f"clip={self.name}: there is no file lexicon={self.lexicon}")
        return lexicon.load(place)

    def own_judge(self) -> "ClipCard | None":
        """Return the card of the CLIP that ranks pictures for this one; None if it has none."""
        if not (self.judge and self.lexicon):
            return None
        name = f"{self.name}.judge"
        return ClipCard(name=name, path=self.judge, lexicon=self.lexicon, reads=self.reads)

    def folder(self) -> Path | None:
        """Return the local folder, or None for a tag of open_clip or a file. BadInput if it holds
        no CLIP."""
        if not self.path or self.place().is_file():
            return None
        folder = self.place()
        if not (folder / OPEN_CLIP).exists() and model_type(folder) != CHINESE:
            raise BadInput(
                f"clip={self.name}: {folder} has no {OPEN_CLIP}, nor is it a Chinese-CLIP of "
                "transformers"
            )
        return folder

    def has_own_weights(self) -> bool:
        """Return whether the weights are a file that the user names."""
        return bool(self.path) and self.place().is_file()

    def here(self) -> bool:
        """Return whether weights and tokenizer are on this machine."""
        if self.path:
            return self.has_own_weights() or self.folder() is not None
        texts = self.texts().items()
        return self.cached() is not None and all(hub.has_text(*text) for text in texts)

    def missing(self) -> str | None:
        """Return the message for a missing CLIP, with size and source; None if it is there.
        BadInput if it does not exist anywhere."""
        if self.arch and not self.chinese:
            open_clip_registry.check_arch(f"clip={self.name}", self.arch)
            if self.base:
                open_clip_registry.find_tag(f"clip={self.name}.base", self.arch, self.base)
            elif not self.path and (self.tag or not self.hub):
                open_clip_registry.find_tag(f"clip={self.name}", self.arch, self.tag)
        if self.has_own_weights() and not self.arch:
            raise BadInput(
                f"clip={self.name} is a file: say of what, clip=ARCHITECTURE::{self.path}"
            )
        if (self.texts() or self.chinese) and find_spec("transformers") is None:
            raise BadInput(f"clip={self.name} needs transformers: pip install transformers")
        if self.here():
            self.check_folder()
            return None
        size = f", {self.megabytes} MB" if self.megabytes else ""
        about = f" ({self.character})" if self.character else ""
        named = self.hub if self.chinese else f"{self.arch} {self.tag}".strip()
        return (
            f"clip={self.name}{about} is not here: {named}{size}, from huggingface.co/{self.hub}"
        )

    def check_folder(self) -> None:
        """Raise BadInput if a folder's configuration is refused: see clip_config.py."""
        folder = self.folder() or (self.cached() if self.chinese else None)
        if folder is None:
            return
        try:
            if self.chinese:
                clip_config.chinese_settings(folder)
            else:
                clip_config.open_clip_settings(folder)
        except BadInput as error:
            raise BadInput(f"clip={self.name}: {error}") from error

    def texts(self) -> dict[str, bool]:
        """Return other repositories that the text tower needs: see text_repositories."""
        known = self.arch in open_clip_registry.architectures()
        return open_clip_registry.text_repositories(self.arch) if known else {}

    def cached(self) -> Path | None:
        """Return the weights in the hub's cache, or of a Chinese-CLIP their folder; None if they
        are not there. Does not use the network."""
        if not self.hub:
            return None
        if not self.chinese:
            return hub.weights(self.hub)
        weights = hub.cached(self.hub, *hub.TRANSFORMERS_WEIGHTS)
        return weights and weights.parent


def model_type(folder: Path) -> str:
    """Return the `model_type` of a folder in transformers' format, or ''."""
    try:
        config = clip_config.read_json(folder / clip_config.TRANSFORMERS)
    except BadInput:
        return ""
    return str(config.get("model_type", ""))


def check_text(setting: str, value: str) -> None:
    """Raise ValueError if a card's text is empty or holds spaces or control characters."""
    if not value or CONTROL.search(value) or re.search(r"[\s\\]", value):
        raise ValueError(
            f"{setting}={shown(ascii(value))} must be an address without spaces, backslashes or "
            "control characters"
        )


def check_place(setting: str, name: str) -> None:
    """Raise ValueError if a card's `name` is neither a path of the user's own (which is only read)
    nor a name inside the package or the cache."""
    parts = re.split(r"[/\\]" if os.name == "nt" else "/", name)
    inside = not is_path(name)
    longest = LONGEST_NAME if inside else 255
    if not name or any(len(part.encode(errors="replace")) > longest for part in parts):
        wrong = f"must be a name of 1 to {longest} bytes"
    elif CONTROL.search(name) or (inside and (not name.isprintable() or UNFIT.search(name))):
        wrong = 'must be a name without control characters or any of \\ : * " < > |'
    elif inside and not {"", ".", ".."}.isdisjoint(parts):
        wrong = (
            f"must be a name inside the folder of models, as in {setting}: "
            f"{shown(parts[-1].strip('.') or 'model.pt')}"
        )
    else:
        return
    raise ValueError(f"{setting}={shown(ascii(name))} {wrong}")


def locate(name: str) -> Path | None:
    """Return the file or folder of a card's name, or None. BadInput for a path of the user's that
    may not be opened (untrusted/allowed_files.py)."""
    if is_path(name) or ".." in Path(name).parts:
        allowed_files.check(Path(os.path.expanduser(name)) if is_path(name) else cache() / name)
    if is_path(name):
        return existing(Path(name))
    return existing(Path(__file__).parent / name) or existing(cache() / name)


def existing(path: Path) -> Path | None:
    """Return the file or folder, ~ expanded; None if there is none."""
    try:
        path = path.expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, ~ of nobody, not allowed
        return None


def is_path(name: str) -> bool:
    """Return whether a name is a path of the user's, not a file in the package or the cache."""
    return name.startswith(("~", ".")) or Path(name).is_absolute()


def keep_in(folder: str | None) -> None:
    """Set the folder of `cache=` for this run; None: the environment decides. BadInput if it may
    not be opened (untrusted/allowed_files.py)."""
    if folder is not None:
        allowed_files.check(expand("cache", folder))
    CHOSEN.set(folder)


def cache() -> Path:
    """Return the folder of downloaded models: `cache=`, or GUIDED_CACHE, or `guided` in the user's
    cache folder."""
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    chosen = CHOSEN.get() or os.environ.get("GUIDED_CACHE")
    return expand("cache", chosen or f"{home}/guided")


# torchvision's features for LPIPS, whose authors' package has only the linear weights.
VGG16 = MetricCard(
    name="lpips",
    file="vgg16-397923af.pth",
    urls=["https://download.pytorch.org/models/vgg16-397923af.pth"],
    sha256="397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
    megabytes=553,
    licence="BSD-3-Clause",
    character="VGG16, which sees how alike pictures are",
)
DEPTH_ANYTHING = DepthCard(
    name="depth_anything",
    file="depth_anything_v2_small.safetensors",
    urls=[
        "https://huggingface.co/depth-anything/Depth-Anything-V2-Small-hf/resolve/"
        "5426e4f0f36572d16453bbda7a8389317b1bef99/model.safetensors"
    ],
    sha256="3152477ce0d8d6978d76b995120de97cb5b928701fd0f817769f59e249a16b70",
    megabytes=99,
    licence="Apache-2.0",
    character="Depth Anything V2 Small, which sees how far away things are",
)
RAFT_SMALL = FlowCard(
    name="raft_small",
    file="raft_small_C_T_V2-01064c6d.pth",
    urls=["https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth"],
    sha256="01064c6dba73b0fc9fc8edf772248560a00a3acfd62ac6677e9eeebad9680e27",
    megabytes=4,
    licence="BSD-3-Clause",
    character="small RAFT, which sees how things move",
)
RAFT_LARGE = FlowCard(
    name="raft_large",
    file="raft_large_C_T_SKHT_V2-ff5fadd5.pth",
    urls=["https://download.pytorch.org/models/raft_large_C_T_SKHT_V2-ff5fadd5.pth"],
    sha256="ff5fadd56d26b40647388883af1547351ea17868b765c05b27231e72dd16a322",
    megabytes=21,
    licence="BSD-3-Clause",
    character="RAFT, which sees how things move",
)
OF_FILMS = (DEPTH_ANYTHING, RAFT_SMALL, RAFT_LARGE)
PARTS = (VGG16, *OF_FILMS)  # networks that settings ask for


def film_cards(names: Iterable[str]) -> list[WeightsCard]:
    """Return the cards of networks of films by their names, and none for other names."""
    return [card for card in OF_FILMS if card.name in names]
