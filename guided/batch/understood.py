"""show=true: the meaning of a command as YAML, without drawing or leaving anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guided.batch import asked, request_checks
from guided.batch.asked import Words, composer_of
from guided.batch.planning import is_shared, original_cwd, planned
from guided.config import replay
from guided.config.composer import Composer
from guided.config.composition import own_folders
from guided.config.messages import BAD, say, say_of_row
from guided.config.overrides import Override, values_of
from guided.config.plan import Plan, plain
from guided.config.replay import Record
from guided.config.values import trusted_row
from guided.errors import BadInput
from guided.prompts.prompt import Prompt, as_list, read_all, spelt_out
from guided.runs import record
from guided.runs.layout import JOBS, MANIFEST
from guided.runs.manifest import DONE, Manifest, Row
from guided.schedule import STEP, Schedule
from guided.untrusted import allowed_files
from guided.untrusted.run_folder import check_folder

MOST = 50  # rows, and seeds of a row
LASTING = ("where", "wrong", "seeds")  # keys of a row that are never those of all rows


def text(words: Sequence[Override], flags: Sequence[str]) -> str:
    """Return the meaning of the words of a command that draws. Raises BadInput, or an error of
    Hydra, if no row can be drawn."""
    typed = Words.of(words)
    with typed.limited(flags, None):
        request = typed.rows(flags, None)
        return described(request.composer, request.rows, estimated=True)


def text_again(recorded: Record, words: Sequence[Override], flags: Sequence[str]) -> str:
    """Return the settings with which from= draws, which from= reads again, and the meaning
    of them."""
    typed = Words.of(words)
    with typed.limited(flags, recorded):
        settings = replay.text(recorded, typed.settings, flags)
        try:
            request = typed.rows(flags, recorded)
            return settings + described(request.composer, request.rows, estimated=False)
        except BAD as error:
            return settings + record.as_yaml({"understood": {"wrong": say(error)}})


def text_of_folder(words: Sequence[Override]) -> str:
    """Return the rows of the pictures that are not done, which resume= draws."""
    typed = Words.of(words)
    values = values_of([*typed.hydras, *typed.settings])
    request_checks.check_resuming(values)
    folder = asked.find_folder(values["resume"], values.get("folder", "outputs"))
    check_folder(folder, JOBS)  # it is untrusted
    manifest = Manifest.read(folder)
    left = {picture.row for picture in manifest.pictures if picture.state != DONE}
    rows = [trusted_row(row) for number, row in enumerate(manifest.rows) if number in left]
    if not rows:
        return record.as_yaml({"understood": {"pictures": 0}})
    with (
        allowed_files.limited(f"resume={folder}", values_of(typed.trust), own_folders([])),
        original_cwd(manifest.base.get("cwd")),
    ):
        composer = composer_of(manifest.base, str(folder / MANIFEST))
        return described(composer, rows, estimated=True)


def described(composer: Composer, rows: Sequence[Row], estimated: bool) -> str:
    """Return the rows as YAML: their common settings, and the rest of each."""
    described, plans, errors = [], [], []
    for row in rows:
        try:
            with planned(composer, row, weights=False) as (plan, composed):
                described.append(of_row(plan, composed.cfg, row))
                plans.append(plan)
        except BAD as error:
            errors.append(error)
            if row is rows[0] and is_shared(error, composer, rows):
                break
            wrong = say_of_row(row.where, error).removeprefix(f"{row.where}: ")
            described.append({"where": row.where, "wrong": wrong})
    if not plans:
        raise BadInput(say_of_row(rows[0].where, errors[0])) from errors[0]
    found = shared(described)
    found["pictures"] = sum(plan.count for plan in plans)
    if len(rows) > MOST:
        found["rows"] = [*found["rows"][:MOST], f"and {len(rows) - MOST} more"]
    if estimated:
        found["estimate"] = estimate(plans)
    return record.as_yaml({"understood": found})


def shared(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one row, or the common settings of all rows and, as `rows`, the rest of each."""
    if len(rows) == 1:
        return dict(rows[0])
    right = [row for row in rows if "wrong" not in row]
    names = [name for name in right[0] if name not in LASTING]
    common = {
        name: right[0][name]
        for name in names
        if all(name in row and row[name] == right[0][name] for row in right)
    }
    rest = [{name: row[name] for name in row if name not in common} for row in rows]
    return common | {"rows": rest}


def of_row(plan: Plan, cfg: Any, row: Row) -> dict[str, Any]:
    """Return the meaning of one row."""
    regions = [one for one in plan.prompts if one.region]
    laid_out = cfg.layout is not None and not plain(cfg.regions)  # the prompts are regions
    asked = None if laid_out else plain(cfg.prompt)
    count = len(read_all(spelt_out(asked, "prompt"), "prompt", 1.0))
    images = len(as_list(spelt_out(plain(cfg.image_prompt), "image_prompt")))
    end = len(plan.prompts) - len(regions) - images
    seeded = cfg.seed is not None
    parts = {
        "where": row.where,
        "prompts": [of_prompt(one) for one in plan.prompts[:count]],
        "negative": [of_prompt(one) for one in plan.prompts[count:end]],
        "image_prompts": [of_prompt(one) for one in plan.prompts[end : end + images]],
        "regions": [of_region(one, plan) for one in regions],
        "drawn_as": drawn_as(plan, seeded),
        "read_as": plan.understood(plan.seed),
        "rendered": plan.manner_of(plan.seed),
        "models": [plan.drawn_with],
        "clips": list(plan.clips),
        "guides": list(plan.guides),
        "sizes": [list(plan.size)],
        "steps": plan.steps - plan.skip,
        "pictures": plan.count,
        "seeds": seeds(plan) if seeded else "random",
        "outputs": list(plan.outputs),
        "missing": plan.missing(),
    }
    optional = ("where", "image_prompts", "regions", "drawn_as", "read_as", "missing")
    return {name: part for name, part in parts.items() if part or name not in optional}


def of_prompt(prompt: Prompt) -> dict[str, Any]:
    """Return a prompt as plain data: text or image, weight, and its limits."""
    weight = prompt.weight
    found: dict[str, Any] = {"image" if prompt.image else "text": prompt.image or prompt.text}
    found["weight"] = of_schedule(weight) if isinstance(weight, Schedule) else weight
    if prompt.clips:
        found["clips"] = list(prompt.clips)
    if (prompt.begins, prompt.ends) != (0.0, 1.0):
        found |= {"from": prompt.begins, "until": prompt.ends}
    return found


def of_region(prompt: Prompt, plan: Plan) -> dict[str, Any]:
    """Return a region's prompt as plain data, with its place: box, mask or layout."""
    assert prompt.region is not None
    if prompt.region.slot is not None:
        place: dict[str, Any] = {"layout": plan.layout}
    elif prompt.region.mask:
        place = {"mask": prompt.region.mask}
    else:
        place = {"box": list(prompt.region.box)}
    return place | of_prompt(prompt)


def of_schedule(schedule: Schedule) -> Any:
    """Return a schedule as it is written in YAML: a number, or pairs [progress, value]."""
    if schedule.constant:
        return schedule.values[0]
    pairs = [list(pair) for pair in zip(schedule.starts, schedule.values, strict=True)]
    return pairs if schedule.way == STEP else {schedule.way: pairs}


def drawn_as(plan: Plan, seeded: bool) -> list[str]:
    """Return the texts of the first picture, with wildcards replaced and the words of artists and
    looks; none if they are those of the prompts, or depend on a random seed."""
    texts = [one.text for one in plan.prompts]
    if not seeded and [one.text for one in plan.decided(plan.seed)] != texts:
        return []
    drawn = [one.text for one in plan.prompts_of(plan.seed)]
    return drawn if drawn != texts else []


def seeds(plan: Plan) -> list[Any]:
    """Return the seeds of the pictures of a row, MOST at most."""
    found: list[Any] = [plan.seed + k for k in range(min(plan.count, MOST))]
    return found + [f"to {plan.seed + plan.count - 1}"] * (plan.count > MOST)


def estimate(plans: Sequence[Plan]) -> dict[str, Any]:
    """Return the estimate of all pictures, by the models of the first row that are all there."""
    from guided.batch.estimate import Estimate

    here = [plan for plan in plans if not plan.missing()]
    if not here:
        return {"time": "not known before the weights are here", "memory": "not known either"}
    return Estimate.of(here[0]).as_dict(plans)
