"""The frames of a film, each of which begins with the picture of the one before, and the film's
files.

Everything that a frame needs of those before it is in the picture of the last one and in its
record, so that a film that was stopped goes on to the bit, and each frame can be drawn alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from PIL import Image

from guided.animation.film import FPS, Begun, Film
from guided.animation.settings import Animation
from guided.batch.passes import steps_skipped
from guided.canvas.mask import Mask
from guided.config.plan import Plan
from guided.config.schema import build
from guided.errors import BadInput, is_number
from guided.images import open_picture, tensor
from guided.outputs.film import Film as Encoder
from guided.outputs.still import Still
from guided.runs import files, layout, record
from guided.runs.manifest import DONE, Manifest, Picture

if TYPE_CHECKING:
    from torch import Tensor

FACTS = ("frame", "before", "colors")  # of a frame's record, in the settings of animate


@dataclass(frozen=True)
class DrawnFrame:
    """A frame to draw: its plan, the settings that its picture records, its noise's seed, and that
    of the film."""

    plan: Plan
    settings: dict[str, Any]
    seed: int


@dataclass(frozen=True)
class Warped:
    """An init picture that is a frame's beginning."""

    begun: Tensor  # (1, 3, H, W) in [0, 1]

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """Return it; it has the size of the canvas."""
        return self.begun


def frame_of(plan: Plan, settings: dict[str, Any], folder: Path, picture: Picture) -> DrawnFrame:
    """Return a frame, given the plan and settings of the film. Raise BadInput if the picture of
    the frame before is not there."""
    assert plan.film is not None
    assert picture.frame is not None
    film, frame = plan.film.seeded(picture.seed), picture.frame
    plan = replace(plan, prompts=film.prompts_at(frame), film=film)
    plan = replace(plan, drawn=[asked.text for asked in plan.decided(picture.seed)])
    facts: dict[str, Any] = {"frame": frame}
    if frame:
        before = path_before(film, folder, picture)
        begun = begin(film, before, frame)
        plan = begun_with(plan, film, begun, frame)
        facts |= {"before": str(before), "colors": begun.colours}
    timing = {"frames": film.timing.frames, "fps": film.timing.fps}
    settings = settings | timing | {"animate": {**settings["animate"], **facts}}
    return DrawnFrame(plan, settings, film.seed_of(frame))


def path_before(film: Film, folder: Path, picture: Picture) -> Path:
    """Return the picture of the frame before. Raise BadInput if it is not there."""
    if film.settings.before is not None:
        return Path(film.settings.before)
    name = layout.find_image(folder, picture.number - 1)
    if name is None:
        raise BadInput(f"frame {picture.frame} needs the frame before it, which is not there")
    path = folder / name
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def begin(film: Film, before: Path, frame: int) -> Begun:
    """Return what a frame begins with, from the picture of the frame before and its record."""
    image = tensor(open_picture("animate.before", str(before)))
    if (image.shape[3], image.shape[2]) != film.timing.size:
        width, height = film.timing.size
        raise BadInput(
            f"animate.before={before} has {image.shape[3]}x{image.shape[2]} pixels, and the film "
            f"{width}x{height}"
        )
    found = record.read(before.expanduser()).get("animate")
    reference = found.get("colors") if isinstance(found, dict) else None
    listed = reference if isinstance(reference, list) else []
    numbers = [float(one) for one in listed if is_number(one)]
    return film.begun(image, numbers if len(numbers) == 6 else None, frame)


def begun_with(plan: Plan, film: Film, begun: Begun, frame: int) -> Plan:
    """Return the plan of a frame that begins with a picture. What the camera uncovered is drawn
    from the first step, with border=draw, and all else at the frame's strength."""
    mask, uncovers = None, bool(begun.uncovered.any())
    if film.settings.border == "draw" and uncovers:
        rest = round(255 * film.value("strength", frame))
        levels = begun.uncovered[0, 0] * 255 + ~begun.uncovered[0, 0] * rest
        mask = Mask(Image.fromarray(levels.byte().numpy(), "L"))
    skip = steps_skipped(plan, film, frame, uncovers)
    guides = plan.guides
    if scale := film.value("likeness", frame):
        node = OmegaConf.create({"_target_": "guide/likeness", "scale": scale})
        guides = guides | {"likeness": build(node, "animate.likeness")}
    return replace(plan, init=Warped(begun.image), skip=skip, mask=mask, guides=guides)


def write_missing(folder: Path) -> None:
    """Write the films whose frames are all there and whose files are not, because the worker was
    stopped in between."""
    films: dict[int, list[Picture]] = {}
    for picture in Manifest.read(folder).pictures:
        if picture.frame is not None:
            films.setdefault(picture.group, []).append(picture)
    for group in films.values():
        if all(picture.state == DONE for picture in group):
            write_film(folder, group)


def write_film(folder: Path, group: Sequence[Picture]) -> None:
    """Write the files of a film of several frames, unless they are there or a frame is missing."""
    names = [layout.find_image(folder, picture.number) for picture in group]
    paths = [folder / name for name in names if name]
    if len(group) < 2 or len(paths) < len(group):
        return
    settings = record.read(paths[0])
    animate = settings.get("animate")
    if not isinstance(animate, dict):
        return
    chosen = {name: animate[name] for name in ("format", "quality") if name in animate}
    animation = Animation(**chosen)
    settings |= {"animate": {**animate, **dict.fromkeys(FACTS)}}
    for format in animation.formats:
        path = folder / layout.film_name(group[0].number, format)
        if not path.exists():
            encoder = Encoder(format, fps_of(settings), 0.0, animation.quality)
            with TemporaryDirectory() as place:
                sources, drawn, size = copied(paths, Path(place), settings)
                data = encoder.encode(sources, record.texts(settings, size, drawn))
            files.write(path, data)


def fps_of(settings: dict[str, Any]) -> float:
    """Return the frames per second of recorded settings."""
    fps = settings.get("fps")
    return float(fps) if isinstance(fps, int | float) else FPS


def copied(
    paths: Sequence[Path], place: Path, settings: dict[str, Any]
) -> tuple[list[Path], tuple[int, int], tuple[int, int]]:
    """Write copies of the frames into a folder, as much larger as the settings make pictures, and
    return their paths, the frames' size (width, height) and the copies'."""
    output = settings.get("output")
    still = output.get("still") if isinstance(output, dict) else None
    enlarge = still.get("enlarge", 1) if isinstance(still, dict) else 1
    found, drawn, size = [], (0, 0), (0, 0)
    for number, path in enumerate(paths):
        picture = open_picture("animate", str(path))
        drawn, times = picture.size, Still(enlarge=enlarge).times(picture.size)
        size = (picture.width * times, picture.height * times)
        picture = picture.resize(size, Image.Resampling.BICUBIC)
        found.append(place / f"{number:06d}.png")
        picture.save(found[-1], "PNG", compress_level=1)
    return found, drawn, size
