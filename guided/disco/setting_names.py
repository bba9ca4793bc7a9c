"""Names of Disco Diffusion's and DiscoArt's settings, for messages to those who type them."""

from functools import cache

from guided.disco.model_names import clip_card, model_card
from guided.disco.table import data, rows

PROGRAMS = {"disco": "Disco Diffusion", "discoart": "DiscoArt"}


@cache
def old_names() -> dict[str, tuple[str, str]]:
    """Return, by the old name, the program's title and a remark: `is ... here`, or why there is no
    such setting."""
    names: dict[str, tuple[str, str]] = {}
    for row in rows():
        for program, title in PROGRAMS.items():
            for name in row.names(program):
                if name.isidentifier() and name != row.ours:
                    here = ", ".join(filter(None, [f"is {row.ours} here", row.hint]))
                    names.setdefault(name, (title, here if row.ours else row.why))
    return names


def old_setting(name: str) -> str | None:
    """Return a message about an old setting, or None if the name is none."""
    if name not in old_names():
        return None
    program, remark = old_names()[name]
    where = remark if remark.startswith("is ") else f"is not here: {remark}"
    return f"'{name}', which {program} has, {where}"


def old_choice(group: str, name: str) -> str | None:
    """Return the name here of their checkpoint or CLIP, or None."""
    if group == "clip" and name in data()["clips"]:
        return clip_card(data()["clips"][name]) or data()["clips"][name]
    return model_card(name) if group == "model" and len(name) > 5 else None
