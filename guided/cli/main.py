"""The command line: each command to its handler, and exit codes.

0: done, 1: something failed while drawing, 2: bad input, 130: interrupted.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from guided import console
from guided.cli import lists
from guided.config import choices, command_line, composition, flags, preset_source
from guided.config.command_line import Command
from guided.config.composer import Composer
from guided.config.messages import BAD, say
from guided.config.overrides import Override, parse_all
from guided.errors import BadInput, Failed, printable, shown
from guided.runs import record
from guided.runs.manifest import Manifest
from guided.untrusted import interpolation
from guided.untrusted.typed_paths import expand

log = logging.getLogger(__name__)
MOST_ALIKE = 20  # warnings
DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
ASSISTANTS = "mcp"  # the first word of the command that serves them
# Servers by the command that starts them; each takes settings and flags, and returns at its end.
# guided.__main__ fills it in, because the studio's room is not below this one.
SERVERS: dict[str, Callable[[list[Override], list[str]], None]] = {}


@dataclass
class Once(logging.Filter):
    """A filter that lets each message pass once, and MOST_ALIKE of one kind: a thousand rows may
    cause the same warning."""

    told: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)  # by the message's pattern

    def filter(self, line: logging.LogRecord) -> bool:
        """Return whether the message is new; the last of a kind says so."""
        text = line.getMessage()
        kind = f"{line.name} {line.msg}"
        if text in self.told or self.kinds[kind] == MOST_ALIKE:
            return False
        self.told.add(text)
        self.kinds[kind] += 1
        if self.kinds[kind] == MOST_ALIKE:
            line.msg, line.args = f"{text} (more of this kind are not shown)", ()
        return True


def guard(main: Callable[[], None], argv: list[str]) -> int:
    """Do the command line and return the exit code. `main` is Hydra's way to `run`."""
    log_to_terminal()
    debug = "debug=true" in (word.lower() for word in argv)
    try:
        obey(main, argv)
        console.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else FAILED
    except Exception as error:
        return report(error, debug)
    return DONE


def log_to_terminal() -> None:
    """Print warnings, each once and on one line. What Pillow logs of a damaged file is left out:
    the error about it names the setting."""
    told = logging.StreamHandler()
    told.addFilter(Once())
    told.setFormatter(console.Printable("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[told], level=logging.WARNING)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)


def obey(main: Callable[[], None], argv: list[str]) -> None:
    """Do the command; raises whatever goes wrong."""
    arguments = argv[1:]
    if flags.completes(arguments):
        preset_source.register()
        with suppress(Exception, SystemExit):  # a line still being typed need not be right
            main()
        return
    try:
        os.getcwd()
    except FileNotFoundError as error:
        line = "the current folder has been removed; change to one that exists, as with cd"
        raise BadInput(line) from error
    for_assistants = arguments[:1] == [ASSISTANTS]
    given, words = command_line.read_arguments(arguments[for_assistants:])
    command = Command(words, choices.separated(given))
    if "import" not in command.values:
        command.check()
    if for_assistants:
        serve(command, ASSISTANTS)
    elif {*flags.CFG} & set(command.flags):
        with Composer(command.without("show"), command.flags).row() as composed:
            console.show(printable(OmegaConf.to_yaml(composed.cfg), lines=True))
    else:
        through_hydra_or_not(main, command)


def through_hydra_or_not(main: Callable[[], None], command: Command) -> None:
    """Do the command. Hydra runs its launchers, and its sweepers but for the basic one."""

    def launch(arguments: list[str]) -> None:
        preset_source.register()
        sys.argv[1:] = arguments
        main()

    given, sweeper = command.flags, command.values.get("hydra/sweeper", "basic")
    if sweeper != "basic" and "show" not in command.values:
        many = [flag for flag in given if flag in flags.MANY]
        words = composition.checked(command.words, given)
        launch([*many, *words, *composition.searched(given)])
    else:
        command.launch = launch
        dispatch(command)


def do(
    words: Sequence[Override | str],
    given: list[str],
    launch: Callable[[list[str]], None] | None = None,
) -> Path | None:
    """Do a command; return the folder of the pictures if it drew any. Raises whatever goes
    wrong."""
    return dispatch(Command(parse_all(words), given, launch))


def dispatch(command: Command) -> Path | None:
    """Do a command as `do`."""
    if (name := lists.asked(command)) is not None:
        lists.run(name, command)
        return None
    if "show" in command.values:
        shows, command = read_show(command), replace(command, words=command.without("show"))
        if shows:
            show(command)
            return None
    handlers = (handler for key, handler in COMMANDS.items() if key in command.values)
    return next(handlers, draw)(command)


def draw(command: Command) -> Path:
    """Draw the prompt."""
    from guided.batch import run

    return run.draw(command.words, command.flags, None, command.launch)


def make_gallery(command: Command) -> None:
    """Make the pages of the gallery anew."""
    from guided.gallery import pages

    if len(command.words) > 1:
        raise BadInput("gallery= stands alone, because it draws nothing")
    console.tell(str(pages.rebuild(expand("gallery", command.values["gallery"]))))


def import_other(command: Command) -> None:
    """Print the command equivalent to another program's settings."""
    from guided.cli import import_settings

    import_settings.run(command.words)


def resume(command: Command) -> Path:
    """Draw the pictures of a folder that are left."""
    from guided.batch import run

    return run.resume(command.words, command.launch)


def draw_again(command: Command) -> Path | None:
    """Draw a picture or a run again."""
    from guided.batch import run
    from guided.config import replay

    recorded = replay.Record.read(command.values["from"])
    return run.draw(command.without("from"), command.flags, recorded, command.launch)


def serve(command: Command, name: str = "studio") -> None:
    """Run a server until it ends. Raise BadInput where there is none, as in a program that calls
    `do` itself."""
    if name not in SERVERS:
        raise BadInput(f"{name} serves from the command line only: python run.py studio=open")
    SERVERS[name](command.words, command.flags)


def show(command: Command) -> None:
    """Print the meaning of a command as YAML, and do nothing else."""
    from guided.batch import understood
    from guided.config import replay

    values, words = command.values, command.without("from")
    if values.get("models") == "list" or "import" in values:  # which print, and nothing else
        dispatch(replace(command, launch=None))
        return
    if "from" in values:
        text = understood.text_again(replay.Record.read(values["from"]), words, command.flags)
    elif "resume" in values:
        text = understood.text_of_folder(command.words)
    elif "models" in values or "gallery" in values or "studio" in values:
        text = record.as_yaml({"understood": {word.name: word.value for word in words}})
    else:
        text = understood.text(words, command.flags)
    console.show(printable(text.rstrip("\n"), lines=True))


def read_show(command: Command) -> bool:
    """Return the value of show=, or raise BadInput."""
    typed = command.values["show"]
    if typed.lower() not in ("true", "false"):
        raise BadInput(f"show={shown(typed)} must be true or false")
    return typed.lower() == "true"


def list_or_download(command: Command) -> None:
    """List or download models."""
    from guided.cli import models

    with Composer(command.words, command.flags).row() as composed:
        cfg = composed.cfg
        # A preset or a file must not trust on the user's behalf.
        trust = cfg.trust is True and "trust" in command.values
        models.run(cfg.models, cfg, trust)


# Settings, or settings with a value, that make a command of their own. The first decides.
COMMANDS: dict[str, Callable[[Command], Path | None]] = {
    "import": import_other,
    "gallery": make_gallery,
    "studio": serve,
    "resume": resume,
    "from": draw_again,
    "models": list_or_download,
}


def report(error: Exception, debug: bool) -> int:
    """Print an error on one line and return the exit code."""
    if debug:
        trace = "".join(traceback.format_exception(error))
        print(printable(trace, lines=True), end="", file=sys.stderr)
    lines = isinstance(error, Failed)
    text = str(error) if lines else f"error: {say(error)}"
    with suppress(OSError):  # nobody reads it
        print(printable(text, lines), file=sys.stderr, flush=True)
    return BAD_INPUT if isinstance(error, BAD) else FAILED


def folders_of_presets() -> list[str]:
    """Return the flags that name the user's folders of presets, in a job of Hydra's."""
    from hydra.core.hydra_config import HydraConfig

    sources = HydraConfig.get().runtime.config_sources
    found = [source.path for source in sources if source.schema == preset_source.SCHEME]
    return [part for path in found for part in (flags.FOLDERS[0], path)]


def run(cfg: DictConfig) -> float | None:
    """Do one job of Hydra's: a launcher's worker on a folder, or a trial of a sweeper that looks
    for the settings with the best mean score, which is returned. Leaves by SystemExit when it
    fails, because Hydra would add lines of its own to an exception."""
    from hydra.core.hydra_config import HydraConfig

    from guided.batch import run as batch_run

    interpolation.forget_environment()  # a launcher's worker is a process of its own
    words = parse_all(HydraConfig.get().overrides.task)
    try:
        if cfg.resume is not None:
            batch_run.join(words)
            return None
        folder = do(words, folders_of_presets())
    except Exception as error:
        raise SystemExit(report(error, cfg.debug)) from None
    return None if folder is None else Manifest.read(folder).mean_score()
