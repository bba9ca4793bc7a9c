"""The frames of a film, each of which begins with the picture of the drawn one before it, or is
made of both drawn ones beside it, and the film's files.

Everything that a frame needs of others is in their pictures and records, so that a film that was
stopped goes on to the bit, and each frame can be drawn alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from PIL import Image

from guided.animation import between, stereo
from guided.animation.depth import Remembered
from guided.animation.film import Begun, Film
from guided.animation.settings import FACTS
from guided.animation.sound import place_of
from guided.canvas.mask import Mask
from guided.config.plan import Plan
from guided.config.schema import build
from guided.errors import BadInput, is_number
from guided.images import open_picture, tensor
from guided.interfaces import Enlarge, Frame, Output, Prediction, Run
from guided.models.cards import DepthCard, film_cards
from guided.outputs.film import Film as Encoder
from guided.outputs.still import Still
from guided.runs import files, layout, record
from guided.runs.manifest import DONE, Manifest, Picture

if TYPE_CHECKING:
    from torch import Tensor

LIKENESS = "animate.likeness"  # beside a guide `likeness` of the user's


@dataclass(frozen=True)
class DrawnFrame:
    """A frame to draw: its plan, the settings that its picture records, and its noise's seed."""

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


def with_networks(film: Film, device: str) -> Film:
    """Return the film with the networks of depth and optical flow that it needs, on a device."""
    for card in film_cards(film.settings.networks):
        if isinstance(card, DepthCard):
            from guided.models import depth_anything

            estimates = partial(depth_anything.nearness, card, device)
            film = replace(film, nearness=Remembered(estimates))
        else:
            from guided.models import raft

            film = replace(film, network_flow=partial(raft.flow, card, device))
    return film


def frame_of(plan: Plan, settings: dict[str, Any], folder: Path, picture: Picture) -> DrawnFrame:
    """Return a frame, given the plan and settings of the film. Raise BadInput if the picture of
    the frame before is not there."""
    assert plan.film is not None
    assert picture.frame is not None
    film, frame = plan.film, picture.frame
    plan = replace(plan.at_frame(frame), prompts=film.prompts_at(frame))
    plan = replace(plan, outputs=frame_outputs(plan), noise=film.noise(frame))
    plan = replace(plan, drawn=[asked.text for asked in plan.decided(picture.seed)])
    facts: dict[str, Any] = dict.fromkeys(FACTS) | {"frame": frame}
    if frame:
        before = path_of(film, folder, picture, film.source(frame), film.settings.before)
        first = None
        if film.share_of_first(frame):
            first = path_of(film, folder, picture, 0, film.settings.first)
            facts["first"] = str(first)
        begun = begin(film, before, frame, first)
        plan = begun_with(plan, film, begun, frame)
        facts |= {"before": str(before), "colors": begun.colours}
        facts |= {"depth_range": begun.depth_range}
    return DrawnFrame(plan, recorded(film, settings, facts), film.seed_of(frame))


def recorded(film: Film, settings: dict[str, Any], facts: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a frame's picture records, given those of the film."""
    timing = {"frames": film.timing.frames, "fps": film.timing.fps}
    return settings | timing | {"animate": {**settings["animate"], **facts}}


def in_order(film: Film, group: Sequence[Picture]) -> list[Picture]:
    """Return the frames in the order in which they are made."""
    place = {frame: place for place, frame in enumerate(between.order(film.drawn))}
    return sorted(group, key=lambda picture: place[picture.frame or 0])


def write_between(plan: Plan, settings: dict[str, Any], folder: Path, picture: Picture) -> None:
    """Write a frame that is not drawn, given the plan and settings of the film. Raise BadInput if
    the picture of a drawn frame beside it is not there."""
    film, frame = plan.film, picture.frame
    assert film is not None
    assert frame is not None
    beside = film.neighbours(frame)
    assert beside is not None
    before = path_of(film, folder, picture, beside[0], film.settings.before)
    after = path_of(film, folder, picture, beside[1], film.settings.after)
    pictures = picture_of(film, before), picture_of(film, after)
    image, reached = film.between(*pictures, frame, numbers(facts_of(before), "depth_range", 2))
    facts = dict.fromkeys(FACTS) | {"frame": frame, "before": str(before), "after": str(after)}
    facts |= {"depth_range": reached}
    plan = replace(plan, prompts=film.prompts_at(frame))
    run = Run(folder, recorded(film, settings, facts), plan.prompts, 1, 1, enlarged_once)
    run.seed = film.timing.seed
    decided = [asked.text for asked in plan.decided(picture.seed)]
    guess = Prediction(image * 2 - 1, image * 2 - 1)
    made = Frame(picture.number, picture.seed, 1, 1, 1.0, image, guess, 0.0, decided=decided)
    with frame_outputs(plan)["still"].open(run) as still:
        still.see(made)


def enlarged_once(image: Tensor, times: int) -> Tensor:
    """Return the image: frames are as large as they are drawn."""
    return image


def frame_outputs(plan: Plan) -> dict[str, Output]:
    """Return the outputs of a frame, whose picture is as large as it is drawn: the next one begins
    with it."""
    still = plan.outputs["still"]
    assert isinstance(still, Still)
    return plan.outputs | {"still": replace(still, enlarge=1, sharpen=0)}


def path_of(film: Film, folder: Path, picture: Picture, frame: int, typed: str | None) -> Path:
    """Return the path of another frame than that of `picture`, of a frame's record the `typed`
    one. Raise BadInput if it is not there."""
    if film.settings.frame is not None and typed is not None:
        return Path(typed)
    assert picture.frame is not None
    name = layout.find_image(folder, picture.number + frame - picture.frame)
    if name is None:
        raise BadInput(f"frame {picture.frame} needs frame {frame}, which is not there")
    path = folder / name
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def picture_of(film: Film, path: Path) -> Tensor:
    """Return the picture (1, 3, H, W) of a frame. Raise BadInput if it has another size."""
    image = tensor(open_picture("animate.before", str(path)))
    if (image.shape[3], image.shape[2]) != film.timing.size:
        width, height = film.timing.size
        raise BadInput(
            f"animate.before={path} has {image.shape[3]}x{image.shape[2]} pixels, and the film "
            f"{width}x{height}"
        )
    return image


def begin(film: Film, before: Path, frame: int, first: Path | None) -> Begun:
    """Return what a frame begins with, from the picture of the drawn one before it and its record,
    and the first picture of a loop."""
    led = None if first is None else picture_of(film, first)
    facts = facts_of(before)
    colours, depth_range = numbers(facts, "colors", 6), numbers(facts, "depth_range", 2)
    return film.begun(picture_of(film, before), colours, frame, led, depth_range)


def facts_of(path: Path) -> dict[str, Any]:
    """Return the settings of animate in the record of a frame's picture."""
    found = record.read(path.expanduser()).get("animate")
    return found if isinstance(found, dict) else {}


def numbers(facts: dict[str, Any], name: str, count: int) -> list[float] | None:
    """Return a number, or a list of some, among a frame's facts; None if it is not there."""
    found = facts.get(name)
    listed: list[Any] = found if isinstance(found, list) else [found]
    plain = [float(one) for one in listed if is_number(one)]
    return plain if len(plain) == count else None


def begun_with(plan: Plan, film: Film, begun: Begun, frame: int) -> Plan:
    """Return the plan of a frame that begins with a picture. What the camera uncovered is drawn
    from the first step, with border=draw, and all else at the frame's strength."""
    mask, uncovers = None, bool(begun.uncovered.any())
    if film.settings.border == "draw" and uncovers:
        rest = round(255 * film.strength(frame))
        levels = begun.uncovered[0, 0] * 255 + ~begun.uncovered[0, 0] * rest
        mask = Mask(Image.fromarray(levels.byte().numpy(), "L"))
    skip = plan.frame_skip(film, frame, uncovers)
    guides = plan.guides
    if scale := film.value("likeness", frame):
        node = OmegaConf.create({"_target_": "guide/likeness", "scale": scale})
        guides = guides | {LIKENESS: build(node, "guide.likeness")}
    finish = partial(film.finished, begun=begun, frame=frame)
    plan = replace(plan, skip=skip, mask=mask, guides=guides)
    return replace(plan, init=Warped(begun.image), finish=finish)


def complete(folder: Path) -> list[list[Picture]]:
    """Return the films of several frames that are all drawn."""
    films: dict[int, list[Picture]] = {}
    for picture in Manifest.read(folder).pictures:
        if picture.frame is not None:
            films.setdefault(picture.group, []).append(picture)
    groups = [group for group in films.values() if len(group) > 1]
    return [group for group in groups if all(picture.state == DONE for picture in group)]


def missing(plan: Plan, folder: Path, group: Sequence[Picture]) -> dict[str, Path]:
    """Return the files of a film that are not there, by their formats; none if there is one frame
    alone."""
    assert plan.film is not None
    formats = plan.film.settings.formats if len(group) > 1 else []
    paths = {format: folder / layout.film_name(group[0].number, format) for format in formats}
    return {format: path for format, path in paths.items() if not path.exists()}


def write_film(plan: Plan, folder: Path, group: Sequence[Picture], enlarge: Enlarge) -> None:
    """Write the files of a film that are missing, unless a frame is missing too."""
    film, still = plan.film, plan.outputs["still"]
    assert film is not None and isinstance(still, Still)
    names = [layout.find_image(folder, picture.number) for picture in group]
    paths, targets = [folder / name for name in names if name], missing(plan, folder, group)
    if not targets or len(paths) < len(group):
        return
    settings = film_settings(record.read(paths[0]))
    with TemporaryDirectory() as place:
        copies = [Path(place) / f"{number:06d}.png" for number in range(len(paths))]
        for path, copy, picture in zip(paths, copies, group, strict=True):
            assert picture.frame is not None
            own = replace(plan, prompts=film.prompts_at(picture.frame))
            manner = own.manner_of(picture.seed)
            size = write_copy(film, path, copy, still, enlarge, manner)
        texts = record.texts(settings, size, film.timing.size)
        for format, target in targets.items():
            quality, typed = film.settings.quality, film.settings.audio
            heard = None if typed is None else place_of(typed)
            encoder = Encoder(format, film.timing.fps, 0.0, quality, heard)
            files.write(target, encoder.encode(copies, texts))


def film_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a film, given those that its first frame records."""
    animate = settings.get("animate")
    animate = {**animate, **dict.fromkeys(FACTS)} if isinstance(animate, dict) else animate
    keyed = isinstance(animate, dict) and animate.get("prompts") is not None
    return settings | {"animate": animate} | ({"drawn": None} if keyed else {})


def write_copy(
    film: Film, path: Path, copy: Path, still: Still, enlarge: Enlarge, manner: str
) -> tuple[int, int]:
    """Write a frame as it is in the film, seen by both eyes of a stereo film, enlarged, rendered
    in a manner of drawing and sharpened, and return its size."""
    frame, layout = open_picture("animate", str(path)), film.settings.stereo

    def finished(image: Tensor) -> Image.Image:
        # What is random in a manner is the same in all frames.
        return still.finished(image, enlarge, still.times(frame.size), manner, film.timing.seed)

    if layout == stereo.NONE:
        shown = finished(tensor(frame))
    else:
        facts = facts_of(path)
        number, before = numbers(facts, "frame", 1), numbers(facts, "depth_range", 2)
        seen = film.eyes(tensor(frame), int(number[0]) if number else 0, before)
        both = [finished(one) for one in seen]
        shown = stereo.joined(both[0], both[1], layout)
    shown.save(copy, "PNG", compress_level=1)
    return shown.size
