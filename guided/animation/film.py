"""A film: the values of each frame, and the picture that a frame begins with, which is the drawn
one before, moved by the camera.

The order is Deforum's, but for colours: the frame before is warped and sharpened, noise is added,
it is drawn at a strength, and its colours are matched. Imports no torch before that.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from guided.animation import between, stereo
from guided.animation.camera import OUTSIDE, Move
from guided.animation.depth import Depth, Nearness, Range, read_depth
from guided.animation.flow import Flow, method
from guided.animation.keyframes import Timing, Track
from guided.animation.prompts import PromptTrack, read_prompts
from guided.animation.settings import CAMERA, FASTEST, Animation
from guided.animation.sharpness import as_sharp, sharpened
from guided.animation.sound import loudness
from guided.animation.video import Video, open_video
from guided.compat.deferred import deferred
from guided.errors import BadInput, check_number, shown
from guided.images import check_picture, tensor
from guided.prompts.prompt import Prompt

with deferred(["numpy"]):  # which only films that move need
    import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from guided.animation.camera import Matrix
    from guided.animation.colours import Statistics

log = logging.getLogger(__name__)
MOST = 10_000  # frames
EXAMPLES = "animate=slow_zoom, animate=list"
FRAMES, FPS = 48, 12.0  # unless set
SETTLES = 8  # drawn frames after which colours are those of a prompt that changed
LEADS = 0.25  # share of a loop's frames over which it leads back to the first picture


@dataclass(frozen=True)
class Begun:
    """The beginning of a frame: the picture (1, 3, H, W) in [0, 1], a mask (1, 1, H, W) that is
    true where the camera uncovered something, the colours that it was matched to, and the range of
    estimates of depth so far."""

    image: Tensor
    uncovered: Tensor
    colours: Statistics
    depth_range: Range | None = None


@dataclass(frozen=True)
class Film:
    """A checked film."""

    settings: Animation
    timing: Timing
    tracks: dict[str, Track]
    prompts: PromptTrack | None
    depth: Depth | None
    video: Video | None = None
    common: tuple[Prompt, ...] = ()  # prompts of all frames
    nearness: Nearness | None = field(default=None, compare=False)  # of a picture, by a network
    network_flow: Flow | None = field(default=None, compare=False)  # optical flow by a network
    noises: dict[int, Tensor] = field(default_factory=dict, compare=False)  # of the last frame

    @property
    def made(self) -> range:
        """Return the frames that are made: all, or the one of a frame's record."""
        only = self.settings.frame
        return range(self.timing.frames) if only is None else range(only, only + 1)

    @cached_property
    def drawn(self) -> tuple[int, ...]:
        """Return the frames of the whole film that are drawn."""
        return between.drawn(self.timing.frames, self.tracks["cadence"])

    def neighbours(self, frame: int) -> tuple[int, int] | None:
        """Return the drawn frames before and after one between them; None if it is drawn."""
        return None if frame in self.drawn else between.neighbours(self.drawn, frame)

    def source(self, frame: int) -> int:
        """Return the drawn frame before a frame, which is not the first one."""
        return between.neighbours(self.drawn, frame - 1)[0]

    def seeded(self, seed: int) -> Film:
        """Return the film with another seed."""
        if seed == self.timing.seed:
            return self
        timing = replace(self.timing, seed=seed)
        return replace(self, timing=timing, tracks=tracks(self.settings, timing), noises={})

    def seed_of(self, frame: int) -> int:
        """Return the seed of a frame's noise."""
        return self.timing.seed + (0 if self.settings.seeds == "fixed" else frame)

    def noise(self, frame: int) -> Tensor | None:
        """Return the noise (1, 3, H, W) that a frame is drawn with, which is that of the frame
        before, moved by the camera; None if it is the seed's own."""
        if self.settings.seeds != "warped":
            return None
        import torch

        from guided.animation import noise

        def dice(k: int) -> torch.Generator:
            return torch.Generator().manual_seed(self.timing.seed + k)

        width, height = self.timing.size
        found = max((k for k in self.noises if k <= frame), default=0)
        last = self.noises.get(found)
        last = torch.randn(1, 3, height, width, generator=dice(0)) if last is None else last
        for k in range(found + 1, frame + 1):
            mapped, wraps = self.mapped(self.move(k)), self.settings.border == "wrap"
            last = noise.moved(last, mapped, wraps, dice(k))
        self.noises.clear()
        self.noises[frame] = last
        return last

    def prompts_at(self, frame: int) -> list[Prompt]:
        """Return the prompts of a frame. Those of key frames keep their numbers, so that what is
        drawn for their wildcards is the same in all frames."""
        keyed = self.prompts.at(frame) if self.prompts else []
        first = len(self.common)
        return [*self.common, *(replace(one, number=first + (one.number or 0)) for one in keyed)]

    def move(self, frame: int) -> Move:
        """Return the camera's move from the frame before."""
        return Move(**{name: self.tracks[name](frame) for name in CAMERA})

    def value(self, name: str, frame: int) -> float:
        """Return the value of a setting of VARYING at a frame."""
        return self.tracks[name](frame)

    def varied(self, frame: int) -> dict[str, float]:
        """Return the values of other parts' settings at a frame, by their names."""
        return {name: self.tracks[name](frame) for name in self.settings.vary or ()}

    def distances(
        self, image: Tensor, frame: int, before: Range | None
    ) -> tuple[Tensor | None, Range | None]:
        """Return the distances (1, 1, H, W) in a frame, whose picture is `image` (1, 3, H, W), and
        the range of estimates after it, given that before it; None if all is in one plane."""
        if self.depth is None:
            return None, None
        return self.depth.at(image, frame, before, self.nearness)

    def seen(
        self, image: Tensor, source: int, frame: int, distances: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the picture (1, 3, H, W) of the frame `source`, with these distances, as the
        camera sees it in another, and a mask (1, 1, H, W) of the pixels that it does not show."""
        from guided.animation import warp

        if self.video is not None:
            return self.along(self.video, image, source, frame)
        path, border = self.path(source, frame), self.settings.border
        if distances is not None:
            return warp.deep(image, distances, path, border)
        return warp.flat(image, path, border)

    def along(self, video: Video, image: Tensor, source: int, frame: int) -> tuple[Tensor, Tensor]:
        """Return the picture of the frame `source` moved along the optical flow of the video, and
        a mask of where that cannot be trusted."""
        from guided.animation import warp

        was, now = (tensor(video.frame(k, self.timing.size)) for k in (source, frame))
        forward = self.flow(was, now)
        return warp.moved(image, forward), ~warp.consistent(forward, self.flow(now, was))

    @cached_property
    def flow(self) -> Flow:
        """Return the method of optical flow."""
        return method(self.settings.flow, self.network_flow)

    def between(
        self, first: Tensor, last: Tensor, frame: int, before: Range | None = None
    ) -> tuple[Tensor, Range | None]:
        """Return the picture (1, 3, H, W) of a frame that is not drawn, of both drawn ones beside
        it, and the range of estimates of depth there, given that before the first."""
        start, end = between.neighbours(self.drawn, frame)
        share = (frame - start) / (end - start)
        distances, after = self.distances(first, start, before)
        one, lost = self.seen(first, start, frame, distances)
        other, lost_too = self.seen(last, end, frame, self.distances(last, end, after)[0])
        if self.settings.between == "flow":
            one, other = between.along(one, other, share, self.flow)
        image = between.blended(one, other, (lost, lost_too), share)
        return as_sharp(image, first, last, share).clamp(0, 1), after

    def eyes(self, image: Tensor, frame: int, before: Range | None) -> list[Tensor]:
        """Return what the left and the right eye see of a frame, whose picture is `image`
        (1, 3, H, W), given the range of estimates of depth before it."""
        from guided.animation import warp

        settings, (distances, _) = self.settings, self.distances(image, frame, before)
        assert distances is not None
        moves = stereo.eyes(settings.eye_distance, settings.eye_angle, self.value("fov", frame))
        size, border = self.timing.size, settings.border
        return [
            warp.deep(image, distances, move.deep(size), border)[0].clamp(0, 1) for move in moves
        ]

    def uncovered(self, image: Tensor, frame: int, distances: Tensor | None) -> Tensor:
        """Return a mask (1, 1, H, W) of what the camera uncovered where a frame was drawn, whose
        picture is `image`. `distances` in it stand for those in the drawn frame before it."""
        if frame == 0 or self.video is not None:
            return image[:, :1].isnan()  # nowhere
        return self.seen(image, self.source(frame), frame, distances)[1]

    def steadiness(self, frame: int) -> float:
        """Return how far colours should stay as they are at a drawn frame, 0 to 1: the less, the
        more prompts changed there and shortly before."""
        changes = self.timing.signals.get("change")
        if changes is None or frame == 0:
            return 1.0
        place = self.drawn.index(frame)
        recent = self.drawn[max(0, place - SETTLES) : place + 1]
        most = [max(changes[before + 1 : after + 1]) for before, after in pairwise(recent)]
        return 1 - max(change * (1 - age / SETTLES) for age, change in enumerate(reversed(most)))

    def uncovers(self, frame: int) -> bool:
        """Return whether the camera's move to a frame that is drawn uncovers something."""
        source, (width, height) = self.source(frame), self.timing.size
        if self.video is not None:
            return False
        if self.depth is not None:
            return not all(self.move(k).still for k in range(source + 1, frame + 1))
        mapped = self.path(source, frame)
        corners = np.array([[x, y, 1] for x in (0.5, width - 0.5) for y in (0.5, height - 0.5)])
        before = corners @ np.linalg.inv(mapped).T
        places = before[:, :2] / before[:, 2:]
        limits = np.array([width, height]) + OUTSIDE
        outside = (before[:, 2] <= 0) | ((places < -OUTSIDE) | (places > limits)).any(1)
        return bool(outside.any())

    @property
    def keeps_edges(self) -> bool:
        """Return whether opposite edges that meet still meet after every move."""
        moves = [self.move(frame) for frame in range(1, self.timing.frames)]
        if self.settings.border == "wrap":
            moves = [replace(move, translation_x=0, translation_y=0) for move in moves]
        return self.settings.mode == "2d" and all(move.still for move in moves)

    def path(self, source: int, frame: int) -> Matrix:
        """Return the map of pixels from one frame to another: (3, 3) if all is in one plane, else
        (4, 4), of pixels times their depths."""
        first, last = sorted((source, frame))
        found: Matrix = np.eye(3 if self.depth is None else 4)
        for k in range(first + 1, last + 1):
            found = self.step(k) @ found
        if source > frame:
            found = np.linalg.inv(found).astype(np.float64)
        return found

    def step(self, frame: int) -> Matrix:
        """Return the map of pixels to a frame from the one before; see `path`."""
        move = self.move(frame)
        return self.mapped(move) if self.depth is None else move.deep(self.timing.size)

    def mapped(self, move: Move) -> Matrix:
        """Return the map (3, 3) of pixels that a move is, if all is in one plane."""
        size = self.timing.size
        deep = self.settings.mode == "3d"
        return move.plane(size, self.settings.near) if deep else move.flat(size)

    def share_of_first(self, frame: int) -> float:
        """Return the share of the first picture in a frame's beginning, 0 to 1, which rises over
        the last frames of a loop."""
        if not self.settings.loop:
            return 0.0
        count = round(LEADS * self.timing.frames)
        return max(0.0, (frame - self.timing.frames + 1 + count) / (count + 1))

    def strength(self, frame: int) -> float:
        """Return the share of the steps that a frame takes again: of what leads back to the first
        picture of a loop, less, so that it comes to be that picture."""
        return self.value("strength", frame) * (1 - self.share_of_first(frame))

    def led_back(self, image: Tensor, first: Tensor, frame: int) -> Tensor:
        """Return a frame's beginning blended with the first picture, both (1, 3, H, W), as far as
        the camera, which comes to it behind the last frame, sees it already."""
        from guided.animation import warp

        path = np.eye(3 if self.depth is None else 4)
        for k in (*range(frame + 1, self.timing.frames), 0):
            path = self.step(k) @ path
        back = np.linalg.inv(path).astype(np.float64)
        distances, _ = self.distances(first, 0, None)
        if distances is None:
            seen, unseen = warp.flat(first, back, "border")
        else:
            seen, unseen = warp.deep(first, distances, back, "border")
        return image + self.share_of_first(frame) * between.faded(unseen) * (seen - image)

    def begun(
        self,
        before: Tensor,
        reference: Statistics | None,
        frame: int,
        first: Tensor | None = None,
        depth_range: Range | None = None,
    ) -> Begun:
        """Return what a drawn frame begins with, after the one drawn before it (1, 3, H, W) in
        [0, 1], whose own colours were matched to `reference`, with the range of estimates of depth
        before it; None of the first. A loop leads back to its `first` picture."""
        import torch

        from guided.animation import colours

        source = self.source(frame)
        distances, depth_range = self.distances(before, source, depth_range)
        shown = ~self.uncovered(before, source, distances)
        memory = self.settings.color_memory * self.steadiness(source)
        now = colours.statistics(before, shown)
        reference = colours.followed(reference, now, memory)
        if self.video is None:
            image, uncovered = self.seen(before, source, frame, distances)
            image = image if first is None else self.led_back(image, first, frame)
            image = image.clamp(0, 1)
            reference = colours.carried(reference, now, colours.statistics(image, ~uncovered))
        else:
            image, uncovered = self.over(self.video, before, source, frame)
            share, now = self.value("color_match", frame), colours.statistics(image)
            image = colours.matched(image, now, reference, share)
        image = sharpened(image, self.value("sharpen", frame))
        if noise := self.value("noise", frame):
            dice = torch.Generator().manual_seed(self.seed_of(frame))
            image = image + noise * torch.randn(image.shape, generator=dice)
        return Begun(image.clamp(0, 1), uncovered, reference, depth_range)

    def finished(self, image: Tensor, begun: Begun, frame: int) -> Tensor:
        """Return a drawn frame (1, 3, H, W) in [0, 1] with its colours brought nearer to those
        that it began with, as far as the camera did not uncover it. Over a video they are matched
        before it is drawn."""
        from guided.animation import colours

        if self.video is not None:
            return image
        share = self.value("color_match", frame) * self.steadiness(frame)
        drawn = image.float().cpu()
        now = colours.statistics(drawn, ~begun.uncovered)
        return colours.matched(drawn, now, begun.colours, share).to(image)

    def over(self, video: Video, before: Tensor, source: int, frame: int) -> tuple[Tensor, Tensor]:
        """Return the picture of the frame `source` moved along the video's optical flow, blended
        with the video's own, and a mask that is false: nothing has to be drawn from the first
        step."""
        image, unsure = self.along(video, before, source, frame)
        kept = self.value("flow_blend", frame) * ~unsure
        filmed = tensor(video.frame(frame, self.timing.size))
        return (kept * image + (1 - kept) * filmed).clamp(0, 1), unsure & False


def read_film(
    settings: Animation | None,
    frames: int | None,
    fps: float | None,
    seed: int,
    size: tuple[int, int],
) -> Film | None:
    """Return the film of the settings; None without them. Raise BadInput if a value is out of
    range at any frame."""
    if settings is None:
        for name, value in (("frames", frames), ("fps", fps)):
            if value is not None:
                raise BadInput(f"{name}={value} needs a film: animate=2d, or {EXAMPLES}")
        return None
    video = None if settings.video is None else open_video(settings.video, fps)
    fps = (FPS if video is None else video.fps) if fps is None else fps
    try:
        check_number("fps", fps, 0.1, min(FASTEST[one] for one in settings.formats))
        if frames is None:
            frames = FRAMES if video is None else frames_of(video)
        check_number("frames", frames, 1, MOST, whole=True)
        check_frame(settings, frames)
    except ValueError as error:
        raise BadInput(str(error)) from error
    timing = Timing(frames, fps, seed, size)
    try:
        prompts = read_prompts(settings.prompts, timing, settings.loop)
        timing = replace(timing, signals=signals(settings, prompts, timing))
        depth = read_depth(settings)
        film = Film(settings, timing, tracks(settings, timing), prompts, depth, video)
        if settings.frame and settings.after is None and film.neighbours(settings.frame):
            raise BadInput(
                f"animate.frame={settings.frame} is between drawn frames, and needs the one after "
                "it, too: animate.after=image.png; animate.frame=null draws the whole film"
            )
        warn_of_rest(film)
        return film
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"animate.{error}") from error


def warn_of_rest(film: Film) -> None:
    """Warn of a film in which nothing moves and no prompt or setting changes."""
    frames = range(1, film.timing.frames)
    if film.video or film.settings.vary or film.settings.frame is not None or not frames:
        return
    changes = film.prompts is not None and any(film.timing.signals["change"])
    if not changes and all(film.move(frame).still for frame in frames):
        log.warning(
            "nothing moves in this film, and prompts do not change: animate=slow_zoom, "
            'animate.zoom=1.02, or animate.prompts="{0: a red rose, 40: a sunflower}"'
        )


def frames_of(video: Video) -> int:
    """Return the number of a film's frames as long as its video. Raise BadInput if that does not
    say how long it is."""
    if not video.seconds:
        raise BadInput(
            f"animate.video={shown(video.path)} does not say how long it is: frames=48, say"
        )
    return min(MOST, max(1, round(video.seconds * video.fps)))


def check_frame(settings: Animation, frames: int) -> None:
    """Raise ValueError unless the frame that is drawn alone, if there is one, is of the film, and
    has the one before."""
    if settings.frame is None:
        return
    if settings.frame >= frames:
        raise ValueError(f"animate.frame={settings.frame} is not one of frames={frames}")
    if settings.frame and settings.before is None:
        raise ValueError(
            f"animate.frame={settings.frame} needs the frame before it: animate.before=image.png; "
            "animate.frame=null draws the whole film"
        )
    if settings.frame and settings.before is not None:
        check_picture("animate.before", settings.before)


def tracks(settings: Animation, timing: Timing) -> dict[str, Track]:
    """Return the values of all frames."""
    return {name: keys.track(timing, settings.loop) for name, keys in settings.keys.items()}


def signals(
    settings: Animation, prompts: PromptTrack | None, timing: Timing
) -> dict[str, tuple[float, ...]]:
    """Return the variables of expressions that have a value for each frame."""
    found = {}
    if prompts is not None:
        found["change"] = tuple(prompts.change(frame) for frame in range(timing.frames))
    if settings.audio is not None:
        if "mp4" not in settings.formats:
            log.warning("animate.audio is heard in animate.format=mp4 only")
        found |= loudness(settings.audio, timing.frames, timing.fps)
    return found
