"""Films from pictures: MP4 through PyAV, GIF and WebP through Pillow, with the settings inside.

The same pictures make the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from guided.animation.sound import samples
from guided.runs import metadata

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer

GIF_UNIT = 10  # milliseconds, in which a GIF counts
SOUND_RATE = 44_100  # samples per second


@dataclass(frozen=True)
class Film:
    """The format and timing of a film."""

    format: str  # mp4, gif or webp
    fps: float
    hold: float  # seconds that the last picture stays
    quality: int  # 1 to 100, of mp4 and webp
    sound: Path | None = None  # of mp4; cut, or followed by silence, to be as long

    def encode(self, paths: Sequence[Path], texts: dict[str, str]) -> bytes:
        if self.format == "mp4":
            return self._mp4(paths, texts)
        return self._gif(paths, texts) if self.format == "gif" else self._webp(paths, texts)

    def _mp4(self, paths: Sequence[Path], texts: dict[str, str]) -> bytes:
        """Return H.264 in yuv420p, which every browser plays."""
        import av

        path = paths[0].with_name("film.mp4")  # a file of its own: faststart writes it twice
        rate = Fraction(self.fps).limit_denominator(1001)
        # use_metadata_tags: any name, and texts of any length; faststart: plays while it loads.
        options = {"movflags": "+faststart+use_metadata_tags", "fflags": "+bitexact"}
        with av.open(str(path), "w", format="mp4", options=options) as container:
            for name, text in metadata.mp4_tags(texts).items():
                container.metadata[name] = text
            stream = container.add_stream("libx264", rate=rate)
            # One thread, because the bytes depend on their number.
            stream.options = {"crf": str(crf(self.quality)), "preset": "medium", "threads": "1"}
            first = even(opened(paths[0]))
            stream.width, stream.height, stream.pix_fmt = first.width, first.height, "yuv420p"
            context = stream.codec_context  # BT.709, also in the header
            context.color_primaries = context.color_trc = context.colorspace = 1
            context.color_range = 1
            heard = self._add_sound(container, len(paths) + round(self.hold * self.fps))
            for n, image in enumerate(self._pictures(paths)):
                frame = av.VideoFrame.from_image(even(image))
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
                )
                frame.pts, frame.time_base = n, 1 / rate
                container.mux(stream.encode(frame))
                next(heard, None)
            container.mux(stream.encode())
            next(heard, None)
        return path.read_bytes()

    def _add_sound(self, container: OutputContainer, count: int) -> Iterator[None]:
        """Add a stream of AAC, and return an iterator that writes the sound of one picture after
        the other, of `count`, and then the encoder's rest."""
        if self.sound is None:
            return iter(())
        stream = container.add_stream("aac", rate=SOUND_RATE, layout="stereo")
        stream.bit_rate = 192_000
        return self._write_sound(container, stream, self.sound, count)

    def _write_sound(
        self, container: OutputContainer, stream: AudioStream, path: Path, count: int
    ) -> Iterator[None]:
        import av

        ends = [round(k * SOUND_RATE / self.fps) for k in range(count + 1)]
        lengths = (after - before for before, after in pairwise(ends))
        for first, part in zip(ends, samples(path, SOUND_RATE, "stereo", lengths), strict=False):
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = SOUND_RATE, first
            container.mux(stream.encode(frame))
            yield
        container.mux(stream.encode())
        yield

    def _pictures(self, paths: Sequence[Path]) -> Iterator[Image.Image]:
        """Yield all pictures, the last one for the seconds of `hold`."""
        for path in paths:
            yield opened(path)
        for _ in range(round(self.hold * self.fps)):
            yield opened(paths[-1])

    def durations(self, count: int, unit: int = 1) -> list[int]:
        """Return the duration of each picture in multiples of `unit` milliseconds; rounding errors
        do not add up."""
        ends = [round(k * 1000 / self.fps / unit) * unit for k in range(count + 1)]
        durations = [after - before for before, after in pairwise(ends)]
        durations[-1] += round(self.hold * 1000 / unit) * unit
        return durations

    def _gif(self, paths: Sequence[Path], texts: dict[str, str]) -> bytes:
        first, *rest = [with_palette(opened(path)) for path in paths]
        buffer = BytesIO()
        first.save(
            buffer, "GIF", save_all=True, append_images=rest, loop=0, optimize=False,
            duration=self.durations(len(paths), GIF_UNIT), comment=metadata.comment(texts),
        )  # fmt: skip
        return buffer.getvalue()

    def _webp(self, paths: Sequence[Path], texts: dict[str, str]) -> bytes:
        buffer = BytesIO()
        opened(paths[0]).save(
            buffer, "WEBP", save_all=True, append_images=(opened(path) for path in paths[1:]),
            loop=0, quality=self.quality, method=4, duration=self.durations(len(paths)),
            **metadata.exif_and_xmp(texts),
        )  # fmt: skip
        return buffer.getvalue()


def crf(quality: int) -> int:
    """Return x264's constant rate factor: 18 (visually lossless) at quality 85, 51 at 1."""
    return round(51 - (quality - 1) * 39 / 99)


def opened(path: Path) -> Image.Image:
    with Image.open(path, formats=("PNG",)) as image:
        return image.convert("RGB")


def even(image: Image.Image) -> Image.Image:
    """Return the image with its last row or column repeated where a side is odd: yuv420p halves
    both."""
    width, height = image.width + image.width % 2, image.height + image.height % 2
    if image.size == (width, height):
        return image
    larger = Image.new("RGB", (width, height))
    for at in ((1, 1), (1, 0), (0, 1), (0, 0)):
        larger.paste(image, at)
    return larger


def with_palette(image: Image.Image) -> Image.Image:
    """Return the image with a palette of 256 colours of its own, dithered."""
    palette = image.quantize(256, Image.Quantize.MEDIANCUT)
    return image.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
