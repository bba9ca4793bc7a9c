"""From settings of Disco Diffusion or DiscoArt to ours. Knows nothing about files.

A rule takes what it understands of what was given, and says what that is here. Whatever no rule
and no row of the table takes is left, and told.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from guided.disco.names import clip_card, model_card
from guided.disco.prompt_rules import prompts
from guided.disco.table import data, rows
from guided.disco.timed import number, product, tidy, timed, truth
from guided.disco.translation import Given, Translation, grouped
from guided.schedule import AUTO

NO_LIMIT = 1e9  # a clamp for those times of a run when it is off


def translate(program: str, said: Mapping[str, Any]) -> Translation:
    """Everything that a file says. ValueError names a setting of theirs that makes no sense."""
    given, out = Given(program, grouped(said)), Translation(look=program)
    for rule in (as_they_stand, *RULES):
        rule(given, out)
    reasons = {name: row.why for row in rows() if row.why for name in row.names(program)}
    for name in given.left():
        own = program == "discoart" and name.startswith("_")
        out.leave(name, reasons.get(name) or ("its program's own notes" if own else "not known"))
    return out


# ---- rules -----------------------------------------------------------------------------------


def as_they_stand(given: Given, out: Translation) -> None:
    """Settings that are the same here under another name."""
    for row in rows():
        for name in row.names(given.program) if row.reads else []:
            out.settings[row.ours] = read_as(row.reads, name, given.take(name), out)


def read_as(kind: str, name: str, value: Any, out: Translation) -> Any:
    if kind == "schedule":
        return timed(name, value, out.notes)
    return truth(name, value) if kind == "flag" else tidy(value)


def model(given: Given, out: Translation) -> None:
    name = str(given.take("diffusion_model"))
    found = model_card(name)
    if found:
        out.choices["model"] = found
    elif name == "custom":
        out.leave("diffusion_model=custom", "say model= and the path of the checkpoint")
    elif re.search(r"[\\/]|\.(pt|pth|safetensors)$", name):
        out.choices["model"] = name
    else:
        out.leave(f"diffusion_model={name}", "no card of that name; models=list shows what can be")


def clips(given: Given, out: Translation) -> None:
    """Disco's switches, or DiscoArt's list; their schedules and prompts find them by name."""
    schedules = given.take("clip_models_schedules") or {}
    chosen = []
    for name in asked_clips(given):
        card = clip_card(name)
        if card is None:
            out.leave(name, f"it has no card; clip=[{','.join([*chosen, name])}] takes it")
            continue
        chosen.append(card)
        if name in schedules:
            out.settings[f"clip.{card}.weight"] = timed(name, schedules[name], out.notes)
    for name in sorted(set(schedules) - set(asked_clips(given))):
        out.leave(f"clip_models_schedules of {name}", "that CLIP is not among clip_models")
    if chosen:
        out.choices["clip"] = list(dict.fromkeys(chosen))


def asked_clips(given: Given) -> list[str]:
    listed = given.take("clip_models")
    if listed:
        return [str(name) for name in (listed if isinstance(listed, list) else [listed])]
    switches = {k: v for k, v in given.said.items() if k in data()["clips"]}
    if given.program == "discoart" or not switches:
        return data()["default_clips"]
    return [data()["clips"][k] for k in switches if truth(k, given.take(k))]


def secondary(given: Given, out: Translation) -> None:
    used = timed("use_secondary_model", given.take("use_secondary_model"), out.notes)
    out.choices["secondary"] = "imagenet2" if used != 0 else "none"
    if used != 0:
        out.settings["generator.secondary"] = used


def sampler(given: Given, out: Translation) -> None:
    name, eta = str(given.take("diffusion_sampling_mode")), given.take("eta")
    if name not in ("ddim", "plms"):
        raise ValueError(f"diffusion_sampling_mode={name} is not one of ddim, plms")
    out.choices["sampler"] = name
    if name == "plms":
        out.notes.append("plms draws no noise: eta has no effect with it, there or here")
    elif eta == AUTO:
        out.settings["sampler.eta"] = AUTO
    else:
        out.settings["sampler.eta"] = number("eta", eta)


def clamp(given: Given, out: Translation) -> None:
    limit, used = given.take("clamp_max"), given.take("clamp_grad")
    limit = AUTO if limit == AUTO else timed("clamp_max", limit, out.notes)
    used = timed("clamp_grad", used, out.notes)
    if used in (0, 1):
        out.settings["generator.clamp"] = limit if used else None
    else:
        out.settings["generator.clamp"] = product(limit, used, off=NO_LIMIT)


def range_guide(given: Given, out: Translation) -> None:
    scale = timed("range_scale", given.take("range_scale"), out.notes)
    if given.program == "disco":
        if "range_scale" in given.said and scale != 0:
            out.notes.append(
                f"range_scale={scale} had no effect in Disco; guide.range.scale={scale} would have"
            )
        scale = 0
    out.settings["guide.range.scale"] = scale


def augmentations(given: Given, out: Translation) -> None:
    out.settings["cutouts.augment"] = not truth("skip_augs", given.take("skip_augs"))


def start(given: Given, out: Translation) -> None:
    """Where it starts from, how much is skipped, and how strongly it is held to it."""
    init, scale = given.take("init_image"), given.take("init_scale")
    perlin, mode = given.take("perlin_init"), given.take("perlin_mode") or "mixed"
    if truth("perlin_init", perlin):
        if mode not in ("mixed", "color", "gray"):
            raise ValueError(f"perlin_mode={mode} is not one of mixed, color, gray")
        if init:
            out.leave("init_image", "perlin_init takes its place")
        init = "perlin" if mode == "mixed" else f"perlin:{mode}"
    skip = given.take("skip_steps")
    out.settings["skip"] = skip if str(skip).endswith("%") else number("skip_steps", skip)
    if not init or init == "None":
        if "init_scale" in given.said:
            out.leave("init_scale", "there is no picture to start from")
        return
    out.settings["init"] = str(init)
    scale = timed("init_scale", scale, out.notes)
    if scale != 0:
        out.choices["guide"] = ["clip", "range", "smooth", "saturation", "likeness"]
        out.settings |= {"guide.likeness.scale": scale, "guide.likeness.metric": "lpips"}


def symmetry(given: Given, out: Translation) -> None:
    across = truth("use_horizontal_symmetry", given.take("use_horizontal_symmetry") or False)
    down = truth("use_vertical_symmetry", given.take("use_vertical_symmetry") or False)
    kinds = {(1, 1): "both", (1, 0): "horizontal", (0, 1): "vertical", (0, 0): "none"}
    out.settings["generator.symmetry"] = kinds[across, down]
    shares, steps = given.take("transformation_percent"), number("steps", given.values["steps"])
    if not isinstance(shares, list):
        raise ValueError(f"transformation_percent={shares} must be a list, as [0.09]")
    if not (across or down):
        return
    taken = steps - out.skipped(steps)
    positions = [int(taken * (1 - number("transformation_percent", share))) for share in shares]
    out.settings["generator.symmetry_at"] = [
        (999 - int(i * 1000 / steps)) / 1000 for i in positions if 0 <= i < taken
    ]


def canvas(given: Given, out: Translation) -> None:
    """Size, seed, how many, and the name: only where the file itself says so."""
    names = ("width", "height")
    size = given.take("width_height") if "width_height" in given.said else None
    sides = [given.take(name) for name in names]
    if size is None and all(name in given.said for name in names):
        size = sides
    if size is not None:
        if not isinstance(size, list) or len(size) != 2:
            raise ValueError(f"width_height={size} must be [width, height]")
        sides = [int(number("width_height", side)) for side in size]
        out.settings["size"] = [side // 64 * 64 for side in sides]
        if sides != out.settings["size"]:
            out.notes.append(f"size={sides} is rounded down to multiples of 64, as there")
    seed = given.take("seed") if "seed" in given.said else given.take("set_seed")
    if seed not in (None, "random_seed", ""):
        out.settings["seed"] = number("seed", seed)
    name = given.take("batch_name")
    if "batch_name" in given.said and name:
        out.settings["name"] = str(name)


def count(given: Given, out: Translation) -> None:
    batches, size = (number(n, given.take(n) or 1) for n in ("n_batches", "batch_size"))
    if {"n_batches", "batch_size"} & given.said.keys():
        out.settings["count"] = batches * size
        if size > 1:
            out.settings["batch_size"] = size
            out.notes.append(
                f"batch_size={size}: its pictures had one seed between them; here picture k of "
                f"{batches * size} has seed + k"
            )


def saves(given: Given, out: Translation) -> None:
    wanted = given.take("intermediate_saves")
    if isinstance(wanted, list):
        at = [number("intermediate_saves", step) + 1 for step in wanted]  # they count from 0
        out.settings |= {"output.steps.at": at, "output.steps.every": None}
    elif wanted:
        steps, skip = (number(n, given.values.get(n)) for n in ("steps", "skip_steps"))
        wanted = number("intermediate_saves", wanted)
        out.settings["output.steps.every"] = max(1, (steps - skip - 1) // (wanted + 1))


def long_prompts(given: Given, out: Translation) -> None:
    """Where they were not cut, a long one stopped the run."""
    given.take("truncate_overlength_prompt")


def shown_cutouts(given: Given, out: Translation) -> None:
    if truth("visualize_cuts", given.take("visualize_cuts") or False):
        out.choices["output"] = ["still", "steps", "sheet", "metrics", "progress", "cuts"]


RULES: tuple[Callable[[Given, Translation], None], ...] = (
    *(prompts, canvas, count, model, clips, secondary, sampler, start, clamp, range_guide),
    *(augmentations, symmetry, saves, long_prompts, shown_cutouts),
)
