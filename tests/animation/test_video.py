import pytest

from guided.animation.video import open_video
from guided.errors import BadInput

av = pytest.importorskip("av")
SIZE = (32, 24)
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255)]


@pytest.fixture
def video(tmp_path):
    """A video of one second, with a colour for each of its six pictures."""
    from PIL import Image

    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=6)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for colour in COLOURS:
            picture = av.VideoFrame.from_image(Image.new("RGB", (64, 48), colour))
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def nearest(picture):
    """Return the number of the colour that a picture has."""
    pixel = picture.getpixel((16, 12))
    return min(
        range(6), key=lambda k: sum((a - b) ** 2 for a, b in zip(pixel, COLOURS[k], strict=True))
    )


@pytest.mark.parametrize(
    ("fps", "expected"),
    [
        (None, [0, 1, 2, 3, 4, 5, 5, 5]),
        (3, [0, 2, 4, 5]),
        (12, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5]),
    ],
)
def test_frames_are_those_that_are_shown_at_their_time(video, fps, expected):
    opened = open_video(str(video), fps)
    pictures = [opened.frame(k, SIZE) for k in range(len(expected))]
    assert {picture.size for picture in pictures} == {SIZE}
    assert list(map(nearest, pictures)) == expected


def test_frames_may_be_read_in_any_order(video):
    opened = open_video(str(video), None)
    assert [nearest(opened.frame(k, SIZE)) for k in (4, 1, 5, 0)] == [4, 1, 5, 0]


def test_the_videos_own_speed_and_length_are_known(video):
    opened = open_video(str(video), None)
    assert (opened.fps, opened.seconds) == (6, pytest.approx(1, abs=0.05))


def test_a_video_is_the_same_however_much_of_it_was_read(video):
    opened = open_video(str(video), None)
    opened.frame(3, SIZE)
    assert opened == open_video(str(video), None)
    assert opened != open_video(str(video), 3)


def test_a_video_of_an_unknown_codec_is_refused_in_one_line(video):
    content = video.read_bytes()
    video.write_bytes(content.replace(b"avc1", b"zzzz").replace(b"avcC", b"zzzz"))
    with pytest.raises(BadInput, match="has pictures of an unknown codec"):
        open_video(str(video), None)


def test_texts_in_a_video_may_be_in_any_encoding(video):
    content = video.read_bytes()
    assert b"Lavf" in content  # the name of the program that wrote it
    video.write_bytes(content.replace(b"Lavf", b"L\xe4vf"))
    assert nearest(open_video(str(video), None).frame(2, SIZE)) == 2


def test_a_list_of_other_files_is_no_video(video):
    script = video.with_name("script.mp4")
    script.write_text(f"ffconcat version 1.0\nfile {video.name}\n")
    with av.open(str(script)) as container:  # FFmpeg opens the other file
        assert container.streams.video
    with pytest.raises(BadInput, match="is no video that can be read"):
        open_video(str(script), None)


def test_what_is_no_video_is_refused_in_one_line(tmp_path):
    with pytest.raises(BadInput, match="the file"):
        open_video(str(tmp_path / "missing.mp4"), None)
    for data in (b"", b"not a video", b"\x00\x00\x00\x18ftypmp42" + b"\x00" * 400):
        (tmp_path / "odd.mp4").write_bytes(data)
        with pytest.raises(BadInput) as caught:
            open_video(str(tmp_path / "odd.mp4"), None)
        assert str(caught.value).startswith("animate.video=")
        assert "\n" not in str(caught.value)
