"""Settings of the CLIP guide."""

import pytest

from guided.guides.clip import ClipGuide


@pytest.mark.parametrize(
    "width, height, scale",
    [(500, 500, 2500), (32, 32, 2500), (2000, 1000, 5e4), (1500, 750, 26250), (4096, 4096, 5e4)],
)  # fmt: skip
def test_auto_scale_grows_with_the_pixels(width: int, height: int, scale: float) -> None:
    settings = ClipGuide(scale="auto")
    resolved = settings.resolve_auto((width, height), 250)
    assert resolved.scale(0.5) == pytest.approx(scale)
    assert settings.scale == "auto"  # another picture of a batch may have another size


@pytest.mark.parametrize("name, wrong", [("combine", "add"), ("weights", "l1"), ("long", "trim")])
def test_unknown_choices_are_refused_by_name(name: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=f"{name}={wrong} is not one of"):
        ClipGuide(**{name: wrong})


def test_a_negative_scale_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="scale=-5"):
        ClipGuide(scale=-5)
