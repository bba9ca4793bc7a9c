"""models=list lists the models; models=download fetches those that are chosen."""

from collections.abc import Sequence

from omegaconf import DictConfig

from guided.config import card_list
from guided.config.card_list import GROUPS, clips, state
from guided.config.schema import build, build_all
from guided.console import tell
from guided.errors import BadInput, not_one_of
from guided.models.cards import (
    PARTS,
    ClipCard,
    GeneratorCard,
    WeightsCard,
    cache,
    film_cards,
    keep_in,
)
from guided.paths import program

ACTIONS = ("list", "download")


def run(action: str, cfg: DictConfig, trust: bool = False) -> None:
    """List or download models. With `trust`, which the user must have typed, also those without
    checksum. Raise BadInput for an unknown action, or a choice that cannot be downloaded."""
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
    cards += film_cards(build(cfg.animate, "animate").networks) if cfg.animate else []
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


def show(groups: Sequence[str] = ("model", "secondary", "parts", "clip")) -> None:
    """Print a line for each model of some groups: whether it is here, name, size on disk and of
    its pictures, character, licence."""
    for group in groups:
        for part in PARTS if group == "parts" else ():
            tell(line(part.GROUP, part.name, part))
        for _, name, card in card_list.cards([group]) if group in GROUPS else ():
            tell(line(group, name, card))
    tell(f"Models are kept in {cache()}, CLIPs in the hub's own cache; to fetch some:")
    tell(f"  {program()} models=download model=imagenet512 clip=[vit_b32,vit_b16,rn50]")
    tell("Others: model=path/to/file.pt, clip=[ViT-B-32::laion400m_e32], clip=[path/to/folder]")


def line(group: str, name: str, card: WeightsCard | ClipCard) -> str:
    """Return the line of a model."""
    choice, about = f"{group}={name}", f"{card.character} ({card.licence})"
    if isinstance(card, WeightsCard) and card.urls and not card.sha256:
        about += ", no checksum known: trust=true downloads it"
    here = state(card).replace("missing", "")
    return f"{here:<7}  {choice:<29} {card.megabytes:>5} MB  {draws_or_reads(card):<17} {about}"


def draws_or_reads(card: WeightsCard | ClipCard) -> str:
    """Return the size of a diffusion model's pictures, or the scripts that a CLIP reads."""
    if isinstance(card, ClipCard):
        return f"reads {', '.join(card.reads)}" if card.reads else ""
    return "x".join(map(str, card.size)) if isinstance(card, GeneratorCard) else ""
