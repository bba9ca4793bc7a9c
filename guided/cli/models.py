"""models=list lists the models; models=download fetches those that are chosen."""

from collections.abc import Sequence

from omegaconf import DictConfig

from guided.config.card_list import clips, weights
from guided.config.schema import build, build_all
from guided.console import tell
from guided.errors import BadInput, not_one_of
from guided.models.cards import (
    VGG16,
    ClipCard,
    GeneratorCard,
    WeightsCard,
    cache,
    keep_in,
    locate,
)
from guided.paths import program

ACTIONS = ("list", "download")


def run(action: str, cfg: DictConfig, trust: bool = False) -> None:
    """List or download models. With `trust`, which the user must have typed, also what has no
    checksum. BadInput when there is no such action, or what is chosen cannot be had."""
    if action not in ACTIONS:
        raise BadInput(not_one_of("models", action, ACTIONS))
    keep_in(cfg.cache)
    if action == "list":
        show()
    else:
        download(cfg, trust)


def download(cfg: DictConfig, trust: bool = False) -> None:
    """Download all models that are chosen, each checked before the first byte is fetched."""
    from guided.config.catalog import ranking
    from guided.models.download import check, check_clip, fetch, fetch_clip

    used = build(cfg.generator, "generator").uses
    cards = [build(cfg.model, "model")] if "model" in used else []
    cards += [build(cfg.secondary, "secondary")] if cfg.secondary and "secondary" in used else []
    for guide in build_all(cfg.guide, "guide").values():
        cards += guide.networks()
    chosen = build_all(cfg.clip, "clip") | ranking(cfg.rank)
    for card in chosen.values():
        card.missing()
    known = {card.hub for _, cards in clips() for card in cards}
    for card in chosen.values():
        check_clip(card, known, trust)
    for card in cards:
        check(card, trust)
    for card in cards:
        tell(f"{card.GROUP}={card.name}: {fetch(card)}")
    for name, card in chosen.items():
        fetch_clip(card)
        tell(f"clip={name}: {card.place() if card.path else card.cached()}")


def show(groups: Sequence[str] = ("model", "secondary", VGG16.GROUP, "clip")) -> None:
    """Print a line for each model of some groups: whether it is here, name, size on disk and of
    its pictures, character, licence."""
    for group in ("model", "secondary"):
        for name, card in weights(group) if group in groups else ():
            size = "x".join(map(str, card.size)) if isinstance(card, GeneratorCard) else ""
            tell(line(group, name, state(card), size, card))
    if VGG16.GROUP in groups:
        tell(line(VGG16.GROUP, VGG16.name, state(VGG16), "", VGG16))
    for name, cards in clips() if "clip" in groups else ():
        for clip in cards:
            reads = f"reads {', '.join(clip.reads)}" if clip.reads else ""
            tell(line("clip", name, "here" if clip.here() else "", reads, clip))
    tell(f"Models are kept in {cache()}, CLIPs in the hub's own cache; to fetch some:")
    tell(f"  {program()} models=download model=imagenet512 clip=[vit_b32,vit_b16,rn50]")
    tell("Others: model=path/to/file.pt, clip=[ViT-B-32::laion400m_e32], clip=[path/to/folder]")


def state(card: WeightsCard) -> str:
    """Return whether a file of weights is here, damaged or missing (empty)."""
    if locate(card.file) is None:
        return ""
    return "here" if card.missing() is None else "damaged"


def line(group: str, name: str, state: str, size: str, card: WeightsCard | ClipCard) -> str:
    """Return the line of a model."""
    choice, about = f"{group}={name}", f"{card.character} ({card.licence})"
    if isinstance(card, WeightsCard) and card.urls and not card.sha256:
        about += ", no checksum known: trust=true downloads it"
    return f"{state:<7}  {choice:<29} {card.megabytes:>5} MB  {size:<17} {about}"
