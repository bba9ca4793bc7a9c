"""The command line: what was typed, to whoever does it, and exit codes.

Imports no torch. Exit codes: 0 done, 1 something failed while drawing, 2 bad input, 130
interrupted.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from guided import console
from guided.config import choices, composition, flags, overrides, preset_source, presets
from guided.config.composition import compose
from guided.config.messages import BAD, say
from guided.errors import BadInput, Failed, printable, shown
from guided.runs.manifest import Manifest
from guided.untrusted import allowed_files, interpolation
from guided.untrusted.typed_paths import expand
from guided.version import __version__

log = logging.getLogger(__name__)
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
HYDRAS = re.compile(r"hydra[./](launcher|sweeper|sweep)\b")  # settings of Hydra's that may be set


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
    log_to_terminal()
    debug = "debug=true" in (word.lower() for word in argv)
    try:
        with suppress(SystemExit) if set(flags.COMPLETION) & set(argv) else nullcontext():
            obey(main, argv)
        console.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else FAILED
    except Exception as error:
        if set(flags.COMPLETION) & set(argv):  # a line still being typed need not be right
            return DONE
        return report(error, debug)
    return DONE


def log_to_terminal() -> None:
    """Print warnings, each once and on one line; a console that cannot show a letter gets its
    number."""
    told = logging.StreamHandler()
    told.addFilter(Once())
    told.setFormatter(console.Printable("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[told], level=logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")


def obey(main: Callable[[], None], argv: list[str]) -> None:
    """Do what the command line asks for; raises what went wrong."""
    if {*flags.HELP} & set(argv[1:]):
        console.show(choices.text(argv[1:]))
    elif {*flags.VERSION} & set(argv[1:]):
        console.show(f"guided {__version__}")
    elif set(flags.COMPLETION) & set(argv[1:]):
        main()
    elif any(word.startswith("import=") for word in argv[1:]):
        from guided.cli import import_settings

        import_settings.run(argv[1:])
    else:
        given, words = overrides.apart(argv[1:])
        given = composition.separated(given)
        flags.check(given)
        check_hydras(words)
        composition.sources(given)
        if group := presets.asked(words):
            presets.show(group, given)
        elif {*flags.CFG} & set(given):
            console.show(printable(OmegaConf.to_yaml(compose(words, given)), lines=True))
        else:
            through_hydra_or_not(main, argv, given, words)


def through_hydra_or_not(
    main: Callable[[], None], argv: list[str], given: list[str], words: list[str]
) -> None:
    """Draw: Hydra is the one who runs its launchers, and its sweepers but for the plain one."""

    def launch(arguments: list[str]) -> None:
        preset_source.register()
        argv[1:] = arguments
        main()

    many = [flag for flag in given if flag in flags.MANY]
    if for_hydra(words):
        launch([*many, *composition.checked(words, given), *composition.searched(given)])
    else:
        do(words, given, launch)


def check_hydras(words: Sequence[str]) -> None:
    """Raise BadInput for settings of Hydra's own, but those of launchers and sweepers."""
    for word in words:
        name = overrides.name_of(word)
        if re.match(r"hydra\b", name) and not HYDRAS.match(name):
            raise BadInput(
                f"{shown(name)} is Hydra's own; of its settings there are hydra/launcher=, "
                "hydra/sweeper= and what is inside of these"
            )


def for_hydra(words: Sequence[str]) -> bool:
    """Is a sweeper chosen that is not the plain one?"""
    return any(word.startswith("hydra/sweeper=") and not word.endswith("=basic") for word in words)


def do(
    words: list[str], given: list[str], launch: Callable[[list[str]], None] | None = None
) -> Path | None:
    """What was typed; the folder of what was drawn. Raises what went wrong."""
    said = dict(word.partition("=")[::2] for word in words)
    if "gallery" in said:
        pages_of(said["gallery"], words)
        return None
    from guided.batch import run as batch_run
    from guided.cli import models
    from guided.config import replay
    from guided.config.replay import Record

    if "resume" in said:
        return batch_run.resume(words, launch)
    if said.get("show", "false") not in ("true", "false"):
        raise BadInput(f"show={shown(said['show'])} must be true or false")
    if "from" in said:
        recorded = Record.read(said["from"])
        words = [word for word in words if not word.startswith(("from=", "show="))]
        if said.get("show") == "true":
            own, words = allowed_files.apart(words)
            with allowed_files.limited(recorded.where, own, words, composition.own_folders(given)):
                console.show(replay.text(recorded, words, given).rstrip("\n"))
            return None
        return batch_run.draw(words, given, recorded, launch)
    if "show" in said:
        raise BadInput("show=true needs a picture or a run: from=image.png show=true")
    if "models" in said:
        cfg = compose(words, given)
        models.run(cfg.models, cfg, cfg.trust is True and is_typed("trust", words))
        return None
    return batch_run.draw(words, given, None, launch)


def is_typed(name: str, words: Sequence[str]) -> bool:
    """Does the command itself set this name, and not only a preset or a file?"""
    return any(overrides.name_of(word) == name for word in words)


def pages_of(folder: str, words: list[str]) -> None:
    """The gallery's pages, made anew."""
    from guided.gallery import pages

    if len(words) > 1:
        raise BadInput("gallery= stands alone, because it draws nothing")
    console.tell(str(pages.rebuild(expand("gallery", folder))))


def report(error: Exception, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    if debug:
        lines = "".join(traceback.format_exception(error))
        print(printable(lines, lines=True), end="", file=sys.stderr)
    lines = isinstance(error, Failed)
    text = str(error) if lines else f"error: {say(error)}"
    with suppress(OSError):  # nobody reads it
        print(printable(text, lines), file=sys.stderr, flush=True)
    return BAD_INPUT if isinstance(error, BAD) else FAILED


def folders_of_presets() -> list[str]:
    """Return the flags that name them, in a job of Hydra's."""
    from hydra.core.hydra_config import HydraConfig

    sources = HydraConfig.get().runtime.config_sources
    found = [source.path for source in sources if source.schema == preset_source.SCHEME]
    return [part for path in found for part in (flags.FOLDERS[0], path)]


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
        folder = do(words, folders_of_presets())
    except Exception as error:
        raise SystemExit(report(error, cfg.debug)) from None
    return folder and Manifest.read(folder).mean_score()
