"""Translation of Disco Diffusion's and DiscoArt's CLIPs: to a card of conf/clip if there is one,
else to open_clip's ARCH::TAG, which clip= accepts too. Imports no torch."""

import re
from typing import Any

from guided.disco.model_names import clip_card, open_clip_name
from guided.disco.table import data
from guided.disco.translation import Given, Translation
from guided.disco.values import number, text, timed, truth
from guided.errors import is_number, shown

NO_CARD = "a CLIP without a card has no setting of its own; write it a card, as in conf/clip"


def clips(given: Given, out: Translation) -> None:
    """Translate Disco's switches or DiscoArt's list, and the schedules of their weights."""
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
    for switch, name in data()["clips"].items() if given.program == "disco" else ():
        if switch in given.explicit and 0 < (weight := share(given, switch)) < 1:
            if "::" in (ours := our_clip(switch, name)):
                out.leave(f"{switch}={weight}", NO_CARD)
            else:
                out.settings[f"clip.{ours}.weight"] = weight
    out.choices["clip"] = chosen
    if not chosen:
        out.notes.append("every CLIP is off in it; say which with clip=")


def chosen_clips(given: Given) -> list[str]:
    """Return the value of clip=; empty only if the file turns every CLIP off."""
    return list(dict.fromkeys(our_clip("clip_models", name) for name in their_clips(given)))


def their_clips(given: Given) -> list[Any]:
    """Return the chosen CLIPs by their names in Disco Diffusion or DiscoArt."""
    listed = given.take("clip_models")
    if listed is not None:
        return listed if isinstance(listed, list) else [listed]
    usual, clips = data()["default_clips"], data()["clips"]
    if given.program == "discoart":
        return usual
    chosen = []
    for switch, name in clips.items():
        if switch in given.explicit:
            chosen += [name] if share(given, switch) else []
        elif name in usual and not any(clips.get(other) == name for other in given.explicit):
            chosen.append(name)
    return chosen


def share(given: Given, switch: str) -> Any:
    """Return the weight of a CLIP by its switch: 0 or 1, or between them in progrockdiffusion."""
    value = given.take(switch)
    weight = number(switch, value) if is_share(value) else int(truth(switch, value))
    if not 0 <= weight <= 1:
        raise ValueError(f"{switch}={shown(value)} must be true or false, or from 0 to 1")
    return weight


def is_share(value: Any) -> bool:
    """Return whether it is a number."""
    return is_number(value) or (isinstance(value, str) and bool(re.fullmatch(r"[\d.]+", value)))


def our_clip(setting: str, name: Any) -> str:
    """Return the name of a card, or ARCH::TAG. Raise ValueError if it can be neither."""
    theirs = text(setting, name)
    ours = clip_card(theirs) or open_clip_name(theirs)
    if not re.fullmatch(r"[\w.:-]+", ours, re.ASCII):
        raise ValueError(f"{setting} has {shown(theirs)!r}, which is no CLIP as ViT-B-32::openai")
    return ours
