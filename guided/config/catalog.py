"""Names for `model=` and `clip=` other than those of conf/: a file, a folder, a card of the
user's, an architecture and tag of open_clip.

Each becomes a card in Hydra's store, under a name of its own, before Hydra reads the command line;
from there on it is a choice like any other.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any
from zlib import crc32

from hydra.core.config_store import ConfigStore

from guided.config import card_list, choices, kinds, presets
from guided.config.overrides import Override, parse
from guided.config.schema import build, build_all
from guided.errors import BadInput, nearest, not_one_of, shown, told_behind
from guided.models import open_clip_registry, unet2d
from guided.models.cards import ClipCard, GeneratorCard, ModelCard, Recommended, locate
from guided.models.cards import existing as present
from guided.models.recognise import guess_kind, recognise, shapes, weights_in
from guided.paths import conf_folder
from guided.schedule import AUTO
from guided.text import split, unquoted
from guided.untrusted import allowed_files
from guided.untrusted.typed_paths import check_regular, expand, impossible, similar
from guided.untrusted.yaml_reader import read_config

log = logging.getLogger(__name__)
WEIGHTS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".pkl")
CARDS = (".yaml", ".yml")
REPOSITORY = re.compile(r"(?:hf-hub:|hf_hub:|hf://|https://huggingface\.co/)?([\w.-]+/[\w./-]+)")
OPENAI = re.compile(r"(ViT-[BL])/(\d\d)(@336px)?")  # OpenAI's own spelling


def spelt_out(overrides: Sequence[Override], flags: Sequence[str]) -> list[Override]:
    """Return the overrides with names that conf/ does not have replaced by ones that Hydra's store
    has, and those of presets by the names of their files. `flags` say where one's own presets are.
    Raises BadInput when there is no such preset, file, architecture or tag, or the file is
    something else."""
    found = [plain for one in overrides for plain in spelt_out_one(one, flags)]
    return [*found, *implied_generator(found, flags)]


def implied_generator(overrides: Sequence[Override], flags: Sequence[str]) -> list[Override]:
    """Return generator=NAME for a chosen model that another generator than diffusion draws with,
    unless the overrides choose a generator."""
    chosen = {one.name: one for one in overrides}
    model = chosen.get("model")
    if model is None or model.swept or "generator" in chosen:
        return []
    kind = kinds.kind_of(str(node_of_model(str(model.text), flags).get("_target_")))
    name = kind.partition("/")[2]
    return [parse(f"generator={name}")] if f"generator/{name}" in kinds.KINDS else []


def node_of_model(name: str, flags: Sequence[str]) -> dict[str, Any]:
    """Return the node of a model in Hydra's store or in a folder of presets; empty: there is
    none."""
    stored = ConfigStore.instance().repo.get("model", {}).get(f"{name}.yaml")
    if stored is not None:
        return dict(stored.node)
    for folder in choices.folders("model", flags):
        if impossible(f"{name}.yaml") is None and (path := folder / f"{name}.yaml").is_file():
            return dict(read_config(path))
    return {}


def spelt_out_one(override: Override, flags: Sequence[str]) -> list[Override]:
    """Return the overrides of Hydra's that one override stands for."""
    group, value = override.key, override.text
    if value is not None and group in presets.GROUPS:
        return with_weights(override, flags)
    own = {"model": own_model, "clip": own_clip}.get(group)
    if value is None or own is None:
        return [override]
    own_folders = len(choices.folders(group, flags)) > 1
    match = re.fullmatch(r"(\s*\[?)(.*?)(\]?\s*)", value, re.DOTALL)
    assert match is not None  # any text matches
    left, inner, right = match.groups()
    whole = unquoted(inner)
    items = [whole] if present(Path(whole)) else split(inner)
    for item in items:
        if not own_folders:
            refuse_repository(group, item)
    names = [own(item) for item in items]
    if not any(names):
        return [override]
    chosen = [name or item for name, item in zip(names, items, strict=True)]
    return [override.with_text(f"{left}{','.join(chosen)}{right}")]


def with_weights(override: Override, flags: Sequence[str]) -> list[Override]:
    """Return the override of presets by the names of their files, and one for each weight."""
    group = override.key
    found = presets.weighted(group, override.text or "", flags)
    if found is None:
        return [override]
    chosen, weights = found
    # ++ adds the weight where a preset of one's own does not list it.
    added = [parse(f"++{group}.{name}.weight={weight:g}") for name, weight in weights.items()]
    return [override.with_text(f"[{','.join(chosen)}]"), *added]


def refuse_repository(group: str, typed: str) -> None:
    """Raise BadInput if a repository of the hub is typed where only names of conf/, files and
    open_clip's tags are taken; it names those with the same weights."""
    found = REPOSITORY.fullmatch(typed)
    if found is None and typed.startswith(("http://", "https://")):
        expand(group, typed)  # which is refused
    if found is None or is_path(typed) or "::" in typed or OPENAI.fullmatch(typed):
        return
    if typed in choices.names("clip" if group == "rank" else group):
        return
    taken = "a name that models=list shows, or a file"
    if group in ("clip", "rank"):
        same = [
            f"{a}::{t}"
            for a, tags in open_clip_registry.table().items()
            for t in tags
            if tags[t] == found[1]
        ]
        same += [n for n, (card, *_) in card_list.clips() if card.hub.startswith(found[1])]
        name = f"clip=[{same[0]}]" if same and group == "clip" else f"{group}={(same or [''])[0]}"
        taken = f"{name}, the same weights" if same else f"{taken}, or ARCHITECTURE::TAG"
    raise BadInput(
        f"{group}={shown(typed)}: there is no such file, and repositories of the hub are not "
        f"taken by name; what is taken is {taken}"
    )


def is_path(text: str) -> bool:
    """Return whether it is a path, and no name of conf/, which may have a slash in it too."""
    return (
        text.startswith((".", "~"))
        or text.lower().endswith(WEIGHTS + CARDS)
        or Path(text).is_absolute()
        or (any(sign in text for sign in "/\\") and present(Path(text)) is not None)
    )


def keep(group: str, typed: str, node: Any) -> str:
    """Put a node into Hydra's store and return its name, which Hydra's grammar can read."""
    slug = re.sub(r"[^A-Za-z0-9]+", "_", Path(typed).stem).strip("_")
    name = f"{slug or group}_{crc32(typed.encode()):08x}"
    ConfigStore.instance().store(group=group, name=name, node=node)
    return name


# ---- models --------------------------------------------------------------------------------


def own_model(typed: str) -> str | None:
    """Return the name in Hydra's store of a model that is typed as a path; None for one of conf/'s
    own."""
    if not is_path(typed):
        return None
    path = existing("model", typed)
    if path.suffix.lower() in CARDS:
        return keep("model", typed, card_of_ones_own(path))
    return keep("model", typed, as_node(card_for(path)))


def card_for(path: Path) -> GeneratorCard:
    """Return a card that describes a checkpoint, or the one in a folder in diffusers' format, of
    the generator that recognises its tensors."""
    path = weights_in(path)
    try:
        tensors = shapes(path)
    except BadInput as error:
        raise BadInput(f"model={error}") from error
    for place in [place for kind, place in kinds.KINDS.items() if kind.startswith("model/")]:
        module = import_module(place.rpartition(".")[0])
        card = module.recognised(path, tensors) if hasattr(module, "recognised") else None
        if card is not None:
            return card
    return unet2d.card(path, tensors) if unet2d.ANCHOR in tensors else unet_card(path)


def unet_card(path: Path) -> ModelCard:
    """Return a card that describes a checkpoint in guided-diffusion's format, with the settings of
    the known model that it is like."""
    found = recognise(path, [card for _, card in card_list.models()])
    prediction, schedule = guess_kind(found.unet)
    if found.assumed:
        log.warning(
            "model=%s: what the file does not say is taken %s; model.unet.num_heads=..., "
            "model.prediction=... and model.schedule=%s change it",
            path,
            found.assumed,
            "linear"
            if (found.like.schedule if found.like else schedule) == "cosine"
            else "cosine",
        )
    like = found.like or ModelCard(
        size=[found.unet.image_size] * 2, recommended=Recommended(), prediction=prediction,
        schedule=schedule,
    )  # fmt: skip
    return ModelCard(
        name=path.stem,
        file=str(path.absolute()),
        unet=found.unet,
        prediction=like.prediction,
        schedule=like.schedule,
        spacing=like.spacing,
        clip_denoised=like.clip_denoised,
        size=like.size,
        recommended=like.recommended,
        character="" if found.assumed else like.character,
        upscaler=like.upscaler,
    )


def as_node(card: GeneratorCard) -> dict[str, Any]:
    """Return a card as the node of a configuration."""
    kind = kinds.kind_of(f"{type(card).__module__}.{type(card).__qualname__}")
    return {"_target_": kind, **asdict(card)}


def card_of_ones_own(path: Path) -> dict[str, Any]:
    """Return the node of a YAML card of the user's. Settings that it leaves out are as in
    its class; a file that lies beside it needs no full path."""
    node = read_config(path, f"model={path}")
    with told_behind(f"model={path}"):
        card = build(node, "model")
    if not isinstance(card, GeneratorCard):
        raise BadInput(f"model={path} is a card of something else than a model")
    beside = path.absolute().parent / card.file
    card.file = str(beside) if beside.is_file() else card.file
    return as_node(card)


def existing(group: str, typed: str) -> Path:
    """Return the file or folder of that name, in the current folder or in the cache. Raises
    BadInput when there is none, or it may not be opened."""
    path = expand(group, typed)
    if path.exists():
        allowed_files.check(path)
        check_regular(group, path)
        return path
    if (found := locate(typed)) is not None:
        check_regular(group, found)
        return found
    near = similar(path) or nearest(path.stem, choices.names(group))
    raise BadInput(f"{group}={shown(typed)}: there is no such file or folder{near}")


# ---- CLIPs ---------------------------------------------------------------------------------


def own_clip(typed: str) -> str | None:
    """Return the name in Hydra's store of a CLIP that is typed as a path, ARCHITECTURE::TAG or in
    OpenAI's spelling; None for one of conf/'s own."""
    if found := OPENAI.fullmatch(typed):
        arch = f"{found[1]}-{found[2]}{'-336' if found[3] else ''}"
        return keep("clip", typed, clip_node(typed, **tagged(typed, arch, "openai")))
    if "::" in typed:
        arch, _, tag = typed.partition("::")
        if is_path(tag) or "/" in tag:
            open_clip_registry.check_arch(f"clip={typed}", arch)
            refuse_repository("clip", tag)
            path = str(existing("clip", tag).absolute())
            reads = open_clip_registry.reads(arch)
            return keep("clip", typed, clip_node(typed, arch=arch, path=path, reads=reads))
        return keep("clip", typed, clip_node(typed, **tagged(typed, arch, tag)))
    if is_path(typed):
        place = existing("clip", typed)
        if place.suffix.lower() in CARDS:
            nodes = read_config(place, f"clip={place}")
            with told_behind(f"clip={place}"):
                build_all(nodes, "clip")  # which checks them
            return keep("clip", typed, nodes)
        return keep("clip", typed, clip_node(typed, path=str(place.absolute())))
    if typed in open_clip_registry.architectures() and typed not in choices.names(
        "clip"
    ):  # without a tag
        open_clip_registry.find_tag(f"clip={typed}", typed, "")
    return None


def ranking(typed: Any) -> dict[str, ClipCard]:
    """Return the cards that `rank=` names, by any name that `clip=` takes; none for null and auto.
    Raises BadInput for a name of none."""
    if typed is None or typed == AUTO:
        return {}
    if not isinstance(typed, str):
        raise BadInput(f"rank={typed} must be one name, as in rank=vit_l14")
    refuse_repository("rank", typed)
    try:
        name = own_clip(typed)
    except BadInput as error:
        raise BadInput(f"rank{str(error).removeprefix('clip')}") from error
    if name is not None:
        return build_all(ConfigStore.instance().load(f"clip/{name}.yaml").node, "rank")
    if typed not in choices.names("clip"):
        raise BadInput(not_one_of("rank", typed, [AUTO, *choices.names("clip")]))
    return build_all(read_config(conf_folder() / "clip" / f"{typed}.yaml"), "rank")


def tagged(typed: str, arch: str, tag: str) -> dict[str, Any]:
    """Return the facts of one of open_clip's pretrained models for a card."""
    hub = open_clip_registry.find_tag(f"clip={typed}", arch, tag)
    return dict(arch=arch, tag=tag, hub=hub, reads=open_clip_registry.reads(arch, tag))


def clip_node(typed: str, **found: Any) -> dict[str, Any]:
    """Return the node of a CLIP card, with defaults for facts that are not given."""
    unsaid = {f.name: f.default for f in fields(ClipCard) if f.default is not MISSING}
    card = {**unsaid, "reads": [], "name": typed, **found}
    return {typed: {"_target_": "clip/card", **card}}
