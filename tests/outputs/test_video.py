"""Films of the making: the pictures in them, how long they stay, and the settings inside."""

from fractions import Fraction

import av
import pytest
import torch
from PIL import Image

from guided.interfaces import Frame, Prediction, Run
from guided.outputs import video
from guided.outputs.video import Video
from guided.runs import layout, metadata, record

SETTINGS = {
    "prompt": "一颗 <red> heart", "steps": 5, "seed": 9, "size": [7, 5], "model": {"name": "m"},
    "clip": {}, "sampler": {"_target_": "a.DDIM"}, "count": 2, "words": ["prompt=x"],
}  # fmt: skip
FORMATS = ("mp4", "gif", "webp")


@pytest.fixture
def run(tmp_path):
    def enlarge(image, times):
        return image.repeat_interleave(times, 2).repeat_interleave(times, 3)

    return Run(tmp_path, SETTINGS, [], count=2, steps=5, enlarge=enlarge)


def frame(step, index=0):
    """Brighter with every step, red below and green above; sides are odd."""
    image = torch.zeros(1, 3, 5, 7)
    image[:, 0, 3:] = image[:, 1, :3] = step / 5
    guess = Prediction(image, image)
    return Frame(index, 9 + index, step, 5, step / 5, image, guess, 0.1)


def filmed(run, settings, steps=(1, 2, 3, 4, 5)):
    with settings.open(run) as viewer:
        for step in steps:
            viewer.see(frame(step))
    return run.folder / f"video_0000.{settings.format}"


def decoded(path) -> list[tuple[Image.Image, float]]:
    """Pictures, and the seconds that each stays, as an independent reader sees them."""
    if path.suffix == ".mp4":
        with av.open(str(path)) as film:
            rate = film.streams.video[0].average_rate
            return [(f.to_image(), float(1 / rate)) for f in film.decode(video=0)]
    found = []
    with Image.open(path) as film:
        for k in range(film.n_frames):
            film.seek(k)
            film.load()
            found.append((film.convert("RGB"), film.info["duration"] / 1000))
    return found


@pytest.mark.parametrize("format", FORMATS)
def test_every_step_is_in_it_and_the_last_one_stays(run, format):
    shown = decoded(filmed(run, Video(format=format, fps=10, hold=0.5, enlarge=8)))
    assert sum(seconds for _, seconds in shown) == pytest.approx(5 * 0.1 + 0.5)
    for k, (image, _) in enumerate(shown[:5]):
        top, bottom = image.getpixel((20, 5)), image.getpixel((20, 36))
        expected = 255 * (k + 1) / 5
        assert top == pytest.approx((0, expected, 0), abs=12)
        assert bottom == pytest.approx((expected, 0, 0), abs=12)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(("every", "steps"), [(2, [1, 3, 5]), (3, [1, 4, 5]), (9, [1, 5])])
def test_steps_may_be_left_out_but_never_the_last(run, format, every, steps):
    shown = decoded(filmed(run, Video(format=format, every=every, hold=0, enlarge=8)))
    brightness = [round(image.getpixel((20, 5))[1] / 51) for image, _ in shown]
    assert brightness == steps


def test_an_mp4_is_what_browsers_play(run):
    """H.264 in yuv420p, whose sides are even, with its index in front of the pictures."""
    path = filmed(run, Video(fps=12.5))
    with av.open(str(path)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (8, 6)
        assert stream.average_rate == Fraction(25, 2)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("format", FORMATS)
def test_how_it_was_made_is_inside_at_any_length(run, format):
    prompt = "一颗 <red> heart & 🎨\n" * 9000
    run.settings = SETTINGS | {"prompt": prompt}
    found = record.read(filmed(run, Video(format=format)))
    own = {"count": 1, "keep": None, "words": ["prompt=x", "seed=9"]}
    assert found == run.settings | own


def test_other_programs_find_the_parameters_in_the_comment_of_an_mp4(run):
    with av.open(str(filmed(run, Video()))) as film:
        said = film.metadata["comment"].splitlines()
    assert said[0] == SETTINGS["prompt"]
    assert "Seed: 9" in said[-1]


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_that_was_stopped_makes_the_same_film(run, tmp_path, format):
    """Killed after the third step, gone on from the second, as from a checkpoint."""
    settings = Video(format=format)
    whole = filmed(run, settings)
    data = whole.read_bytes()
    whole.unlink()
    with settings.open(run) as viewer:
        for step in (1, 2, 3):
            viewer.see(frame(step))
    assert not whole.exists()
    assert filmed(run, settings, (3, 4, 5)).read_bytes() == data
    assert list((run.folder / layout.FRAMES).iterdir()) == []


def test_a_film_that_is_there_is_not_made_again_of_what_is_left(run):
    """Killed behind the film, whose pictures are gone by then."""
    settings = Video(format="webp")
    whole = filmed(run, settings)
    before = (whole.stat().st_ino, whole.read_bytes())
    filmed(run, settings, (4, 5))
    assert (whole.stat().st_ino, whole.read_bytes()) == before


def test_pictures_drawn_by_turns_have_a_film_each(run):
    with Video(format="webp").open(run) as viewer:
        for step in range(1, 6):
            for index in (0, 1):
                viewer.see(frame(step, index))
    seeds = [record.read(run.folder / f"video_000{k}.webp")["seed"] for k in (0, 1)]
    assert seeds == [9, 10]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"format": "avi"}, "format=avi is not one of mp4, gif, webp"),
        ({"fps": 0}, "fps=0"),
        ({"format": "gif", "fps": 60}, "fps=60.*nearest is 50"),
        ({"every": 0}, "every=0"),
        ({"hold": -1}, "hold=-1"),
        ({"quality": 101}, "quality=101"),
    ],
)
def test_settings_are_checked(settings, part):
    with pytest.raises(ValueError, match=part):
        Video(**settings)


def test_a_side_that_is_too_long_is_told_before_it_is_drawn():
    Video(enlarge=4).check((2048, 64))
    with pytest.raises(ValueError, match="8192 pixels a side"):
        Video(enlarge=4).check((2080, 64))


def test_without_pyav_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install av") as caught:
        Video()
    assert "\n" not in str(caught.value)
    Video(format="gif")
    Video(format="webp")


def test_a_film_that_is_broken_is_told(tmp_path):
    path = tmp_path / "film.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(40))
    with pytest.raises(record.BadInput, match=r"film\.mp4 cannot be read as a film"):
        metadata.read(path)
