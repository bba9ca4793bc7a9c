"""Translation of Disco Diffusion's and DiscoArt's settings.

Each rule takes some of the given settings and adds their equivalent to the translation. Settings
that neither a rule nor the table takes are reported as having no equivalent.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from guided.disco.clip_rules import clips
from guided.disco.film_rules import films
from guided.disco.model_names import model_cards
from guided.disco.prompt_rules import prompts
from guided.disco.table import data, rows
from guided.disco.translation import Given, Translation, grouped
from guided.disco.values import number, product, text, timed, truth, two_sides
from guided.errors import is_number, shown
from guided.schedule import AUTO

SAMPLERS = ("ddim", "plms")
RANDOM = re.compile(r"\s*(random|<[^<>]*\|[^<>]*>)\s*", re.IGNORECASE)
NO_LIMIT = 1e9  # the clamp where it is switched off for a part of the run


def translate(program: str, settings: Mapping[str, Any]) -> Translation:
    """Return the translation of a file's settings. Raise ValueError, naming a setting of theirs,
    for an invalid value."""
    out = Translation(look=program)
    given = Given(program, grouped(without_random(settings, out)))
    for rule in (as_they_stand, *RULES):
        rule(given, out)
    reasons = {name: row.why for row in rows() if row.why for name in row.names(program)}
    for name in given.left():
        internal = program == "discoart" and name.startswith("_")
        unknown = "its program's own notes" if internal else "not known"
        out.leave(name, reasons.get(name) or unknown)
    return out


def without_random(settings: Mapping[str, Any], out: Translation) -> dict[str, Any]:
    """Return the settings without those that progrockdiffusion draws at random."""
    kept = {}
    for name, value in settings.items():
        if isinstance(value, str) and RANDOM.fullmatch(value) and "prompt" not in name:
            if not is_random(value) or "seed" not in name:
                out.leave(f"{name}={shown(value)}", "drawn at random there; say a value")
        else:
            kept[name] = value
    return kept


# ---- rules -----------------------------------------------------------------------------------


def is_auto(value: Any) -> bool:
    """Return whether a value is `auto`."""
    return isinstance(value, str) and value.strip().lower() == AUTO


def as_they_stand(given: Given, out: Translation) -> None:
    """Translate the settings that have only another name here."""
    for row in rows():
        for name in row.names(given.program) if row.reads else []:
            out.settings[row.ours] = read_as(row.reads, name, given.take(name), out)


def read_as(kind: str, name: str, value: Any, out: Translation) -> Any:
    """Return the value of a setting that the table calls a schedule, flag or number."""
    if kind == "automatic" and is_auto(value):
        return AUTO
    if kind in ("schedule", "automatic"):
        return timed(name, value, out.notes)
    if kind == "flag":
        return truth(name, value)
    return None if value is None else number(name, value)


def model(given: Given, out: Translation) -> None:
    """Translate the checkpoint: to a card, or a path."""
    name = text("diffusion_model", given.take("diffusion_model"))
    cards = model_cards(name)
    if len(cards) == 1:
        out.choices["model"] = cards[0]
    elif cards:
        out.leave(
            f"diffusion_model={shown(name)}",
            f"several names begin so: {', '.join(cards)}; say model=",
        )
    elif name == "custom":
        out.leave("diffusion_model=custom", "say model= and the path of the checkpoint")
    elif re.search(r"[\\/]|\.(pt|pth|safetensors)$", name):
        out.choices["model"] = name
    else:
        out.leave(
            f"diffusion_model={shown(name)}", "no card of that name; models=list shows what can be"
        )


def secondary(given: Given, out: Translation) -> None:
    """Translate the use of the secondary model, which may be a schedule."""
    used = timed("use_secondary_model", given.take("use_secondary_model"), out.notes)
    out.choices["secondary"] = "imagenet2" if used != 0 else "none"
    if used != 0:
        out.settings["generator.secondary"] = used


def sampler(given: Given, out: Translation) -> None:
    """Translate the sampler and its eta."""
    name = text("diffusion_sampling_mode", given.take("diffusion_sampling_mode"))
    if given.explicit.get("sampling_mode") in SAMPLERS:  # progrockdiffusion; Disco's is of films
        name = given.take("sampling_mode")
    eta = given.take("eta")
    if name not in SAMPLERS:
        raise ValueError(f"diffusion_sampling_mode={shown(name)} is not one of ddim, plms")
    out.choices["sampler"] = name
    if name == "plms":
        out.notes.append("plms draws no noise: eta has no effect with it, there or here")
    elif is_auto(eta):
        out.settings["sampler.eta"] = AUTO
    else:
        out.settings["sampler.eta"] = number("eta", eta)


def clamp(given: Given, out: Translation) -> None:
    """Translate the gradient's clamp and its switch, which may be schedules."""
    limit, used = given.take("clamp_max"), given.take("clamp_grad")
    limit = AUTO if is_auto(limit) else timed("clamp_max", limit, out.notes)
    used = timed("clamp_grad", used, out.notes)
    if used in (0, 1):
        out.settings["generator.clamp"] = limit if used else None
    elif limit == AUTO:
        raise ValueError("clamp_max=auto does not go with a schedule of clamp_grad")
    else:
        out.settings["generator.clamp"] = product(limit, used, off=NO_LIMIT)


def range_guide(given: Given, out: Translation) -> None:
    """Translate range_scale, which had no effect in Disco Diffusion."""
    scale = timed("range_scale", given.take("range_scale"), out.notes)
    if given.program == "disco":
        if "range_scale" in given.explicit and scale != 0:
            out.notes.append(
                f"range_scale={scale} had no effect in Disco; guide.range.scale={scale} would have"
            )
        scale = 0
    out.settings["guide.range.scale"] = scale


def augmentations(given: Given, out: Translation) -> None:
    """Translate skip_augs."""
    out.settings["cutouts.augment"] = not truth("skip_augs", given.take("skip_augs"))


def start(given: Given, out: Translation) -> None:
    """Translate the init picture or noise, the skipped steps and the scale of likeness to it."""
    init, scale = given.take("init_image"), given.take("init_scale")
    perlin, mode = given.take("perlin_init"), given.take("perlin_mode") or "mixed"
    if truth("perlin_init", perlin):
        if mode not in ("mixed", "color", "gray"):
            raise ValueError(f"perlin_mode={shown(mode)} is not one of mixed, color, gray")
        if init:
            out.leave("init_image", "perlin_init takes its place")
        init = "perlin" if mode == "mixed" else f"perlin:{mode}"
    skip = given.take("skip_steps")
    share = isinstance(skip, str) and skip.endswith("%")
    skipped = number("skip_steps", skip[:-1] if share else skip)
    out.settings["skip"] = f"{skipped}%" if share else skipped
    if not init:
        if "init_scale" in given.explicit:
            out.leave("init_scale", "there is no picture to start from")
        return
    out.settings["init"] = text("init_image", init)
    scale = timed("init_scale", scale, out.notes)
    if scale != 0:
        out.choices["guide"] = ["clip", "range", "smooth", "saturation", "likeness"]
        out.settings |= {"guide.likeness.scale": scale, "guide.likeness.metric": "lpips"}


def symmetry(given: Given, out: Translation) -> None:
    """Translate the symmetries and the steps at which they are applied, in progress."""
    across = truth("use_horizontal_symmetry", given.take("use_horizontal_symmetry") or False)
    down = truth("use_vertical_symmetry", given.take("use_vertical_symmetry") or False)
    kinds = {(1, 1): "both", (1, 0): "horizontal", (0, 1): "vertical", (0, 0): "none"}
    out.settings["generator.symmetry"] = kinds[across, down]
    shares, steps = given.take("transformation_percent"), number("steps", given.values["steps"])
    shares = shares if isinstance(shares, list) else [shares]
    shares = [number("transformation_percent", share) for share in shares]
    if not (across or down):
        return
    taken = steps - out.skipped(steps)
    positions = [int(taken * (1 - share)) for share in shares]
    if outside := [
        share for share, i in zip(shares, positions, strict=True) if not 0 <= i < taken
    ]:
        out.leave(f"transformation_percent={outside}", "no step of the run is there")
    out.settings["generator.symmetry_at"] = [
        (999 - int(i * 1000 / steps)) / 1000 for i in positions if 0 <= i < taken
    ]


def canvas(given: Given, out: Translation) -> None:
    """Translate size, seed and name if the file itself sets them."""
    names = ("width", "height")
    size = given.take("width_height") if "width_height" in given.explicit else None
    sides = [given.take(name) for name in names]
    if size is None and all(name in given.explicit for name in names):
        size = sides
    size = size_for_model(given, out) if size is None else size
    if size is not None:
        sides = two_sides("width_height", size)
        out.settings["size"] = [side // 64 * 64 for side in sides]
        if sides != out.settings["size"]:
            out.notes.append(f"size={sides} is rounded down to multiples of 64, as there")
    seed = given.take("seed") if "seed" in given.explicit else given.take("set_seed")
    if not is_random(seed):
        out.settings["seed"] = number("seed", seed)
    name = given.take("batch_name")
    if "batch_name" in given.explicit and name:
        out.settings["name"] = text("batch_name", name)


def is_random(seed: Any) -> bool:
    """Return whether a seed stands for one that is drawn, in Disco or in programs like it."""
    typed = seed.strip().lower() if isinstance(seed, str) else seed
    return typed in (None, "", "-1", "random", "random_seed") or (typed == -1 and is_number(typed))


def size_for_model(given: Given, out: Translation) -> Any:
    """Return the size that Disco's notebook has for models of 256 or of 512 pixels, or None."""
    sizes = {side: given.take(f"width_height_for_{side}x{side}_models") for side in (256, 512)}
    kind = 256 if given.values["diffusion_model"] in data()["models_256"] else 512
    name = f"width_height_for_{kind}x{kind}_models"
    other = f"width_height_for_{768 - kind}x{768 - kind}_models"
    if other in given.explicit:
        out.leave(other, "the model is of the other kind")
    return sizes[kind] if name in given.explicit else None


def count(given: Given, out: Translation) -> None:
    """Translate the number of pictures."""
    names = ("n_batches", "batch_size")
    batches, size = (number(n, 1 if given.take(n) is None else given.values[n]) for n in names)
    if {"n_batches", "batch_size"} & given.explicit.keys():
        out.settings["count"] = batches * size
        if size > 1:
            out.settings["batch_size"] = size
            out.notes.append(
                f"batch_size={size}: its pictures had one seed between them; here picture k of "
                f"{batches * size} has seed + k"
            )


def device(given: Given, out: Translation) -> None:
    """Translate useCPU; False leaves the device automatic."""
    if truth("useCPU", given.take("useCPU") or False):
        out.settings["device"] = "cpu"


def kept_pictures(given: Given, out: Translation) -> None:
    """Report image_output=False, which has no equivalent."""
    value = given.take("image_output")
    if not truth("image_output", True if value is None else value):
        out.leave("image_output=False", "a picture's file is all that keeps it here")


def saves(given: Given, out: Translation) -> None:
    """Translate the steps after which the image is saved."""
    wanted, steps = given.take("intermediate_saves"), number("steps", given.values["steps"])
    if isinstance(wanted, list):
        at = [number("intermediate_saves", step) for step in wanted]  # they count from 0
        at = [int(step * steps) if 0 < step < 1 else step for step in at]  # progrockdiffusion
        out.settings |= {"output.steps.at": [n + 1 for n in at], "output.steps.every": None}
    elif wanted and (wanted := number("intermediate_saves", wanted)):
        if wanted < 0 or wanted != int(wanted):
            raise ValueError(f"intermediate_saves={wanted} must be a whole number of 0 or more")
        every = int(steps - out.skipped(steps) - 1) // (wanted + 1)
        out.settings["output.steps.every"] = max(1, every)


def long_prompts(given: Given, out: Translation) -> None:
    """Take truncate_overlength_prompt: without it Disco stopped at a long prompt."""
    given.take("truncate_overlength_prompt")


def more_outputs(given: Given, out: Translation) -> None:
    """Translate visualize_cuts, and gif_fps if the file sets it: DiscoArt makes a GIF by default,
    which is none here."""
    outputs = ["still", "steps", "sheet", "metrics", "progress"]
    if truth("visualize_cuts", given.take("visualize_cuts") or False):
        outputs.append("cuts")
    fps = number("gif_fps", given.take("gif_fps") or 0)
    if "gif_fps" in given.explicit and fps > 0:
        outputs.append("video")
        out.settings |= {"output.video.format": "gif", "output.video.fps": min(fps, 50)}
    if len(outputs) > 5:
        out.choices["output"] = outputs


RULES: tuple[Callable[[Given, Translation], None], ...] = (
    *(prompts, canvas, count, model, clips, secondary, sampler, start, clamp, range_guide),
    *(films, augmentations, symmetry, device, saves, kept_pictures, long_prompts, more_outputs),
)
