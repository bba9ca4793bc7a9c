"""What a Disco Diffusion or DiscoArt user types here by habit, and what it is called here."""

from functools import cache

from guided.disco.model_names import clip_card, model_card
from guided.disco.table import data, rows

PROGRAMS = {"disco": "Disco Diffusion", "discoart": "DiscoArt"}


@cache
def old_names() -> dict[str, tuple[str, str]]:
    """Their name -> (whose it is, where it is now or why it is not)."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows():
        for program, title in PROGRAMS.items():
            for name in row.names(program):
                if name.isidentifier() and name != row.ours:
                    found.setdefault(name, (title, f"is {row.ours} here" if row.ours else row.why))
    return found


def old_setting(name: str) -> str | None:
    """A line about a setting of theirs, or None."""
    if name not in old_names():
        return None
    program, now = old_names()[name]
    where = now if now.startswith("is ") else f"is not here: {now}"
    return f"'{name}', which {program} has, {where}"


def old_choice(group: str, name: str) -> str | None:
    """What a checkpoint or CLIP of theirs is called here."""
    if group == "clip" and name in data()["clips"]:
        return clip_card(data()["clips"][name]) or data()["clips"][name]
    return model_card(name) if group == "model" and len(name) > 5 else None
