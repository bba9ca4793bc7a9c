"""Settings of a film: the camera, what each frame keeps of the one before, and the file.

Values by key frame are read here, and become tracks once the number of frames is known (film.py).
Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from guided.animation import keyframes, stereo
from guided.animation.keyframes import KeyFrames
from guided.errors import check_number, not_one_of, shown

MODES = ("2d", "3d", "video")
BORDERS = ("draw", "wrap", "mirror", "border")
SEEDS = ("advance", "fixed", "warped")
BETWEEN = ("camera", "flow")
DEPTH_ANYTHING = "depth_anything"
FLOWS = ("lucas_kanade", "dis", "raft_small", "raft_large")
FORMATS = ("mp4", "webp", "gif")
FASTEST = {"mp4": 120, "gif": 50, "webp": 120}  # frames per second; browsers slow a faster GIF
VARY = '{guide.clip.scale: "0: (4000), 30: (1000)"}'
FACTS = ("frame", "before", "after", "first", "colors", "depth_range")  # of a frame's record
LARGEST = 1e6  # of a move or a distance
CAMERA = {  # lowest and highest value
    "angle": (-LARGEST, LARGEST),
    "zoom": (0.05, 20),
    "translation_x": (-LARGEST, LARGEST),
    "translation_y": (-LARGEST, LARGEST),
    "translation_z": (-LARGEST, LARGEST),
    "rotation_3d_x": (-89, 89),
    "rotation_3d_y": (-89, 89),
    "rotation_3d_z": (-360, 360),
    "fov": (1, 160),
}
VARYING = CAMERA | {
    "strength": (0.01, 1),
    "color_match": (0, 1),
    "sharpen": (0, 3),
    "noise": (0, 1),
    "likeness": (0, 1e6),
    "flow_blend": (0, 1),
    "cadence": (1, 100),
}


@dataclass
class Animation:
    """Settings of a film. Those of `VARYING` may vary by key frame or expression."""

    # 2d, the plane of the picture; 3d, a camera in space; video, the frames of a video
    mode: str = "2d"
    angle: Any = 0  # degrees a frame by which the picture turns, anticlockwise
    zoom: Any = 1  # factor a frame by which the picture grows
    translation_x: Any = 0  # pixels a frame to the right; in 3d, of the camera, in units of depth
    translation_y: Any = 0  # pixels a frame downwards; in 3d, of the camera upwards
    translation_z: Any = 0  # of the camera forward, in units of depth; in 3d only
    rotation_3d_x: Any = 0  # degrees a frame by which the camera turns upwards
    rotation_3d_y: Any = 0  # degrees a frame by which it turns to the right
    rotation_3d_z: Any = 0  # degrees a frame by which it turns clockwise
    fov: Any = 40  # degrees that the camera sees from top to bottom
    near: float = 200  # distance of the nearest point, and of a plane
    far: float = 10_000  # distance of the farthest point
    # plane: all is at the same distance; depth_anything, as a network sees it; or a folder with a
    # picture for each frame, white is near
    depth: str = "plane"
    # what lies beyond the edge: draw, drawn anew; wrap, the other side; mirror; border, the edge
    border: str = "draw"
    strength: Any = 0.5  # share of the steps that each frame takes again
    # advance, each frame has noise of its own; fixed, all have the same; warped, that of the frame
    # before, moved as the picture is
    seeds: str = "advance"
    color_match: Any = 0.8  # how far colours are matched to the frames before, 0 to 1
    color_memory: float = 0.98  # share of earlier frames in the colours that are matched
    sharpen: Any = 0.1  # contrast of edges that is added to each frame before it is drawn
    noise: Any = 0.0  # noise that is added to each frame before it is drawn, of 1
    likeness: Any = 0  # scale of a guide that keeps each frame similar to the one before
    video: str | None = None  # the video that is drawn over
    # with video, share of the frame before, moved along the video's optical flow, in a frame's
    # beginning; the rest is the video's own frame
    flow_blend: Any = 0.8
    # method of optical flow: lucas_kanade; dis, of OpenCV; raft_small, raft_large, networks
    flow: str = "lucas_kanade"
    stereo: str = "none"  # film of two eyes: side_by_side or over_under, the left one first
    eye_distance: float = 5.0  # between both eyes, in units of depth
    eye_angle: float = 0.5  # degrees by which each eye turns inwards
    # every how many frames one is drawn; those between are made of both that are drawn
    cadence: Any = 1
    # what frames between follow: camera, its moves; flow, the optical flow that is left, too
    between: str = "camera"
    # prompts by frame, {0: a castle, 60: a forest}, that lead over from one to the next
    prompts: Any = None
    # settings of other parts by frame, {guide.clip.scale: "0: (4000), 30: (1000)"}; null: none
    vary: Any = None
    # a file of sound: in the MP4, and as bass, mid, treble and loud in expressions
    audio: str | None = None
    interpolation: str = "linear"  # between key frames: linear, cubic or hold
    loop: bool = False  # whether the last key frame, and the last picture, lead back to the first
    format: Any = "auto"  # mp4, webp, gif or a list; auto: mp4 where PyAV is, else webp
    quality: int = 85  # of mp4 and webp
    preview: bool = False  # write a page with the camera's path and all values, and draw nothing
    frame: int | None = None  # of a frame's record: draw this one alone
    before: str | None = None  # of a frame's record: the picture of the drawn frame before
    after: str | None = None  # of the record of a frame between: that of the drawn frame after it
    first: str | None = None  # of a frame's record in a loop: the first picture
    colors: list[float] | None = None  # of a frame's record: the colours that it is matched to
    depth_range: list[float] | None = None  # of a frame's record: far and near as a network has it

    def __post_init__(self) -> None:
        for name, value, choices in (
            ("mode", self.mode, MODES),
            ("border", self.border, BORDERS),
            ("seeds", self.seeds, SEEDS),
            ("between", self.between, BETWEEN),
            ("flow", self.flow, FLOWS),
            ("stereo", self.stereo, stereo.LAYOUTS),
            ("interpolation", self.interpolation, keyframes.WAYS),
        ):
            if value not in choices:
                raise ValueError(not_one_of(name, value, choices))
        check_number("near", self.near, 1e-3, LARGEST)
        check_number("far", self.far, self.near, LARGEST)
        check_number("eye_distance", self.eye_distance, 0, LARGEST)
        check_number("eye_angle", self.eye_angle, -45, 45)
        check_number("color_memory", self.color_memory, 0, 1)
        check_number("quality", self.quality, 1, 100, whole=True)
        if self.frame is not None:
            check_number("frame", self.frame, 0, 10_000, whole=True)
        if self.colors is not None and len(self.colors) != 6:
            raise ValueError(f"colors={shown(self.colors)} must be six numbers, or null")
        if self.depth_range is not None and len(self.depth_range) != 2:
            raise ValueError(f"depth_range={shown(self.depth_range)} must be two numbers, or null")
        recorded = [name for name in FACTS if getattr(self, name) is not None]
        if self.frame is None and recorded:
            raise ValueError(
                f"{recorded[0]}={shown(getattr(self, recorded[0]))} is of a frame's record, which "
                f"from= draws again, and of no film: animate.{recorded[0]}=null"
            )
        self.check_packages()
        self.formats = self.read_formats()
        self.keys: dict[str, KeyFrames] = {
            name: keyframes.read(name, getattr(self, name), low, high, self.interpolation)
            for name, (low, high) in VARYING.items()
        } | self.read_vary()
        if (self.mode == "video") != (self.video is not None):
            raise ValueError(
                f"video={shown(self.video)} needs animate=video"
                if self.video
                else "video=null must be a video to draw over, as in animate.video=dance.mp4"
            )
        if self.mode == "video":
            self.check_still()
        if self.seeds == "warped" and (self.mode == "video" or self.is_deep):
            raise ValueError(
                "seeds=warped needs a camera over a plane, whose moves are known: animate=2d, or "
                "animate=3d with animate.depth=plane"
            )
        if self.stereo != stereo.NONE and not self.is_deep:
            raise ValueError(
                f"stereo={self.stereo} needs depths: animate=3d, with animate.depth="
                f"{DEPTH_ANYTHING} or a folder of maps"
            )
        if self.mode == "2d" and self.keys["translation_z"].constant != 0:
            raise ValueError(
                f"translation_z={shown(self.translation_z)} needs animate=3d; in two dimensions "
                "animate.zoom=1.02 goes forward"
            )

    def check_still(self) -> None:
        """Raise ValueError if a camera moves over a video, which has its own."""
        for name in CAMERA:
            if getattr(self, name) != getattr(type(self), name):
                raise ValueError(
                    f"{name}={shown(getattr(self, name))} has no effect with animate=video, whose "
                    "camera is the video's"
                )

    def read_vary(self) -> dict[str, KeyFrames]:
        """Return the key frames of other parts' settings. Raise ValueError for no mapping."""
        if self.vary is not None and not isinstance(self.vary, dict):
            raise ValueError(f"vary={shown(self.vary)} must be settings by name, as {VARY}")
        return {
            name: keyframes.read(f"vary.{name}", value, way=self.interpolation)
            for name, value in (self.vary or {}).items()
        }

    def check_packages(self) -> None:
        """Raise ValueError if a package is missing."""
        if self.depth == DEPTH_ANYTHING and find_spec("transformers") is None:
            raise ValueError(
                f"depth={self.depth} needs transformers, which is not here: pip install "
                "transformers; depth=plane needs nothing more"
            )
        if self.flow == "dis" and find_spec("cv2") is None:
            raise ValueError(
                "flow=dis needs OpenCV, which is not here: pip install opencv-python-headless; "
                "flow=lucas_kanade needs nothing more"
            )

    @property
    def networks(self) -> tuple[str, str]:
        """Return the sources of depth and of optical flow, which may be networks."""
        return self.depth, self.flow

    def read_formats(self) -> list[str]:
        """Return the formats of the film's files. Raise ValueError for others."""
        has_av = find_spec("av") is not None
        if self.format == "auto":
            return ["mp4" if has_av else "webp"]
        formats = self.format if isinstance(self.format, list) else [self.format]
        for one in formats or [formats]:
            if one not in FORMATS:
                raise ValueError(not_one_of("format", one, FORMATS))
        if "mp4" in formats and not has_av:
            raise ValueError(
                "format=mp4 needs PyAV, which is not here: pip install av; format=webp and "
                "format=gif need nothing more"
            )
        return list(dict.fromkeys(formats))

    @property
    def is_deep(self) -> bool:
        """Return whether pixels have depths of their own."""
        return self.mode == "3d" and self.depth != "plane"
