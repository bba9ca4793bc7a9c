"""Leaving out of what import= prints those settings that this program would refuse, each with a
note of the reason."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote

from guided.config.composer import Composed, Composer
from guided.config.messages import BAD, say
from guided.config.overrides import Override, parse
from guided.config.plan import Plan, check_models
from guided.config.values import typed
from guided.console import warnings_collected
from guided.disco.translation import Translation
from guided.errors import BadInput, Untold, shown
from guided.untrusted.typed_paths import impossible

FIRST = "init"  # a choice of guides may need it
PROMPTS = ("prompt", "image_prompt", "animate.prompts")


def runnable(found: Translation) -> Translation:
    """Return the translation without the choices and settings that the program refuses."""
    with warnings_collected() as lines:
        kept = found if refusal(found) is None else one_by_one(found)
        notes = list(kept.notes)
        missing = missing_weights(kept)
    if not any(name in kept.settings for name in PROMPTS):
        notes.append('the file has no prompt, so prompt="..." must stand beside it')
    return replace(kept, notes=notes + lines + missing)


def words(found: Translation) -> list[Override]:
    """Return the words that draw it, with double quotes inside, since a shell's are single."""
    looks = [parse(f"look={found.look}")] if found.look else []
    chosen = [parse(choice(*one)) for one in found.choices.items()]
    return looks + chosen + as_words(found.settings)


def as_words(settings: Mapping[str, Any]) -> list[Override]:
    """Return settings as words, with double quotes inside."""
    return [typed(name, value, Quote.double) for name, value in settings.items()]


def choice(group: str, names: Any) -> str:
    """Return the word that chooses from a group."""
    return f"{group}=[{','.join(names)}]" if isinstance(names, list) else f"{group}={names}"


def one_by_one(found: Translation) -> Translation:
    """Return the translation of those parts that the program takes beside the ones before."""
    first = {name: value for name, value in found.settings.items() if name == FIRST}
    others = {name: value for name, value in found.settings.items() if name != FIRST}
    kept = replace(found, choices={}, settings={}, notes=list(found.notes))
    parts = [("settings", first), ("choices", found.choices), ("settings", others)]
    for kind, values in parts:
        for name, value in values.items():
            more = replace(kept, **{kind: getattr(kept, kind) | {name: value}})
            why = refusal(more)
            if why is not None and name == "size" and (fitting := fitting_size(kept, value)):
                instead = " ".join(word.raw for word in as_words(fitting))
                kept.notes.append(f"size={value} is not drawn here: the nearest is {instead}")
                more = replace(kept, settings=kept.settings | fitting)
                why = refusal(more)
            elif why is not None and name == "clip" and len(value) > 1:
                # Those that are known guide all the same.
                known = [one for one in value if not refusal(with_clips(kept, [one]))]
                kept.notes += [f"left out: clip={shown(one)}" for one in value if one not in known]
                more, why = with_clips(kept, known), why if not known else None
            if why is None:
                kept = more
            else:
                kept.notes.append(f"left out: {why}")
    return kept


def with_clips(found: Translation, clips: list[str]) -> Translation:
    """Return the translation with these CLIPs."""
    return replace(found, choices=found.choices | {"clip": clips})


def refusal(found: Translation) -> str | None:
    """Return the reason why the program refuses the settings, or None. Weights need not be
    there."""
    if (path := model_path(found)) and (impossible(path) or not Path(path).is_file()):
        return f"model={shown(path)}: the file is not there"
    try:
        with planned(found):
            return None
    except BAD as error:
        return say(error)


@contextmanager
def planned(found: Translation) -> Iterator[tuple[Plan, Composed]]:
    """Yield the plan and the configuration of a translation, with a prompt if it has none. A model
    of a file is left out: nobody but the file with the settings has named it so far."""
    if model_path(found):
        found = replace(found, choices={k: v for k, v in found.choices.items() if k != "model"})
    every = words(found)
    if not any(name in found.settings for name in PROMPTS):
        every.append(parse("prompt=a red heart"))
    plain = [word for word in every if word.name in found.settings or word.name == "prompt"]
    with composer(tuple(word for word in every if word not in plain)).row(plain) as composed:
        yield Plan.read(composed.cfg, composed.build, weights=False), composed


@lru_cache(4)
def composer(chosen: tuple[Override, ...]) -> Composer:
    """Return the composer of the settings beside choices, which are composed once."""
    return Composer(list(chosen))


def model_path(found: Translation) -> str:
    """Return the path of a checkpoint that is chosen; empty if it is a card."""
    name = str(found.choices.get("model", ""))
    return name if any(sign in name for sign in "./\\") else ""


def fitting_size(found: Translation, size: Any) -> dict[str, Any] | None:
    """Return the settings of the nearest picture that the model draws; None for sides below 1."""
    if not isinstance(size, list) or not all(isinstance(side, int) and side > 0 for side in size):
        return None
    with planned(found) as (plan, _):
        width, height = map(plan.sizes.nearest, size)
        if plan.sizes.is_noise((width, height)):
            drawn, times = plan.sizes.enlarged((width, height))
            return {"size": drawn, "output.still.enlarge": times}
    return {"size": [width, height]} if [width, height] != size else None


def missing_weights(found: Translation) -> list[str]:
    """Return a note with the command that fetches the weights that are not here yet."""
    try:
        with planned(found) as (plan, _):
            check_models(plan.generator_cards, plan.clips | plan.judges, plan.guides)
    except Untold:
        raise
    except BadInput as error:
        command = str(error).partition("Fetch with: ")[2]
        return [f"its weights are not here yet; fetch them with {command}"] if command else []
    return []
