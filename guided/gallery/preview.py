"""The preview of a film: a page with the camera's path, its view of a test scene, and the curves
of all values, without anything drawn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.animation.camera import path
from guided.animation.film import Film
from guided.compat.deferred import deferred
from guided.gallery import page, plots
from guided.gallery.script import UNSAFE
from guided.runs import files

with deferred(["numpy"]):
    import numpy as np

if TYPE_CHECKING:
    from guided.animation.camera import Matrix

NAME = "preview.html"
DEEP = 3.0  # distances `near` that the scene goes back


def write(folder: Path, film: Film, about: Mapping[str, str]) -> Path:
    """Write the page of a film into a folder, and return its path. `about` are texts to show."""
    target = folder / NAME
    files.write(target, render(film, about).encode())
    return target


def render(film: Film, about: Mapping[str, str]) -> str:
    """Return the HTML of a film's page."""
    style = "".join(page.source(f"{name}.css") for name in ("style", "explanation", "preview"))
    data = f"const DATA = {as_script(data_of(film))};\n"
    program = f'"use strict";\n{data}{page.source("preview.js")}'
    return page.template("preview.html").render(
        style=page.Trusted(style),
        program=page.Trusted(program),
        policy=page.policy(style, page.digest(program)),
        about=about,
        film=film,
        curves=curves(film),
        plans=plans(film) if film.settings.mode == "3d" else [],
        prompts=prompts_of(film),
    )


def as_script(data: Any) -> str:
    """Return data as JSON that is safe inside a page's script."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for character, escape in UNSAFE.items():
        text = text.replace(character, escape)
    return text


def data_of(film: Film) -> dict[str, Any]:
    """Return the lines of a test scene, and for each frame the matrix (3, 4) that projects its
    points to pixels."""
    width, height = film.timing.size
    cameras = deep_cameras(film) if film.settings.mode == "3d" else flat_cameras(film)
    lines = room(film) if film.settings.mode == "3d" else sheet(film)
    return {
        "size": [width, height],
        "fps": film.timing.fps,
        "lines": lines,
        "frames": [[round(float(one), 6) for one in camera.flatten()] for camera in cameras],
    }


def flat_cameras(film: Film) -> list[Matrix]:
    """Return the maps of the first picture's plane to each frame."""
    mapped, found = np.eye(3), []
    for frame in range(film.timing.frames):
        mapped = film.move(frame).flat(film.timing.size) @ mapped if frame else mapped
        found.append(np.insert(mapped / abs(mapped[2, 2]), 2, 0, axis=1))
    return found


def deep_cameras(film: Film) -> list[Matrix]:
    """Return the projections of points in the axes of the first camera to each frame."""
    moves = [film.move(frame) for frame in range(1, film.timing.frames)]
    found, size, plane = [], film.timing.size, np.eye(3)
    for frame, (place, axes) in enumerate(path(moves)):
        move = film.move(frame)
        plane = move.in_plane(size, False) @ plane if frame else plane
        found.append(plane @ move.lens(size) @ np.column_stack([axes.T, -axes.T @ place]))
    return found


def sheet(film: Film) -> list[Any]:
    """Return lines of a grid of eighths over the first picture and twice its size around it, and
    the picture's edge: each with its kind, and its two ends."""
    width, height = film.timing.size
    lines: list[Any] = []
    for k in range(-16, 25):
        x, y = k * width / 8, k * height / 8
        lines.append(["grid", [x, -2 * height, 0], [x, 3 * height, 0]])
        lines.append(["grid", [-2 * width, y, 0], [3 * width, y, 0]])
    corners = [[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]]
    return lines + [["edge", corners[k - 1], corners[k]] for k in range(4)]


def room(film: Film) -> list[Any]:
    """Return lines of a floor, and of posts at several distances."""
    near = film.settings.near
    floor, wide, far = 0.4 * near, 3 * near, DEEP * near * 2
    lines: list[Any] = []
    for k in range(13):
        along = -wide + k * wide / 6
        lines.append(["grid", [along, floor, 0.1 * near], [along, floor, far]])
        back = far * k / 12
        lines.append(["grid", [-wide, floor, back], [wide, floor, back]])
    for distance in (1, 2, DEEP):
        for side in (-1, 0, 1):
            x, z = side * 0.6 * near, distance * near
            lines.append(["edge", [x, floor, z], [x, -floor, z]])
    return lines


def curves(film: Film) -> list[tuple[str, Any, str, str]]:
    """Return name, SVG, range and key frames of each value that is not the same all along."""
    found = []
    for name, track in film.tracks.items():
        values = {frame: track(frame) for frame in range(film.timing.frames)}
        low, high = min(values.values()), max(values.values())
        if low != high or len(track.starts) > 1:
            keys = ", ".join(f"{start:g}" for start in track.starts[:40])
            picture = page.Trusted(plots.svg(name, values))
            found.append((name, picture, f"{low:.4g} to {high:.4g}", keys))
    return found


def prompts_of(film: Film) -> list[tuple[str, str]]:
    """Return the key frames of prompts, and their texts."""
    if film.prompts is None:
        return []
    pairs = zip(film.prompts.starts, film.prompts.prompts, strict=True)
    return [(f"{start:g}", "; ".join(one.text for one in prompts)) for start, prompts in pairs]


def plans(film: Film) -> list[tuple[str, Any]]:
    """Return SVGs of the camera's path from above and from the side."""
    moves = [film.move(frame) for frame in range(1, film.timing.frames)]
    places = np.array([place for place, _ in path(moves)])
    views = {"From above · 俯视": (0, 2, -1), "From the side · 侧视": (2, 1, 1)}
    found: list[tuple[str, Any]] = []
    for name, (across, up, sign) in views.items():
        points = np.column_stack([places[:, across], sign * places[:, up]])
        found.append((name, page.Trusted(path_svg(points))))
    return found


def path_svg(points: Matrix) -> str:
    """Return an SVG of a path (N, 2), with a dot at its beginning, both axes at one scale."""
    low, high = points.min(0), points.max(0)
    scale = 200 / max(float((high - low).max()), 1e-9)
    middle = (low + high) / 2
    drawn = (points - middle) * scale + 120
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in drawn)
    x, y = drawn[0]
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 240" role="img">'
        '<polyline fill="none" stroke="currentColor" stroke-width="1.5" points="'
        f'{line}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="currentColor"/></svg>'
    )
