import pytest

from guided.batch.run import draw
from guided.errors import BadInput

SHORT = [
    *("prompt=a red heart", "seed=5", "steps=4", "sampler.recurrence=1", "cutouts.overview=1"),
    *("cutouts.inner=1", "animate=2d", "animate.preview=true", "animate.cadence=1"),
]
HALF = "animate.strength=0.5"


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        ([HALF, "frames=5", "animate.zoom=1.1"], 4 + 4 * 2),
        (
            [HALF, "frames=5", "animate.zoom=0.9"],
            4 + 4 * 4,
        ),  # the border is drawn from the first step
        ([HALF, "frames=5", "animate.zoom=0.9", "animate.border=wrap"], 4 + 4 * 2),
        (["frames=3", "animate.strength='1: (0.25), 2: (1)'"], 4 + 1 + 4),
    ],
)
def test_a_preview_is_a_page_without_pictures(tmp_path, words, steps):
    folder = draw([*SHORT, *words, f"folder={tmp_path}"])
    assert [path.name for path in folder.iterdir()] == ["preview.html"]
    text = (folder / "preview.html").read_text()
    assert f"{steps} steps, about" in text
    assert "a red heart" in text


def test_a_preview_shows_one_film(tmp_path):
    with pytest.raises(BadInput, match="shows one film, not those of 2 rows"):
        draw([*SHORT, "frames=2", "animate.zoom=1.1,1.2", f"folder={tmp_path}"], ["--multirun"])
    assert not list(tmp_path.iterdir())
