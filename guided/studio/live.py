"""What a worker tells of a prediction while it is drawn: progress, previews, metrics, views.

Also the place where a worker looks, after each step, whether the prediction is still to be drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, ClassVar

from guided.gallery.reading import finite
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.outputs.cuts import sheet_of_cutouts
from guided.outputs.metrics import number
from guided.runs import files
from guided.studio.places import preview_name

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

SIDE = 256  # pixels of a preview, the longer one
VIEWS_SIDE = 1024  # the same of a sheet of views
QUALITY = 80  # of their WebP
Emit = Callable[..., None]  # emit("progress", prediction=..., ...)


@dataclass
class Live(Output):
    """The output that tells of a prediction."""

    prediction: str
    folder: Path  # of its previews
    emit: Emit
    goes_on: Callable[[], bool]  # whether it is still to be drawn
    stop: Callable[[], None] = lambda: None  # ends it after the step at hand
    views_wanted: Callable[[], bool] = lambda: False
    passes: list[int] = field(default_factory=list)  # of each step that is taken
    spent: float = 0.0  # seconds of the steps so far, ...
    work: float = 0.0  # ... in pictures
    times: list[float] = field(default_factory=list)  # seconds of a pass

    keeps: ClassVar[bool] = False

    def check(self, size: tuple[int, int]) -> None:
        """Previews of every size can be written."""
        return

    @contextmanager
    def open(self, run: Run) -> Iterator[LiveViewer]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(1) as writer:
            viewer = LiveViewer(self, run, writer)
            yield viewer
            viewer.wait()

    @property
    def seconds_of_pass(self) -> float | None:
        """The usual seconds of a pass without the first, which warms up; None if none is known."""
        return median(self.times[1:]) if len(self.times) > 1 else None


@dataclass
class LiveViewer:
    """A writer of previews and events, with at most one preview waiting to be written."""

    live: Live
    run: Run
    writer: ThreadPoolExecutor
    writing: Future[None] | None = None

    def see(self, frame: Frame) -> None:
        live, shares = self.live, self.run.shares
        before = shares[frame.step - 2] if shares and frame.step > 1 else 0.0
        after = shares[frame.step - 1] if shares else frame.step / frame.steps
        live.spent += frame.seconds
        live.work += after - before
        if live.passes:
            live.times.append(frame.seconds / live.passes[frame.step - 1])
        self.tell_progress(frame, after)
        self.tell_metrics(frame)
        self.show("preview", small(frame.image), frame, SIDE)
        if live.views_wanted() and (sheet := sheet_of_cutouts(self.run, frame)):
            self.show("views", sheet, frame, VIEWS_SIDE)
        if not live.goes_on():
            live.stop()

    def about(self, frame: Frame) -> dict[str, Any]:
        return {"prediction": self.live.prediction, "picture": frame.index, "step": frame.step}

    def tell_progress(self, frame: Frame, share: float) -> None:
        """Tell of the progress of the whole prediction and the time left."""
        overall, live = self.run.overall, self.live
        pictures, closed = (overall.pictures, overall.closed) if overall else (self.run.count, 0)
        done = min(closed + self.run.count * share, pictures)
        left = (pictures - done) * live.spent / live.work if live.work else None
        live.emit(
            "progress",
            **self.about(frame),
            steps=frame.steps,
            progress=round(done / max(pictures, 1), 4),
            seconds=round(frame.seconds, 4),
            seconds_left=None if left is None else round(left, 1),
        )

    def tell_metrics(self, frame: Frame) -> None:
        prediction = frame.prediction
        losses = {name: finite(number(loss)) for name, loss in prediction.losses.items()}
        self.live.emit(
            "metrics",
            **self.about(frame),
            progress=frame.progress,
            similarity=finite(number(prediction.similarity)),
            loss=losses,
            seconds=round(frame.seconds, 4),
        )

    def show(self, event: str, image: Image, frame: Frame, side: int) -> None:
        """Write a small picture in another thread, and tell of it when it is there."""
        self.wait()
        name = preview_name(frame.index, frame.step, views=event == "views")
        path = self.live.folder / name
        self.writing = self.writer.submit(self.write, event, image, path, side, self.about(frame))

    def write(
        self, event: str, image: Image, path: Path, side: int, about: dict[str, Any]
    ) -> None:
        image.thumbnail((side, side))
        buffer = BytesIO()
        image.save(buffer, "WEBP", quality=QUALITY, method=1)
        files.write(path, buffer.getvalue())
        self.live.emit(event, **about)

    def wait(self) -> None:
        """Wait until the last preview is written; OSError if it cannot be."""
        if self.writing is not None:
            self.writing.result()


def small(image: Tensor) -> Image:
    """Return an image (1, 3, H, W) as a picture of at most about SIDE pixels a side; it is made
    smaller where it is, before it is copied to the CPU."""
    times = max(image.shape[2:]) // SIDE
    if times > 1:
        import torch.nn.functional as F

        image = F.avg_pool2d(image.detach(), times)
    return picture(image.nan_to_num())
