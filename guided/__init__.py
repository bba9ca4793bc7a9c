"""CLIP-guided diffusion: pictures from texts.

`generate` imports torch when it is called, not before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.Image import Image

    from guided.interfaces import Frame

from guided.version import __version__

__all__ = ["__version__", "frames", "generate"]


def generate(prompt: Any, *overrides: str, **settings: Any) -> list[Image]:
    """Draw, save as the command line does, and return the pictures.

        generate("a red heart", seed=7, count=2)
        generate(["a castle:2", "fog"], "sampler.eta=0", model="imagenet512", size=[768, 512])

    `prompt` is a text, or any form of prompts in YAML: a list with weights, a mapping of progress.
    `settings` are settings and groups without a dot in their name; `overrides` are texts as on
    the command line. Runs are saved in ./outputs, or in `folder`. Raises guided.errors.BadInput
    for a wrong setting, before any weight is loaded, and guided.errors.Failed if a picture cannot
    be drawn. Nothing is drawn with animate.preview=true, and there are no pictures to return.
    """
    from PIL import Image

    from guided.batch.request_checks import check_called
    from guided.batch.run import draw
    from guided.config.messages import as_bad_input, words_for
    from guided.devices import threads_restored
    from guided.runs.layout import MANIFEST
    from guided.runs.manifest import Manifest

    with as_bad_input(), threads_restored():
        words = words_for(prompt, overrides, settings)
        check_called(words, "generate")
        folder = draw(words)
    if not (folder / MANIFEST).is_file():
        return []
    kept = [one.file for one in Manifest.read(folder).pictures if one.file]
    return [Image.open(folder / file) for file in kept if "/" not in file]


def frames(prompt: Any, *overrides: str, **settings: Any) -> Iterator[Frame]:
    """Draw without saving, and yield a Frame after each step.

        for frame in frames("a red heart", steps=50):
            show(frame.image)  # (1, 3, H, W), nominally in [0, 1]
            if frame.step == 20:
                break  # stops drawing

    Settings and errors as for `generate`.
    """
    from dataclasses import replace

    from guided.batch.planning import tell_unused
    from guided.batch.request_checks import check_called, check_shown
    from guided.config.composer import Composer
    from guided.config.messages import as_bad_input, words_for
    from guided.config.plan import Plan
    from guided.devices import set_threads, threads_restored
    from guided.outputs.manner_names import NONE
    from guided.pipeline import Pipeline
    from guided.schedule import AUTO

    words = words_for(prompt, overrides, settings)
    check_called(words, "frames")
    composer = Composer(words)
    with as_bad_input(), composer.row() as composed:
        plan = Plan.read(composed.cfg, composed.build)
    tell_unused(plan, composer)
    check_shown(plan, words)
    if plan.manner == AUTO:  # nothing is saved that a filter could render
        plan = replace(plan, manner=NONE)

    def drawn() -> Iterator[Frame]:
        with threads_restored():
            set_threads(pipeline.threads)
            yield from pipeline.frames(plan)

    with threads_restored():
        pipeline = Pipeline.open(plan)
    return drawn()
