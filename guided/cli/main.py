"""The command line: what was typed, to whoever does it, and exit codes.

Imports no torch. Exit codes: 0 done, 1 something failed while drawing, 2 bad input, 130
interrupted.
"""

import logging
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from guided import trust
from guided.config import catalog, composition, interpolation, overrides, presets
from guided.config import choices as config_choices
from guided.config.composition import MANY, compose
from guided.config.messages import BAD, say
from guided.errors import BadInput, Failed
from guided.runs.manifest import Manifest

log = logging.getLogger(__name__)
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
COMPLETION = {"-sc", "--shell-completion"}
OURS = (
    *MANY,
    *composition.FOLDERS,
    *composition.PATHS,
    *composition.NAMES,
)  # flags; the rest is Hydra's


@dataclass
class Once(logging.Filter):
    """What is said of one row need not be said again of each of a thousand."""

    told: set[str] = field(default_factory=set)

    def filter(self, line: logging.LogRecord) -> bool:
        text = line.getMessage()
        new = text not in self.told
        self.told.add(text)
        return new


def guard(main: Callable[[], None], argv: list[str]) -> int:
    """Do what the command line asks for; the exit code. `main` is Hydra's way to `run`."""
    told = logging.StreamHandler()
    told.addFilter(Once())
    form = "%(levelname)s: %(message)s"
    logging.basicConfig(handlers=[told], format=form, level=logging.WARNING)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show 猫 must not stop a run
        stream.reconfigure(errors="backslashreplace")
    if {"--help", "-h"} & set(argv[1:]):
        print(config_choices.text(argv[1:]))
        return 0
    debug = "debug=true" in (word.lower() for word in argv)
    try:
        if any(word.startswith("import=") for word in argv[1:]):
            from guided.cli import import_settings

            import_settings.run(argv[1:])
            return 0
        flags, words = overrides.apart(argv[1:])
        if group := presets.asked(words):
            presets.show(group, flags)
            return 0
        if for_hydra(flags, words):
            argv[1:] = overrides.quote(catalog.spelt_out(argv[1:]))
            main()
        else:

            def launch(arguments: list[str]) -> None:
                argv[1:] = arguments
                main()

            do(words, flags, launch)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else FAILED
    except Exception as error:
        if COMPLETION & set(argv):  # a line that is still being typed need not be right
            return 0
        return report(error, debug)
    return 0


def for_hydra(flags: Sequence[str], words: Sequence[str]) -> bool:
    """Its own flags, as --cfg job, and sweepers other than the plain one."""
    own = [part for part in composition.separated(flags) if part.startswith("-")]
    other = any(
        word.startswith("hydra/sweeper=") and not word.endswith("=basic") for word in words
    )
    return other or any(flag not in OURS for flag in own)


def do(
    words: list[str], flags: list[str], launch: Callable[[list[str]], None] | None = None
) -> Path | None:
    """What was typed; the folder of what was drawn. Raises what went wrong."""
    said = dict(word.partition("=")[::2] for word in words)
    if "gallery" in said:
        pages_of(said["gallery"], words)
        return None
    from guided.batch import run as batch_run
    from guided.cli import models
    from guided.config import replay
    from guided.config.replay import Recorded

    if "resume" in said:
        return batch_run.resume(words, launch)
    if said.get("show", "false") not in ("true", "false"):
        raise BadInput(f"show={said['show']} must be true or false")
    if "from" in said:
        recorded = Recorded.read(said["from"])
        words = [word for word in words if not word.startswith(("from=", "show="))]
        if said.get("show") == "true":
            own, words = trust.apart(words)
            with trust.limited(recorded.where, own, words, composition.own_folders(flags)):
                print(replay.text(recorded, words, flags), end="")
            return None
        return batch_run.draw(words, flags, recorded, launch)
    if "show" in said:
        raise BadInput("show=true needs a picture or a run: from=image.png show=true")
    if "models" in said:
        cfg = compose(words, flags)
        models.run(cfg.models, cfg, cfg.trust and is_typed("trust", words))
        return None
    return batch_run.draw(words, flags, None, launch)


def is_typed(name: str, words: Sequence[str]) -> bool:
    """Does the command itself set this name, and not only a preset or a file?"""
    return any(overrides.name_of(word) == name for word in words)


def pages_of(folder: str, words: list[str]) -> None:
    """The gallery's pages, made anew."""
    from guided import gallery

    if len(words) > 1:
        raise BadInput("gallery= stands alone, because it draws nothing")
    print(gallery.rebuild(Path(folder).expanduser()))


def report(error: Exception, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    if debug:
        traceback.print_exception(error)
    print(error if isinstance(error, Failed) else f"error: {say(error)}", file=sys.stderr)
    return BAD_INPUT if isinstance(error, BAD) else FAILED


def run(cfg: DictConfig) -> float | None:
    """One job of Hydra's: a launcher's worker on a folder; or of a sweeper, which may look for the
    settings with the best mean score, and for which this is what it returns. Leaves by SystemExit
    when it fails, because Hydra would add lines of its own to an exception.
    """
    from hydra.core.hydra_config import HydraConfig

    from guided.batch import run as batch_run

    interpolation.forget_environment()  # a launcher's worker is a process of its own
    words = list(HydraConfig.get().overrides.task)
    try:
        if cfg.resume is not None:
            batch_run.join(words)
            return None
        folder = do(words, overrides.apart(sys.argv[1:])[0])
    except Exception as error:
        raise SystemExit(report(error, cfg.debug)) from None
    return folder and Manifest.read(folder).mean_score()
