"""Config, the typed root of a run, and build(), which makes an object of a node of it.

Imports no torch: a typo must cost a moment, not a start-up.
"""

import dataclasses
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided.errors import BadInput, nearest

TRUSTED = "guided."


@dataclass
class Config:
    """What can be said on the command line; groups of conf/ fill the nodes below."""

    prompt: Any = None  # a text, or a list of texts with weights
    negative: Any = None  # what to keep away from
    seed: int | None = None  # null: drawn anew; image k of a run has seed + k
    count: int = 1
    size: Any = None  # [width, height], 512 or 512x384; null: the model's own
    steps: int | None = None  # null: the model's own
    device: str = "auto"  # auto, cpu, cuda, cuda:1, mps, xpu
    precision: str = "auto"  # auto, float32, bfloat16, float16
    folder: str = "outputs"
    models: str | None = None  # list or download, instead of drawing
    debug: bool = False  # show the traceback when something fails

    generator: Any = field(default_factory=dict)
    model: Any = field(default_factory=dict)
    clip: dict[str, Any] = field(default_factory=dict)
    cutouts: Any = field(default_factory=dict)
    sampler: Any = field(default_factory=dict)
    guide: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] = field(default_factory=dict)


def register() -> None:
    ConfigStore.instance().store(name="schema", node=Config)


def conf_folder() -> Path:
    """conf/ beside the package in a checkout, inside it in a wheel."""
    inside = Path(__file__).parent / "conf"
    return inside if inside.exists() else Path(__file__).parent.parent / "conf"


def build(node: DictConfig, where: str) -> Any:
    """The dataclass that `_target_` names, filled in, every key and type checked.

    `where` is the node's name on the command line, for BadInput's message.
    """
    settings = OmegaConf.to_container(node, resolve=True)
    target = settings.pop("_target_", None) if isinstance(settings, dict) else None
    if not isinstance(target, str) or not target.startswith(TRUSTED):
        raise BadInput(f"{where}._target_={target} is not from {TRUSTED}*")
    try:
        cls = getattr(import_module(target.rpartition(".")[0]), target.rpartition(".")[2])
    except (ImportError, AttributeError) as error:
        raise BadInput(f"{where}._target_={target} does not exist: {error}") from error
    if not dataclasses.is_dataclass(cls):
        raise BadInput(f"{where}._target_={target} holds no settings")
    check_keys(cls, settings, where)
    try:
        return OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(cls), settings))
    except OmegaConfBaseException as error:
        raise BadInput(explain(error, where)) from error
    except ValueError as error:
        raise BadInput(f"{where}.{error}") from error


def check_keys(cls: type, settings: dict[str, Any], where: str) -> None:
    known = [f.name for f in dataclasses.fields(cls)]
    for key in settings:
        if key not in known:
            raise BadInput(f"{where}.{key} is not a setting{nearest(str(key), known)}")


def explain(error: OmegaConfBaseException, where: str = "") -> str:
    """OmegaConf's first line with the setting's full name."""
    key = ".".join(part for part in (where, getattr(error, "full_key", None)) if part)
    first = (getattr(error, "msg", None) or str(error)).splitlines()[0]
    return f"{key}: {first}" if key else first


def build_all(nodes: DictConfig, group: str) -> dict[str, Any]:
    """Every option chosen in a group; an option set to null is left out."""
    return {
        str(name): build(node, f"{group}.{name}") for name, node in nodes.items() if node is not None
    }
