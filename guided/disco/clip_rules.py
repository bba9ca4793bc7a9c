"""CLIPs of Disco Diffusion and DiscoArt, as ours: a card of conf/clip where there is one, else
open_clip's ARCH::TAG, which clip= takes too. Loads nothing; imports no torch."""

import re
from typing import Any

from guided.disco.model_names import clip_card, open_clip_name
from guided.disco.table import data
from guided.disco.translation import Given, Translation
from guided.disco.values import text, timed, truth
from guided.errors import shown

NO_CARD = "a CLIP without a card has no setting of its own; write it a card, as in conf/clip"


def clips(given: Given, out: Translation) -> None:
    """Disco's switches, or DiscoArt's list; their schedules find them by name."""
    chosen = chosen_clips(given)
    schedules = given.take("clip_models_schedules") or {}
    if not isinstance(schedules, dict):
        raise ValueError(
            f"clip_models_schedules={shown(schedules)} must be a schedule for each CLIP's name"
        )
    for name, weight in schedules.items():
        ours = our_clip("clip_models_schedules", name)
        if ours not in chosen:
            out.leave(f"clip_models_schedules of {name}", "that CLIP is not among clip_models")
        elif "::" in ours:
            out.leave(f"clip_models_schedules of {name}", NO_CARD)
        else:
            out.settings[f"clip.{ours}.weight"] = timed(str(name), weight, out.notes)
    out.choices["clip"] = chosen
    if not chosen:
        out.notes.append("every CLIP is off there, and so it is here; say which with clip=")


def chosen_clips(given: Given) -> list[str]:
    """What clip= is to be; empty only where the file turns every CLIP off."""
    return list(dict.fromkeys(our_clip("clip_models", name) for name in asked_clips(given)))


def asked_clips(given: Given) -> list[Any]:
    listed = given.take("clip_models")
    if listed is not None:
        return listed if isinstance(listed, list) else [listed]
    switches = {k: v for k, v in given.said.items() if k in data()["clips"]}
    if given.program == "discoart" or not switches:
        return data()["default_clips"]
    return [data()["clips"][k] for k in switches if truth(k, given.take(k))]


def our_clip(setting: str, name: Any) -> str:
    """A card, or ARCH::TAG. ValueError for what could be neither."""
    typed = text(setting, name)
    found = clip_card(typed) or open_clip_name(typed)
    if not re.fullmatch(r"[\w.:-]+", found, re.ASCII):
        raise ValueError(f"{setting} has {shown(typed)!r}, which is no CLIP as ViT-B-32::openai")
    return found
