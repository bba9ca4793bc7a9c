"""Config, the typed root of a run with the traits of its settings, and build(), which makes an
object of a node."""

import dataclasses
import logging
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from omegaconf import BooleanNode, DictConfig, IntegerNode, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guided.canvas.mask_settings import MaskSettings
from guided.config import kinds
from guided.errors import BadInput, as_integer, decimal_point, nearest, shown
from guided.paths import conf_folder, program
from guided.text import split, unquoted
from guided.untrusted import interpolation

log = logging.getLogger(__name__)
TRUSTED = "guided."
# Scopes of settings.
PICTURE = "picture"  # decides pixels: kept in records, and may vary from row to row
RUN = "run"  # counts the pictures of a row: kept in the record of a run, not of a picture
MACHINE = "machine"  # where and how this command works: kept in no record
OPTIONAL = ("animate", "secondary")  # groups of which none need be chosen
NONE = "none"  # the choice of them that is none
COMMAND = "command"  # selects rows, or is a command of its own: kept in no record


@dataclass(frozen=True)
class Setting:
    """The traits of a setting at the top, of a group, or of a command."""

    help: str
    scope: str
    prose: bool = False  # a text for people, quoted before Hydra reads it
    per_row: bool = False  # each row of a batch may have its own
    resumable: bool = False  # may stand beside resume=
    from_python: bool = True  # generate() and frames() take it
    saves: bool = False  # needs pictures to be saved, so frames() does not take it
    group: bool = False  # a folder of conf/ has its choices
    several: bool = False  # a group whose choices go together
    own_names: bool = False  # a group that also takes names of files, or in any script
    paths: bool = False  # a group whose choices may name files of the user's


def setting(
    default: Any,
    help: str,
    *,
    scope: str = PICTURE,
    prose: bool = False,
    per_row: bool | None = None,
    resumable: bool = False,
    from_python: bool = True,
    saves: bool = False,
) -> Any:
    """Return the field of a setting at the top. Settings of pictures and of runs are `per_row`
    unless it is given."""
    own = scope in (PICTURE, RUN) if per_row is None else per_row
    traits = Setting(
        help,
        scope,
        prose=prose,
        per_row=own,
        resumable=resumable,
        from_python=from_python,
        saves=saves,
    )
    return field(default=default, metadata={"setting": traits})


def group(
    help: str,
    *,
    scope: str = PICTURE,
    saves: bool = False,
    several: bool = False,
    own_names: bool = False,
    paths: bool = False,
) -> Any:
    """Return the field of a node that a folder of conf/ fills."""
    traits = Setting(
        help,
        scope,
        per_row=scope == PICTURE,
        saves=saves,
        group=True,
        several=several,
        own_names=own_names,
        paths=paths,
    )
    return field(default_factory=dict, metadata={"setting": traits})


def settings_of_its_own(cls: type, help: str) -> Any:
    """Return the field of a node with the settings of a class, which a picture records."""
    return field(default_factory=cls, metadata={"setting": Setting(help, PICTURE, per_row=True)})


@dataclass
class Config:
    """The settings of a command line, and the groups of conf/."""

    prompt: Any = setting(
        None, 'what to draw; several with weights: \'["a castle:2", "fog"]\'', prose=True
    )
    negative: Any = setting(
        None, "what to avoid: prompts of weight -0.5, or -2 with people:2", prose=True
    )
    image_prompt: Any = setting(
        None, "pictures as prompts, by CLIP similarity; with weights: photo.jpg:0.5", prose=True
    )
    regions: Any = setting(
        None,
        "parts with prompts of their own: '[{box: [0,0,0.5,1], prompt: a tree}]'; mask: FILE",
        prose=True,
    )
    layout: str | None = setting(
        None, "row, grid or scatter: places for a cat | a tree, or for regions without a box"
    )
    wildcards: str | None = setting(
        None, "a folder with word lists of your own for __name__ in prompts"
    )
    drawn: list[str] | None = setting(
        None, "the prompts with wildcards replaced, as from= uses them; null: replaced by seed"
    )
    seed: int | None = setting(
        None,
        "same seed, same picture; image k of a run has seed + k; random, -1 or null: drawn",
        scope=RUN,
    )
    count: int = setting(1, "number of pictures", scope=RUN)
    batch_size: int = setting(1, "pictures drawn together; above 1 the last bits may differ")
    keep: int | None = setting(
        None, "number of best pictures to keep; the others go into others/", scope=RUN, saves=True
    )
    rank: Any = setting(
        "auto",
        "a CLIP that only ranks pictures for keep; auto: the judge that comes with small CLIPs, "
        "else as null: the guiding CLIPs",
    )
    size: Any = setting(None, "[width,height], 512 or 512x384; null: the model's recommended size")
    steps: int | None = setting(None, "steps of the sampler; null: the model's recommended number")
    prompts: str | None = setting(
        None,
        "a file with one prompt per line; or .csv, .tsv or .yaml, with settings for each",
        scope=COMMAND,
        from_python=False,
    )
    resume: str | None = setting(
        None,
        "continue the unfinished pictures of a run: its folder, or latest",
        scope=COMMAND,
        resumable=True,
        from_python=False,
    )
    workers: int = setting(
        1,
        "with hydra/launcher=...: number of jobs that share the batch",
        scope=MACHINE,
        resumable=True,
        from_python=False,
        saves=True,
    )
    checkpoint: float = setting(
        30.0,
        "seconds between saves of an unfinished picture; 0: every step",
        scope=MACHINE,
        per_row=True,
    )
    init: str | None = setting(
        None,
        "the initial picture: a path (also .svg), perlin, perlin:color, perlin:gray, "
        "perlin:natural, color:#102040, or gradient:#102040-#f0c080 (:90 from left to right)",
    )
    init_fit: str = setting(
        "cover", "fit of an init of another shape: cover crops it, stretch distorts it"
    )
    frames: int | None = setting(
        None, "with animate, the number of the film's frames; null: 48", saves=True
    )
    fps: float | None = setting(
        None, "with animate, frames per second of the film; null: 12", saves=True
    )
    tile: Any = setting(
        "none", "edges that meet, for seamless textures: x, left and right; y; both; none"
    )
    manner: Any = setting(
        "auto",
        "a manner of drawing, as watercolour, that a filter gives the finished picture; auto: "
        "that of the prompt, with models that recommend it; none",
    )
    restarts: Any = setting(
        "auto",
        "how often a finished picture that is a smear to the model itself is drawn again from "
        "other noise; auto: as the model recommends; 0: never",
    )
    strength: float | None = setting(
        None,
        "with init, share of the steps taken; null: 0.5, of noise 0.8, with a mask 1, which keeps "
        "least of init",
    )
    restore: str | None = setting(
        None,
        "restore the init picture: grey gives it colours, thumbnail details; all else is kept",
    )
    keep_composition: str | None = setting(
        None, "a picture whose composition and coarse colours are kept, without its details"
    )
    composition_cells: int | None = setting(
        None, "cells along the shorter side whose colours are kept; null: 8; more keep more"
    )
    composition_until: float | None = setting(
        None, "progress up to which the composition is kept, 0 to 1; null: 0.8"
    )
    skip: Any = setting(
        None, "first steps to leave out, a number or a share: 10 or 50%; instead of strength"
    )
    mask: MaskSettings = settings_of_its_own(
        MaskSettings,
        "with init, what is drawn anew: a picture, where it is white; a box "
        "[left,top,right,bottom] in shares; alpha; more by mask.invert, grow, blur, jumps, jump",
    )
    outpaint: Any = setting(
        None,
        "with init, extend it by [left,top,right,bottom], in pixels or per cent: [0,0,50%,0]",
    )
    upscale: Any = setting(
        None,
        "make the finished picture 2 or 4 times as large, beside output.still.enlarge; guided: 2 "
        "times, and draw it again in windows",
    )
    upscale_strength: float | None = setting(
        None, "with upscale=guided, share of the steps taken again; null: the model's own"
    )
    upscaler: str | None = setting(
        None,
        "what enlarges: embedded, bicubic, or a file of an upscaling network (ESRGAN and others); "
        "null: the model's, with upscale embedded",
    )
    device: Any = setting(
        "auto",
        "auto, cpu, cuda, mps, xpu, cuda:1; several: [cuda:0,cuda:1]",
        per_row=False,
        resumable=True,
    )
    precision: str = setting("auto", "auto, float32, bfloat16, float16")
    threads: Any = setting(
        "auto",
        "CPU threads, which decide the last bits; auto: 1 for small models, else the CPU's cores",
    )
    memory: Any = setting(
        "auto", "limit in GB; auto: the free memory of the device; off: no planning"
    )
    deterministic: bool = setting(
        False, "no faster replacements of CLIP's parts; sums on a GPU in a fixed order"
    )
    folder: str = setting("outputs", "folder for runs", scope=MACHINE, resumable=True)
    name: str | None = setting(
        None, "name of the run's folder; null: the prompt's first words", scope=MACHINE
    )
    cache: str | None = setting(
        None,
        "folder for downloaded models; null: GUIDED_CACHE, else ~/.cache/guided",
        scope=MACHINE,
    )
    models: str | None = setting(
        None, "list or download models, instead of drawing", scope=COMMAND, from_python=False
    )
    gallery: str | None = setting(
        None,
        "write the gallery pages of a folder again, instead of drawing",
        scope=COMMAND,
        from_python=False,
    )
    trust: Any = setting(
        None,
        "files that records and rows may open: true, or paths; command line only",
        scope=MACHINE,
        resumable=True,
        from_python=False,
    )
    debug: bool = setting(
        False, "show the traceback when something fails", scope=MACHINE, resumable=True
    )

    batch: Any = group(
        "named batches: rows of settings, combined with each other", scope=COMMAND, saves=True
    )
    artist: dict[str, Any] = group(
        "presets of artists, several together; artist=list shows them",
        several=True,
        own_names=True,
    )
    look: dict[str, Any] = group(
        "presets of media, styles, moods and qualities; look=list shows them",
        several=True,
        own_names=True,
        paths=True,
    )
    animate: Any = group(
        "a film: a camera in two or three dimensions over the pictures; animate=list", saves=True
    )
    generator: Any = group("the method that draws: diffusion, guided in several ways, and others")
    model: Any = group("the model that the generator draws with", own_names=True, paths=True)
    secondary: Any = group(
        "a small network whose predictions the guides see; none: the model's own", paths=True
    )
    clip: dict[str, Any] = group(
        "the CLIPs that guide, several together", several=True, own_names=True, paths=True
    )
    cutouts: Any = group("how CLIP's views of the image are cut out")
    sampler: Any = group("the sampling method")
    guide: dict[str, Any] = group(
        "losses whose gradients guide the image, several together", several=True
    )
    output: dict[str, Any] = group("files and displays of a run, several together", several=True)


@cache
def register() -> None:
    """Put Config into Hydra's store, as the schema of the root."""
    from hydra.core.config_store import ConfigStore  # takes long, and --help needs none

    ConfigStore.instance().store(name="schema", node=Config)


# Nodes with settings of a class, and which of these the node's own name stands for.
FIRST = {"mask": "area"}
NODES: dict[str, Any] = {f.name: f.type for f in dataclasses.fields(Config) if f.name in FIRST}

# Commands that are no settings of a run.
COMMANDS = {
    "from": Setting("a picture or a run to draw again", COMMAND, from_python=False),
    "show": Setting("print what was understood instead of drawing", COMMAND, from_python=False),
    "studio": Setting("draw in a browser: open, serve or a port", COMMAND, from_python=False),
    "import": Setting(
        "translate settings of Disco Diffusion, DiscoArt and others", COMMAND, from_python=False
    ),
}


@cache
def settings() -> dict[str, Setting]:
    """Return the traits of every setting at the top, group and command, by name."""
    typed = {one.name: one.metadata["setting"] for one in dataclasses.fields(Config)}
    return typed | COMMANDS


@cache
def having(trait: str, value: bool = True) -> tuple[str, ...]:
    """Return the names of the settings with a trait, a field of Setting."""
    return tuple(name for name, one in settings().items() if getattr(one, trait) is value)


@cache
def scoped(*scopes: str) -> tuple[str, ...]:
    """Return the names of the settings of some scopes."""
    return tuple(name for name, one in settings().items() if one.scope in scopes)


@cache
def typed_as(*kinds: type) -> tuple[str, ...]:
    """Return the names of the settings at the top of some types, null or not."""
    types = [one for kind in kinds for one in (kind, kind | None)]
    return tuple(f.name for f in dataclasses.fields(Config) if f.type in types)


@cache
def with_a_value() -> frozenset[str]:
    """Return the names of the settings at the top, and of commands, that have a value and no
    settings of their own."""
    fields = dataclasses.fields(Config)
    own = {one.name for one in fields if one.default is not dataclasses.MISSING}
    return frozenset(own | COMMANDS.keys())


def unrecorded() -> tuple[str, ...]:
    """Return the names of the settings that no record keeps."""
    return scoped(MACHINE, COMMAND)


@cache
def groups(several: bool) -> tuple[str, ...]:
    """Return the groups of which several choices go together, or those of which one is chosen."""
    return tuple(name for name in having("group") if settings()[name].several is several)


@cache
def known_names() -> frozenset[str]:
    """Return the names of all settings, groups (presets may add some), commands, and Hydra's."""
    folders = {path.name for path in conf_folder().iterdir() if path.is_dir()}
    return frozenset({*settings(), *folders, "hydra"})


def build(node: DictConfig | ListConfig, where: str) -> Any:
    """Return the object of the dataclass that `_target_` names, filled with a node's settings,
    every key and type checked. Raises BadInput; `where` is the node's name on the command line,
    for its message."""
    if not isinstance(node, DictConfig):
        raise BadInput(
            f"{where}={shown(node)} is no choice; the ones there are: {program()} --help"
        )
    settings = resolved(node, where)
    target = settings.pop("_target_", None)
    cls = dataclass_of(target, where)
    check_kind(target, cls, where)
    check_keys(cls, settings, where)
    check_given(cls, settings, where)
    try:
        return OmegaConf.to_object(filled(deepcopy(defaults_of(cls)), settings, where))
    except OmegaConfBaseException as error:
        raise BadInput(explain(error, where)) from error
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"{where}.{error}{source(node, str(error))}") from error
    except (TypeError, ArithmeticError, AttributeError) as error:
        # A setting of type Any that its class reads without looking at what it is.
        raise BadInput(f"{where} has a value of a wrong type or size: {error}") from error


@cache
def defaults_of(cls: type) -> DictConfig:
    """Return the node of a dataclass with its defaults, which OmegaConf makes slowly."""
    return OmegaConf.structured(cls)


def source(node: DictConfig, message: str) -> str:
    """Return the end of a message about a setting of a node: the name of the setting that says its
    value; empty if it is its own."""
    found = re.match(r"\w+", message)
    text = OmegaConf.to_container(node, resolve=False)
    text = text.get(found[0]) if found and isinstance(text, dict) else None
    names = re.fullmatch(r"\$\{([\w.]+)\}", text) if isinstance(text, str) else None
    return f"; it is what {names[1]} says" if names else ""


def resolved(node: DictConfig | ListConfig, where: str) -> Any:
    """Return the plain values of a node, with references resolved; BadInput if that is not
    there or refers to itself."""
    try:
        return OmegaConf.to_container(node, resolve=True)
    except OmegaConfBaseException as error:
        raise BadInput(explain(error, where)) from error
    except RecursionError as error:
        raise BadInput(f"{where} refers to itself, or is nested too deep") from error


def kindless(where: str) -> str:
    """Return the message about a node that has no `_target_`."""
    group = where.split(".")[0]
    return f"{where} is no choice of {group}=, whose kind _target_ says; --help lists them"


def dataclass_of(target: Any, where: str) -> type:
    """Return the class of settings that a `_target_` names, by its kind (kinds.py) or its path
    within this package. Raise BadInput if there is none."""
    path = kinds.path_of(target) if isinstance(target, str) else ""
    if target is None:
        raise BadInput(kindless(where))
    if not path.startswith(TRUSTED):
        raise BadInput(no_kind(target, where))
    if target in kinds.OLD:
        log.warning("%s._target_=%s is %s now", where, target, kinds.OLD[target])
    try:
        cls = class_at(path)
    except (ImportError, AttributeError) as error:
        raise BadInput(f"{where}._target_={shown(target)} does not exist") from error
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise BadInput(f"{where}._target_={shown(target)} holds no settings")
    return cls


def class_at(path: str) -> Any:
    """Return what a path within this package names. Raise ImportError or AttributeError."""
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def kinds_in(where: str) -> list[str]:
    """Return the kinds of the group whose node is `where`; empty if there is none."""
    group = re.split(r"[.=]", where)[0].replace("rank", "clip")
    return [kind for kind in kinds.KINDS if kind.partition("/")[0] == group]


def no_kind(target: object, where: str) -> str:
    """Return the message for a `_target_` that is no kind of settings there."""
    listed = kinds_in(where) or list(kinds.KINDS)
    near = nearest(target, listed) if isinstance(target, str) else ""
    return (
        f"{where}._target_={shown(target)} is no kind of settings there{near}; there are "
        f"{', '.join(listed)}, and classes of {TRUSTED}*"
    )


def check_kind(target: str, cls: type, where: str) -> None:
    """Raise BadInput if a `_target_` names a kind of another group, or a class that lacks a method
    which all kinds of this group have."""
    own = kinds_in(where)
    if not own or kinds.kind_of(target) in own:
        return
    needed = set.intersection(*(methods(class_at(kinds.KINDS[kind])) for kind in own))
    if kinds.kind_of(target) in kinds.KINDS or not needed <= methods(cls):
        raise BadInput(no_kind(target, where))


def methods(cls: type) -> set[str]:
    """Return the names of a class's public methods."""
    return {one for one in dir(cls) if one[0] != "_" and callable(getattr(cls, one))}


def filled(node: DictConfig, settings: dict[str, Any], where: str) -> DictConfig:
    """Return the node with each setting in its place, its type checked. Merging would not let a
    mapping take the place of a list, and both are ways to write a schedule."""
    for key, value in settings.items():
        now = None if OmegaConf.is_missing(node, key) else node[key]
        place: Any = node._get_node(key)
        value = whole(place, value, f"{where}.{key}")
        listed = isinstance(place, ListConfig) and place._metadata.ref_type is not Any
        if listed and isinstance(value, str | int | float):
            raise BadInput(no_list(f"{where}.{key}", value))
        value = interpolation.escaped(value)  # it was looked up already, and is not a second time
        if isinstance(now, DictConfig) and isinstance(value, dict):
            now.merge_with(value)
        else:
            node[key] = value
    return node


def no_list(name: str, value: object) -> str:
    """Return the message for a text or a number where a list is needed. A text in brackets is one
    that Hydra's grammar cannot read, as of colours, [#0d3b82,#f2f7fc]."""
    inside = split(re.sub(r"[\[\]()]", "", str(value)))
    quoted = ",".join(f"'{unquoted(item)}'" if isinstance(value, str) else item for item in inside)
    return f'{name}={shown(value)} must be a list, with texts quoted: "{name}=[{quoted}]"'


def whole(node: Any, value: Any, name: str) -> Any:
    """Return the value for a node, with 50.0 as 50 where the node holds whole numbers. BadInput
    for 2 as true or false, of which OmegaConf takes every whole number."""
    if isinstance(value, dict) and isinstance(node, DictConfig):
        return {k: whole(node._get_node(k), inside, f"{name}.{k}") for k, inside in value.items()}
    if isinstance(value, list) and isinstance(node, ListConfig):
        integers = node._metadata.element_type is int
        return [as_integer(inside) if integers else inside for inside in value]
    if isinstance(node, BooleanNode) and isinstance(value, int) and value not in (0, 1):
        raise BadInput(f"{name}={shown(value)} must be true or false")
    return as_integer(value) if isinstance(node, IntegerNode) else value


def check_keys(cls: type, settings: dict[str, Any], where: str) -> None:
    """Raise BadInput if a key is no setting of the class."""
    known = [f.name for f in dataclasses.fields(cls)]
    for key in settings:
        if key not in known:
            hint = elsewhere(where, str(key)) or nearest(str(key), known)
            raise BadInput(f"{where}.{shown(key)} is not a setting{hint}")


def check_given(cls: type, settings: dict[str, Any], where: str) -> None:
    """Raise BadInput if a setting of the class that has no default is not there."""
    usual = OmegaConf.to_container(defaults_of(cls))
    assert isinstance(usual, dict)
    for key, value in {**usual, **settings}.items():
        if value == "???":
            raise BadInput(f"{where} has no {key!s}, which it needs, as in {key!s}: VALUE")


def elsewhere(where: str, key: str) -> str:
    """Return a hint at the kinds of a group that have a setting of this name, if others have."""
    group = where.partition(".")[0]
    paths = {kind: path for kind, path in kinds.KINDS.items() if kind.startswith(f"{group}/")}
    found = [
        kind
        for kind, path in paths.items()
        if key in (f.name for f in dataclasses.fields(class_at(path)))
    ]
    if not found or len(paths) < 2:
        return ""
    return (
        f" of what is chosen, but of {' and '.join(found)}; it was typed, or a preset such as "
        "look= sets it"
    )


KINDS = {"Integer": "a whole number", "Float": "a number", "bool": "true or false"}


def explain(error: OmegaConfBaseException, where: str = "") -> str:
    """Return OmegaConf's message with the setting's full name."""
    key = ".".join(part for part in (where, getattr(error, "full_key", None)) if part)
    message = getattr(error, "msg", None) or str(error)
    first = re.split(r"\n\s*(?:full_key|object_type)[:=]", message)[0].strip()
    wrong = (
        r"(?s)(?:While deref.*?: )?Value '(.*?)' (?:of type '\S*' )?"
        r"(?:could not be converted to|is not a valid) (\w+)"
    )
    if found := re.match(wrong, first):
        kind = KINDS.get(found[2], found[2])
        meaning = "" if found[2] == "bool" else about(key)
        return f"{key}={shown(found[1])} must be {kind}{decimal_point(found[1])}{meaning}"
    if found := re.match(r"Invalid type assigned: .* value: (.*)", first):
        return f"{key}={shown(found[1])} must be settings by their names, as in {key}.NAME=VALUE"
    if first.startswith("Cannot merge"):  # it does not say which of the two is which
        return f"{key} is a list, as [a,b], or settings by their names, as in {key}.NAME=VALUE"
    other = r"(?:While deref.*?: )?Cannot convert '(list|dict)(?:config)?' to string: '(.*)'"
    if found := re.match(other, first, re.IGNORECASE):
        kind = "a list" if found[1].lower() == "list" else "a mapping"
        return f"{key}={shown(found[2])} is {kind}; it has one value, without brackets"
    if found := re.match(r"Key '(.*?)' not in '\w+'", first):
        cls = getattr(error, "object_type", None)
        known = [f.name for f in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else []
        return f"{key} is not a setting{nearest(found[1], known)}"
    if found := re.search(r"Interpolation key '([^']*)' not found", first):
        return (
            f"{key or 'a setting'} refers to ${{{shown(found[1])}}}, and there is no such setting"
        )
    if "Recursive interpolation" in message:
        return f"{key or 'a setting'} refers to itself"
    if "is not Optional" in first or first.startswith("Incompatible value 'None'"):
        return f"{key}=null has no meaning: it must have a value"
    if "is not a ListConfig" in first:
        return f"{key} must be a list, as in {key}=[a,b]"
    return f"{key}: {first}" if key else first


def about(name: str) -> str:
    """Return what a setting at the top is for, as the end of a message; empty for others."""
    return f"; {name}: {settings()[name].help}" if name in settings() else ""


def build_all(
    nodes: DictConfig | ListConfig,
    group: str,
    build: Callable[[DictConfig, str], Any] = build,
) -> dict[str, Any]:
    """Return the object of every option chosen in a group, by name; an option set to null is left
    out."""
    if not isinstance(nodes, DictConfig):
        raise BadInput(f"{group}={shown(nodes)} must be a mapping of names to choices")
    try:
        chosen = {str(name): node for name, node in nodes.items() if node is not None}
    except OmegaConfBaseException as error:  # one that refers to no setting
        raise BadInput(explain(error, group)) from error
    return {name: build(node, f"{group}.{name}") for name, node in chosen.items()}
