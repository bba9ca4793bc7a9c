"""Translation of the films of Disco Diffusion and Deforum: camera, key frames, strength and fps.

Both write key frames as "0: (1), 30: (1.05)". Disco's films wrap in two dimensions and match no
colours, and those in three may have turbo and VR; Deforum's have a strength, noise, unsharp
masking and a cadence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from guided.disco.translation import Given, Translation
from guided.disco.values import number, text, truth

FILMS = {"2d": "2d", "3d": "3d", "video input": "video"}
FLAT = ("angle", "zoom", "translation_x", "translation_y")
DEEP = (
    *("translation_x", "translation_y", "translation_z"),
    *("rotation_3d_x", "rotation_3d_y", "rotation_3d_z"),
)
WAYS = {"linear": "linear", "quadratic": "cubic", "cubic": "cubic"}
BORDERS = {"border": "border", "reflection": "mirror", "zeros": "draw"}
# What Disco Diffusion has where its file says nothing.
DEFAULTS: dict[str, Any] = {
    "angle": 0,
    "zoom": "0: (1), 10: (1.05)",
    "translation_x": 0,
    "translation_y": 0,
    "translation_z": 10,
    "rotation_3d_x": 0,
    "rotation_3d_y": 0,
    "rotation_3d_z": 0,
    "near_plane": 200,
    "far_plane": 10_000,
    "fov": 40,
    "padding_mode": "border",
    "interp_spline": "Linear",
    "frames_skip_steps": "60%",
    "fps": 12,
    "turbo_mode": False,
    "turbo_steps": 3,
    "turbo_preroll": 10,
    "vr_mode": False,
    "vr_eye_angle": 0.5,
    "vr_ipd": 5,
    "video_init_path": "init.mp4",
    "video_init_flow_warp": True,
    "video_init_flow_blend": 0.999,
    "video_init_frames_skip_steps": "70%",
}
# Deforum's names of what varies by key frame beside the camera.
DEFORUM = {
    "strength_schedule": "strength",
    "noise_schedule": "noise",
    "amount_schedule": "sharpen",
}
SEED = re.compile(r"\bs\b")  # Deforum's variable of the seed, which is the seconds here


def film_of(mode: Any) -> str:
    """Return 2d, 3d or video for an animation_mode of theirs; an empty text for others."""
    return FILMS.get(str(mode or "").strip().lower(), "")


def films(given: Given, out: Translation) -> None:
    """Translate Disco's animation. What belongs to no film is left to the table."""
    mode = film_of(given.explicit.get("animation_mode"))
    if not mode:
        return
    for name in ("animation_mode", "key_frames"):
        given.take(name)

    def take(name: str) -> Any:
        given.take(name)
        return given.explicit.get(name, DEFAULTS[name])

    out.choices["animate"] = mode
    out.settings |= {"animate.color_match": 0, "animate.sharpen": 0}
    out.settings["fps"] = number("fps", take("fps"))
    if mode == "video":
        over_video(given, take, out)
        return
    for name in FLAT if mode == "2d" else (*DEEP, "fov"):
        out.settings[f"animate.{name}"] = keyed(name, take(name))
    if mode == "3d":
        out.settings["animate.near"] = number("near_plane", take("near_plane"))
        out.settings["animate.far"] = number("far_plane", take("far_plane"))
        padding = text("padding_mode", take("padding_mode")).strip().lower()
        out.settings["animate.border"] = BORDERS.get(padding, "border")
        turbo(take, out)
        eyes(take, out)
        if "animate.stereo" not in out.settings:
            out.notes.append(
                "depth is a plane; animate.depth=depth_anything estimates it, and "
                "animate.depth=FOLDER takes depth maps"
            )
    else:
        out.settings["animate.border"] = "wrap"
    spline = text("interp_spline", take("interp_spline")).strip().lower()
    out.settings["animate.interpolation"] = WAYS.get(spline, "linear")
    out.settings["animate.strength"] = 1 - skipped(given, take("frames_skip_steps"))
    if given.take("max_frames") is not None:
        out.settings["frames"] = number("max_frames", given.explicit["max_frames"])


def over_video(given: Given, take: Callable[[str], Any], out: Translation) -> None:
    """Translate a film over a video, which keeps to the video's time and length here, and always
    checks where its optical flow can be trusted."""
    for name in ("max_frames", "extract_nth_frame", "video_init_check_consistency"):
        given.take(name)
    out.settings["animate.video"] = text("video_init_path", take("video_init_path"))
    blend = number("video_init_flow_blend", take("video_init_flow_blend"))
    warps = truth("video_init_flow_warp", take("video_init_flow_warp"))
    out.settings["animate.flow_blend"] = blend if warps else 0
    left_out = skipped(given, take("video_init_frames_skip_steps"))
    out.settings["animate.strength"] = 1 - left_out
    out.notes.append("the film over the video has its length and speed, at the fps here")


def turbo(take: Callable[[str], Any], out: Translation) -> None:
    """Translate turbo, which Disco has in three dimensions, after the first turbo_preroll
    frames."""
    steps, preroll = (number(name, take(name)) for name in ("turbo_steps", "turbo_preroll"))
    if truth("turbo_mode", take("turbo_mode")):
        later = {"hold": f"0: (1), {preroll}: ({steps})"}
        out.settings["animate.cadence"] = later if preroll > 0 else steps


def eyes(take: Callable[[str], Any], out: Translation) -> None:
    """Translate VR, whose eyes saw a sphere there, and need depths."""
    distance, angle = (number(name, take(name)) for name in ("vr_ipd", "vr_eye_angle"))
    if truth("vr_mode", take("vr_mode")):
        out.settings |= {"animate.stereo": "side_by_side", "animate.depth": "depth_anything"}
        out.settings |= {"animate.eye_distance": distance, "animate.eye_angle": angle}
        out.notes.append("vr_mode: both eyes see flat pictures here, side by side in one film")


def skipped(given: Given, value: Any) -> float:
    """Return the share of the steps that frames_skip_steps leaves out, of "60%" or a number."""
    written = text("frames_skip_steps", value).strip()
    if written.endswith("%"):
        return float(number("frames_skip_steps", written[:-1])) / 100
    steps = max(1, number("steps", given.values["steps"]))  # which is refused itself below 1
    return float(number("frames_skip_steps", value) / steps)


def keyed(name: str, value: Any) -> Any:
    """Return key frames as they are written, or a number."""
    return value if isinstance(value, str) else number(name, value)


def deforum(values: Mapping[str, Any], out: Translation) -> set[str]:
    """Translate Deforum's animation, and return the names of the settings that were taken."""
    mode = film_of(values.get("animation_mode"))
    if not mode:
        return set()
    out.choices["animate"] = mode
    taken = {"animation_mode"}
    camera = {"2d": FLAT, "3d": DEEP, "video": ()}[mode]
    if mode == "video":  # whose frames begin with the video's own
        path = values.get("video_init_path", "")
        out.attempt("animate.video", lambda: text("video_init_path", path))
        out.settings["animate.flow_blend"] = 0
        taken |= {"video_init_path", "extract_nth_frame", "max_frames"}
    names = {name: name for name in camera} | DEFORUM
    names |= {"fov_schedule": "fov"} if mode == "3d" else {}
    for theirs, ours in names.items():
        value = values.get(theirs)
        if isinstance(value, str | int | float):
            written = SEED.sub("seed", value) if isinstance(value, str) else value
            out.settings[f"animate.{ours}"] = inverted(written) if ours == "strength" else written
            taken.add(theirs)
    border = str(values.get("border") or "").strip().lower()
    if border in ("wrap", "replicate"):
        out.settings["animate.border"] = "wrap" if border == "wrap" else "border"
        taken.add("border")
    if str(values.get("color_coherence") or "None").strip().lower() == "none":
        out.settings["animate.color_match"] = 0
        taken.add("color_coherence")
    if str(values.get("optical_flow_cadence") or "None").strip().lower() != "none":
        out.settings["animate.between"] = "flow"
        taken.add("optical_flow_cadence")
    named = (("max_frames", "frames"), ("fps", "fps"), ("diffusion_cadence", "animate.cadence"))
    for theirs, ours in named:
        if values.get(theirs) not in (None, "") and theirs not in taken:
            taken.add(theirs)
            out.attempt(ours, partial(number, theirs, values[theirs]))
    return taken


def inverted(value: str | int | float) -> str | float:
    """Return 1 less a value, or less each value of key frames: Deforum's strength is the share of
    the steps that are left out."""
    if not isinstance(value, str):
        return 1 - value
    parts, depth = [""], 0
    for letter in value:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    keyed = [part.partition(":") for part in parts if part.strip()]
    return ", ".join(
        f"{key.strip()}: (1-({inside.strip()}))" if colon else f"1-({key.strip()})"
        for key, colon, inside in keyed
    )
