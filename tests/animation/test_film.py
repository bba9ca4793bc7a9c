import numpy as np
import pytest
import torch

from guided.animation.camera import Move
from guided.animation.colours import statistics
from guided.animation.film import read_film
from guided.animation.settings import Animation
from guided.animation.warp import flat
from guided.config.composition import compose
from guided.config.plan import Plan
from guided.errors import BadInput

SIZE = (32, 24)


def film(frames=10, fps=5, seed=7, **settings):
    return read_film(Animation(**settings), frames, fps, seed, SIZE)


def picture(seed=0):
    dice = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 6, 8, generator=dice)
    return torch.nn.functional.interpolate(coarse, (24, 32), mode="bicubic").clamp(0, 1)


def test_values_are_those_of_the_frame():
    made = film(angle="0: (0), 9: (18)", zoom="1 + s", translation_x="0.1*w", strength=0.3)
    assert made.move(3) == Move(angle=6, zoom=1.6, translation_x=3.2)
    assert made.value("strength", 9) == 0.3
    assert list(made.made) == list(range(10))
    assert list(film(frame=0).made) == [0]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, True),
        ({"prompts": {0: "a"}}, True),
        ({"mode": "3d", "fov": 60}, True),
        ({"prompts": {0: "a", 5: "b"}}, False),
        ({"angle": "0: (0), 5: (1)"}, False),
        ({"mode": "3d", "translation_z": 3}, False),
        ({"vary": {"guide.clip.scale": "100*t"}}, False),
    ],
)
def test_a_film_in_which_nothing_moves_is_told(settings, told, caplog):
    film(**settings)
    assert ("nothing moves in this film" in caplog.text) == told


def test_a_film_without_any_prompt_says_where_prompts_go():
    with pytest.raises(BadInput, match=r"prompt is empty: .* or animate\.prompts="):
        Plan.read(compose(["animate=morph"]))


def test_more_can_be_drawn_where_prompts_change():
    made = film(prompts={0: "a", 8: "b"}, strength="0.4 + 0.3*change")
    assert [made.value("strength", k) for k in (0, 4, 9)] == pytest.approx([0.4, 0.7, 0.4])
    assert film(strength="0.4 + 0.3*change").value("strength", 4) == 0.4


def test_frames_have_seeds_of_their_own_unless_they_are_fixed():
    assert [film().seed_of(k) for k in (0, 1, 9)] == [7, 8, 16]
    assert {film(seeds="fixed").seed_of(k) for k in range(10)} == {7}


def test_warped_noise_is_that_of_the_frame_before_moved():
    made, still = film(seeds="warped", translation_x=2, border="wrap"), film(seeds="warped")
    assert film().noise(3) is None
    first = made.noise(0)
    assert torch.equal(first, torch.randn(1, 3, 24, 32, generator=torch.manual_seed(7)))
    assert torch.allclose(made.noise(3), first.roll(6, 3), atol=1e-5)
    assert torch.allclose(still.noise(9), first, atol=1e-5)
    alone = film(seeds="warped", zoom=1.1)
    in_order = [alone.noise(frame) for frame in range(5)]
    assert torch.equal(film(seeds="warped", zoom=1.1).noise(4), in_order[4])
    assert torch.equal(alone.noise(2), in_order[2])
    assert [made.seed_of(k) for k in (0, 4)] == [7, 11]


def test_another_seed_is_the_seed_of_expressions_too():
    made = film(angle="seed")
    assert made.move(1).angle == 7
    assert made.seeded(9).move(1).angle == 9
    assert made.seeded(9).seed_of(1) == 10


def test_a_frame_begins_with_the_one_before_moved_by_the_camera():
    made = film(translation_x=4, color_match=0, sharpen=0, border="mirror")
    before = picture()
    begun = made.begun(before, None, 1)
    expected, uncovered = flat(before, Move(translation_x=4).flat(SIZE), "mirror")
    assert torch.equal(begun.image, expected.clamp(0, 1))
    assert torch.equal(begun.uncovered, uncovered)
    assert begun.uncovered[0, 0, 0, :3].all()


def test_colours_are_matched_partly_to_those_of_the_frames_before():
    made = film(color_match=0.5, sharpen=0, color_memory=0.9)
    before, usual = picture(), statistics(picture(1))
    begun = made.begun(before, usual, 1)
    reference = [0.9 * old + 0.1 * new for old, new in zip(usual, statistics(before), strict=True)]
    assert begun.colours == pytest.approx(reference, abs=0.3)
    drawn = picture(2)
    halfway = [(a + b) / 2 for a, b in zip(statistics(drawn), reference, strict=True)]
    found = made.finished(drawn, begun, 1)
    assert statistics(found)[:3] == pytest.approx(halfway[:3], abs=1.5)
    assert torch.equal(film(color_match=0).finished(drawn, begun, 1), drawn)
    assert made.begun(before, None, 1).colours == pytest.approx(statistics(before), abs=0.3)


def test_drawing_that_adds_contrast_in_each_frame_does_so_only_a_little():
    made = film(frames=60, sharpen=0)
    image, colours = picture() * 0.6 + 0.2, None
    first = image
    for frame in range(1, 60):
        begun = made.begun(image, colours, frame)
        drawn = (begun.image - 0.5) * 1.05 + 0.5  # 18 times as much, if all is added up
        image, colours = made.finished(drawn, begun, frame), begun.colours
    assert (image.mean((2, 3)) - first.mean((2, 3))).abs().max() < 2 / 255
    assert image.std() == pytest.approx(float(first.std()), rel=0.05)


def test_a_change_of_colours_by_the_camera_is_no_drift():
    """A film whose frames are drawn as they begin has no drift, wherever the camera goes: its
    colours are left as they are, with the strongest match to the longest memory."""
    given = {"color_match": 1, "color_memory": 1, "sharpen": 0, "zoom": 1.2, "translation_x": 3}
    made, plain = film(**given, frames=9), film(**given | {"color_match": 0}, frames=9)
    image = wanted = picture() * torch.linspace(1, 0.2, SIZE[0])
    first = image.mean()
    colours = None
    for frame in range(1, 9):
        begun = made.begun(image, colours, frame)
        image, colours = made.finished(begun.image, begun, frame), begun.colours
        wanted = plain.begun(wanted, None, frame).image
    assert (image - wanted).abs().max() < 2 / 255
    assert abs(wanted.mean() - first) > 10 / 255


def test_what_is_drawn_where_the_camera_uncovered_something_is_no_drift():
    made = film(color_match=1, color_memory=1, sharpen=0, translation_x=8, frames=4)
    first = made.begun(picture(), None, 1)
    drawn = torch.where(
        first.uncovered, torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1), first.image
    )
    assert (drawn - first.image).abs().mean() > 10 / 255
    plain = film(color_match=0, sharpen=0, translation_x=8, frames=4).begun(drawn, None, 2)
    again = made.begun(drawn, first.colours, 2)
    found = made.finished(again.image, again, 2)
    assert (found - plain.image)[~again.uncovered.expand(1, 3, -1, -1)].abs().max() < 2 / 255


def test_colours_may_change_where_prompts_do():
    made = film(frames=60, prompts={0: "a rose", 10: "a rose", 20: "a sunflower"})
    steady = [made.steadiness(frame) for frame in range(60)]
    assert steady[:11] == [1] * 11
    assert steady[15] == 0  # midway
    assert steady[16] == pytest.approx(0.04)
    assert steady[21] == pytest.approx(1 - 0.84 / 2)  # 0.84 was four drawn frames ago
    assert steady[28:] == [1] * 32
    held = film(frames=60, prompts={"hold": {0: "a rose", 17: "a cat"}}, cadence=4)
    assert [held.steadiness(frame) for frame in (16, 20, 24)] == pytest.approx([1, 0, 1 / 8])
    before, usual = picture(), statistics(picture(1))
    begun = held.begun(before, usual, 24)
    assert begun.colours == pytest.approx(statistics(before), abs=0.3)  # the average begins anew
    assert torch.equal(held.finished(picture(2), begun, 20), picture(2))


def test_a_loop_leads_back_to_its_first_picture():
    """Behind the last frame comes the first again, moved by no more than the camera is."""
    made = film(frames=12, loop=True, zoom=1.1, translation_x=1, color_match=0, sharpen=0)
    shares = [made.share_of_first(frame) for frame in range(12)]
    assert shares == [0] * 9 + [0.25, 0.5, 0.75]
    assert [made.strength(frame) for frame in (0, 9, 11)] == [0.5, 0.375, 0.125]  # of 0.5
    assert not any(film(frames=12).share_of_first(frame) for frame in range(12))
    before, first = picture(1), picture(2)
    begun = made.begun(before, None, 11, first).image
    move = Move(zoom=1.1, translation_x=1).flat(SIZE)
    there = flat(begun, move, "border")[0]
    alone = flat(flat(before, move, "draw")[0], move, "border")[0]
    expected = 0.75 * first + 0.25 * alone
    assert (there - expected)[..., 4:-4, 4:-4].abs().mean() < 0.01
    plain = made.begun(before, None, 11).image
    assert torch.equal(begun[..., 0, 0], plain[..., 0, 0])  # which the first picture is not at


@pytest.mark.parametrize("frames", [9, 24, 48])
def test_the_loop_preset_swings_to_both_sides_and_comes_back(frames):
    made = Plan.read(compose(["prompt=a rose", "animate=loop", f"frames={frames}"])).film
    places, path = [], np.eye(3)
    for k in (*range(1, frames), 0):
        path = made.step(k) @ path
        places.append(path[:2, 2] / made.timing.size)
    assert places[-1] == pytest.approx([0, 0], abs=1e-9)
    assert np.min(places, 0) == pytest.approx([-0.15, -0.06], rel=0.1)
    assert np.max(places, 0) == pytest.approx([0.15, 0.06], rel=0.1)


def test_sharpening_and_noise_change_what_a_frame_begins_with():
    before, off = picture(), {"color_match": 0, "sharpen": 0}
    plain = film(**off).begun(before, None, 1).image
    sharp = film(**off | {"sharpen": 1}).begun(before, None, 1).image
    assert sharp.std() > plain.std()
    noisy = film(**off, noise=0.1).begun(before, None, 1).image
    assert (noisy - plain).std() == pytest.approx(0.1, abs=0.03)
    assert torch.equal(noisy, film(**off, noise=0.1).begun(before, None, 1).image)
    assert not torch.equal(noisy, film(**off, noise=0.1).begun(before, None, 2).image)


def test_a_camera_in_space_goes_forward():
    made = film(mode="3d", translation_z=20, color_match=0, sharpen=0)
    grid = torch.zeros(1, 3, 24, 32)
    grid[..., 12:, :] = 1
    grid[..., :, 16:] = 1
    begun = made.begun(picture(), None, 1)
    assert not begun.uncovered.any()
    again = flat(picture(), Move(translation_z=20).plane(SIZE, 200), "draw")[0]
    assert torch.equal(begun.image, again.clamp(0, 1))


@pytest.fixture
def video(tmp_path):
    """A video of a texture that moves two pixels to the right in each of its eight frames."""
    av = pytest.importorskip("av")
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.options = {"crf": "4"}
        for k in range(8):
            image, _ = flat(picture(), Move(translation_x=2 * k).flat(SIZE), "mirror")
            levels = (image[0] * 255).byte().permute(1, 2, 0).numpy()
            container.mux(stream.encode(av.VideoFrame.from_ndarray(levels, format="rgb24")))
        container.mux(stream.encode())
    return str(path)


def test_a_film_over_a_video_has_its_length_and_speed(video):
    made = read_film(Animation(mode="video", video=video), None, None, 0, SIZE)
    assert (made.timing.frames, made.timing.fps) == (8, 4)
    assert not made.uncovers(1)


@pytest.mark.parametrize("frame", [1, 2, 3])
def test_frames_between_move_along_the_flow_of_the_video_from_both_sides(video, frame):
    made = read_film(Animation(mode="video", video=video, cadence=4), 8, None, 0, SIZE)
    first, last, exact = (
        flat(picture(9), Move(translation_x=2 * k).flat(SIZE), "mirror")[0] for k in (0, 4, frame)
    )
    shown, _ = made.between(first, last, frame)
    inside = (..., slice(5, -5), slice(10, -10))
    faded = first + frame / 4 * (last - first)
    assert (shown - exact)[inside].abs().mean() < 0.4 * (faded - exact)[inside].abs().mean()


def test_the_frame_before_moves_along_the_flow_of_the_video(video):
    drawn, off = picture(9), {"color_match": 0, "sharpen": 0, "mode": "video", "video": video}
    made = read_film(Animation(**off, flow_blend=1), None, None, 0, SIZE)
    begun = made.begun(drawn, None, 3).image
    expected, _ = flat(drawn, Move(translation_x=2).flat(SIZE), "border")
    inside = (begun - expected).abs()[..., 6:-6, 8:-6]
    assert inside.mean() < 0.03
    assert (begun - drawn).abs()[..., 6:-6, 8:-6].mean() > 2 * inside.mean()
    plain = read_film(Animation(**off, flow_blend=0), None, None, 0, SIZE)
    shown, _ = flat(picture(), Move(translation_x=6).flat(SIZE), "mirror")
    grey = (plain.begun(drawn, None, 3).image - shown).mean(1)  # colours are stored coarsely
    assert grey.abs().mean() < 0.03


@pytest.mark.parametrize(
    ("settings", "frames", "fps", "part"),
    [
        ({"zoom": "0: (1), 9: (0)"}, 10, 5, "animate.zoom: at frame 9 it is 0"),
        ({"angle": "1/(t-4)"}, 10, 5, "animate.angle: 1/(t-4) is"),
        ({"strength": "2"}, 10, 5, "animate.strength: at frame 0 it is 2, and must be"),
        ({}, 0, 5, "frames=0 must be a whole number from 1"),
        ({}, 10, 0, "fps=0 must be a number from 0.1"),
        ({"format": "gif"}, 10, 60, "fps=60 must be a number from 0.1 to 50"),
        ({"frame": 10}, 10, 5, "animate.frame=10 is not one of frames=10"),
        ({"prompts": "a castle"}, 10, 5, "animate.prompts=a castle must be prompts by frame"),
    ],
)
def test_what_no_frame_can_have_is_refused_before_anything_is_drawn(settings, frames, fps, part):
    with pytest.raises(BadInput) as caught:
        film(frames, fps, **settings)
    assert part in str(caught.value)


def test_frames_without_a_film_are_refused():
    assert read_film(None, None, None, 0, SIZE) is None
    with pytest.raises(BadInput, match="frames=9 needs a film: animate=2d"):
        read_film(None, 9, None, 0, SIZE)


def test_edges_that_meet_do_so_after_shifts_that_wrap():
    assert film(translation_x="t", border="wrap").keeps_edges
    assert film(border="draw").keeps_edges
    assert not film(translation_x=1, border="mirror").keeps_edges
    assert not film(angle="0: (0), 9: (1)", border="wrap").keeps_edges
    assert not film(mode="3d", border="wrap").keeps_edges
