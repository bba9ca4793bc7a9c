"""A picture as it is answered, with what is needed to draw it again, and two side by side."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from guided.config.overrides import parse_all
from guided.gallery import plots
from guided.gallery.making import flat
from guided.gallery.reading import finite, items, mapping, settings_of
from guided.paths import PROGRAM
from guided.runs.layout import METRICS
from guided.studio import form
from guided.studio.files_by_id import run_id
from guided.studio.library import Item, Library

NOT_COMPARED = ("words", "version", "score", "files", "understood", "rendered", "doubt")


def shown(
    library: Library, item: Item, favourites: set[str], predictions: Mapping[str, str]
) -> dict[str, Any]:
    """Return a picture as lists have it."""
    width, height = library.size(item)
    address, version = f"/pictures/{item.id}", f"?v={int(item.time)}"
    return {
        "id": item.id,
        "run": run_id(item.run),
        "prediction": predictions.get(item.run),
        "number": item.number,
        "made": item.made,
        "time": item.time,
        "prompt": item.prompt,
        "unwanted": item.unwanted,
        "seed": item.seed,
        "score": finite(item.score),
        "seconds": finite(item.seconds),
        "width": width,
        "height": height,
        **item.names,
        "favourite": item.id in favourites,
        "trashed": item.trashed,
        "thumb": f"{address}/thumb{version}",
        "file": f"{address}/file{version}",
        "film": f"{address}/films/{item.film.rpartition('.')[2]}" if item.film else None,
    }


def details(library: Library, item: Item, flags: Sequence[str]) -> dict[str, Any]:
    """Return what the lightbox shows of a picture beside it. KeyError if its file is gone."""
    settings = settings_of(library.path(item))
    words = [word for word in items(settings.get("words")) if isinstance(word, str)]
    return {
        "input": input_of(settings, words, flags),
        "settings": plain(settings),
        "command": command_of(words, settings.get("seed")),
        "steps": [
            {"step": step, "url": f"/pictures/{item.id}/steps/{step}"}
            for step in sorted(library.steps(item))
        ],
        "curves": curves(library, item),
        "films": {name: f"/pictures/{item.id}/films/{name}" for name in library.films(item)},
    }


def command_of(words: Sequence[str], seed: Any) -> str:
    """Return the command that draws a picture with its seed, in place of the seed of its run; ""
    where nobody knows what was typed."""
    others = [word.raw for word in parse_all(words) if word.name != "seed"]
    return shlex.join([*PROGRAM, *others, f"seed={seed}"]) if words else ""


def input_of(
    settings: Mapping[str, Any], words: Sequence[str], flags: Sequence[str]
) -> dict[str, Any]:
    """Return the input of a prediction that draws a picture again, as far as the form has what was
    typed for it; files that it named are left out."""
    known = form.by_name(tuple(flags))
    found: dict[str, Any] = {}
    for override in parse_all(words):
        listed = known.get(override.name)
        if listed is None or listed[0].file or override.text is None:
            continue
        prose = listed[0].name in ("prompt", "negative")
        found[override.name] = override.text if prose else override.value
    seed = settings.get("seed")
    return found | ({"seed": seed} if isinstance(seed, int) else {})


def plain(value: Any) -> Any:
    """Return settings of a file as JSON has them."""
    if isinstance(value, Mapping):
        return {str(key): plain(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inside) for inside in value]
    if isinstance(value, float):
        return finite(value)
    return value if isinstance(value, str | int | bool) or value is None else str(value)


def curves(library: Library, item: Item) -> dict[str, list[Any]]:
    """Return the similarity and the sum of the losses by steps."""
    of_picture = plots.curves(library.folder(item) / METRICS, {item.number})[item.number]
    similarity = of_picture.get("similarity", {})
    losses = [curve for name, curve in of_picture.items() if name.startswith("loss ")]
    steps = sorted({step for curve in (similarity, *losses) for step in curve})
    return {
        "step": steps,
        "similarity": [similarity.get(step) for step in steps],
        "loss": [sum(curve.get(step, 0.0) for curve in losses) for step in steps],
    }


def compared(library: Library, a: Item, b: Item) -> dict[str, Any]:
    """Return two pictures: the steps that both have a preview of, and what differs."""
    steps = sorted(library.steps(a).keys() & library.steps(b).keys())
    return {
        "a": a.id,
        "b": b.id,
        "steps": steps,
        "differences": list(differences(library, a, b)),
    }


def differences(library: Library, a: Item, b: Item) -> Iterator[dict[str, Any]]:
    """Yield the settings that differ."""
    one, other = (dict(flat(mapping(settings_of(library.path(item))))) for item in (a, b))
    for name in dict.fromkeys([*one, *other]):
        if name.split(".")[0] not in NOT_COMPARED and one.get(name) != other.get(name):
            yield {"name": name, "a": plain(one.get(name)), "b": plain(other.get(name))}
