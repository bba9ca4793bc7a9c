"""The settings `upscale` and `upscaler`, checked before torch is imported."""

from __future__ import annotations

from importlib.util import find_spec

from guided.errors import BadInput, check_number, nearest, not_one_of, shown
from guided.models.cards import is_path, locate
from guided.models.recognise import shapes

FACTORS = (2, 4)
GUIDED = "guided"  # drawn again at twice the size
EMBEDDED, BICUBIC = "embedded", "bicubic"
WEIGHTS = "embedded/upscaler.safetensors"  # of EMBEDDED
ENDINGS = (".safetensors", ".pth", ".pt", ".ckpt")


def read_upscale(value: object) -> int | None:
    """Return the factor, 2 or 4, and of `guided` 2; None: none. Raise BadInput for another."""
    if value == GUIDED:
        return 2
    if value is not None and value not in FACTORS:
        raise BadInput(not_one_of("upscale", value, [*map(str, FACTORS), GUIDED]))
    return value if isinstance(value, int) else None


def read_redraw(upscale: object, strength: float | None, usual: float) -> float | None:
    """Return the share of the steps with which `upscale=guided` draws the enlarged picture again,
    the `usual` one unless a strength is set; None if it is not drawn again. Raise BadInput for a
    strength that is out of range or has no effect."""
    if upscale != GUIDED:
        if strength is not None:
            raise BadInput(f"upscale_strength={strength} needs upscale=guided")
        return None
    strength = usual if strength is None else strength
    try:
        check_number("upscale_strength", strength, 0.01, 1)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return strength


def read_upscaler(value: str | None, own: str, upscales: bool) -> str:
    """Return the name of the weights of the chosen upscaler; empty: bicubic interpolation. Unless
    one is chosen they are the model's `own`, and without these the embedded one's if the picture
    is upscaled. Raise BadInput for anything but a choice or a file of weights."""
    if value is None:
        return own or (WEIGHTS if upscales else "")
    if value in (EMBEDDED, BICUBIC):
        return WEIGHTS if value == EMBEDDED else ""
    if not value.lower().endswith(ENDINGS):
        raise BadInput(
            f"upscaler={shown(value)} is not {EMBEDDED}, {BICUBIC} or a file "
            f"({', '.join(ENDINGS)}){nearest(value, (EMBEDDED, BICUBIC))}"
        )
    return value if is_path(value) else f"./{value}"


def check_upscaler(name: str) -> None:
    """Raise BadInput unless the weights of an upscaler are there and can be used."""
    if not name:
        return
    path = locate(name)
    if path is None or not path.is_file():
        raise BadInput(f"upscaler={name} is not there")
    if not is_path(name):  # spandrel reads a file of the user's
        return
    if find_spec("spandrel") is None:
        raise BadInput(
            f"upscaler={name}: to use an upscaling network of others needs spandrel, which is not "
            "here: pip install spandrel; or upscaler=embedded"
        )
    try:
        shapes(path)
    except BadInput as error:
        raise BadInput(f"upscaler={name}: {error}") from error
