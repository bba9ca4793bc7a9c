"""models=list shows what there is and could be; models=download fetches what is chosen.

Imports no torch, unless a CLIP is fetched through open_clip.
"""

from collections.abc import Iterator

from omegaconf import DictConfig, OmegaConf

from guided.config import build, build_all, conf_folder
from guided.errors import BadInput, not_one_of
from guided.models.cards import ClipCard, ModelCard, WeightsCard, cache, keep_in, locate

ACTIONS = ("list", "download")


def run(action: str, cfg: DictConfig) -> None:
    if action not in ACTIONS:
        raise BadInput(not_one_of("models", action, ACTIONS))
    keep_in(cfg.cache)
    if action == "list":
        show()
        return
    from guided.models.download import fetch, fetch_clip

    print(f"model={cfg.model.name}: {fetch(build(cfg.model, 'model'))}")
    if cfg.secondary:
        print(f"secondary={cfg.secondary.name}: {fetch(build(cfg.secondary, 'secondary'))}")
    for name, card in build_all(cfg.clip, "clip").items():
        fetch_clip(card)
        print(f"clip={name}: there")


def show() -> None:
    """One line each: here or not, name, size, character."""
    for group in ("model", "secondary"):
        for name, card in weights(group):
            print(line(group, name, locate(card.file) is not None, card))
    for name, cards in clips():
        for card in cards:
            print(line("clip", name, card.here(), card))
    print(f"Models are kept in {cache()}, CLIPs in the hub's own cache; to fetch some:")
    print("python run.py models=download model=imagenet512 clip=[vit_b32,vit_b16,rn50]")


def line(group: str, name: str, here: bool, card: WeightsCard | ClipCard) -> str:
    mark = "here" if here else "    "
    return f"{mark}  {group}={name:<24} {card.megabytes:>5} MB  {card.character} ({card.licence})"


def weights(group: str) -> Iterator[tuple[str, WeightsCard]]:
    """The cards of a group: model or secondary."""
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        yield path.stem, build(OmegaConf.load(path), f"{group}={path.stem}")


def models() -> Iterator[tuple[str, ModelCard]]:
    yield from weights("model")


def clips() -> Iterator[tuple[str, list[ClipCard]]]:
    for path in sorted((conf_folder() / "clip").glob("*.yaml")):
        yield path.stem, list(build_all(OmegaConf.load(path), "clip").values())
