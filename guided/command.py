"""The command line: what was typed into a configuration, and whatever goes wrong into one line.

Imports no torch. Exit codes: 0 done, 1 something failed while drawing, 2 bad input, 130
interrupted.
"""

import difflib
import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from guided import config, help, quoting
from guided.disco.old_names import old_choice, old_setting
from guided.errors import BadInput, not_one_of
from guided.models import choices

log = logging.getLogger(__name__)
FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130
COMPLETION = {"-sc", "--shell-completion"}
BAD = (BadInput, HydraException, OmegaConfBaseException, YAMLError)


def guard(main: Callable[[], None], argv: list[str]) -> int:
    """Run `main` on the quoted command line; the exit code."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    for stream in (sys.stdout, sys.stderr):  # a console that cannot show 猫 must not stop a run
        stream.reconfigure(errors="backslashreplace")
    if {"--help", "-h"} & set(argv[1:]):
        print(help.text(argv[1:]))
        return 0
    debug = "debug=true" in (word.lower() for word in argv)
    try:
        if any(word.startswith("import=") for word in argv[1:]):
            from guided.disco import importing

            importing.run(argv[1:])
            return 0
        if any(word.startswith("from=") for word in argv[1:]):
            return redraw(argv[1:], debug)
        argv[1:] = quoting.quote(choices.spelt_out(argv[1:]))
        main()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # before a run began, so of what was typed
        if COMPLETION & set(argv):  # a line that is still being typed need not be right
            return 0
        report(error, debug)
        return BAD_INPUT
    return 0


def redraw(arguments: Sequence[str], debug: bool) -> int:
    """Draw, or show, what a picture or a run was made with; the exit code."""
    from guided import recall
    from guided.pipeline import draw

    said = dict(word.split("=", 1) for word in arguments if word.startswith(("from=", "show=")))
    words = [word for word in arguments if not word.startswith(("from=", "show="))]
    _, words = quoting.apart(words)
    recorded = recall.Recorded.read(said["from"])
    if said.get("show", "false") not in ("true", "false"):
        raise BadInput(f"show={said['show']} must be true or false")
    if said.get("show") == "true":
        print(recall.text(recorded, words), end="")
        return 0
    try:
        draw(recorded.config(words), recorded.typed_with(words))
    except Exception as error:
        return report(error, debug)
    return 0


def report(error: Exception, debug: bool) -> int:
    """Say what went wrong; the exit code."""
    if debug:
        traceback.print_exception(error)
    print(f"error: {say(error)}", file=sys.stderr)
    return BAD_INPUT if isinstance(error, BAD) else FAILED


def run(cfg: DictConfig) -> None:
    """What a configuration asks for. Leaves by SystemExit when it fails, because Hydra would add
    lines of its own to an exception."""
    from guided.models import shelf
    from guided.pipeline import draw

    try:
        if cfg.models is None:
            draw(cfg, HydraConfig.get().overrides.task)
        else:
            shelf.run(cfg.models, cfg)
    except Exception as error:
        raise SystemExit(report(error, cfg.debug)) from None


def compose(overrides: Sequence[str]) -> DictConfig:
    """The configuration that `python run.py *overrides` would draw."""
    config.register()
    with initialize_config_dir(str(config.conf_folder()), version_base="1.3"):
        return hydra_compose("config", overrides=quoting.quote(choices.spelt_out(overrides)))


def compose_for(text: Any, overrides: Sequence[str], settings: Mapping[str, Any]) -> DictConfig:
    """The configuration for a prompt and settings given as Python values, not typed; BadInput when
    they are not right."""
    unknown = [name for name in settings if name not in config.known_names()]
    if unknown:
        raise BadInput(unknown_setting(unknown[0]))
    try:
        cfg = compose(
            [*overrides, *(f"{name}={spelt(value)}" for name, value in settings.items())]
        )
    except BAD as error:
        raise BadInput(say(error)) from error
    cfg.prompt = escaped(text)
    return cfg


def escaped(value: Any) -> Any:
    """Every text in it escaped, for a configuration."""
    if isinstance(value, Mapping):
        return {key: escaped(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(inside) for inside in value]
    return quoting.escaped(value) if isinstance(value, str) else value


def spelt(value: Any) -> str:
    """A Python value in Hydra's grammar."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(spelt, value))}]"
    if isinstance(value, str):
        return QuotedString(quoting.escaped(value), Quote.single).with_quotes()
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def say(error: Exception) -> str:
    """One line that names the setting, the value and what is allowed."""
    if isinstance(error, BadInput):
        return str(error)
    if isinstance(error, MissingConfigException):
        group, _, choice = str(error.missing_cfg_file).rpartition("/")
        hint = "; models=list describes them" if group in ("model", "clip") else ""
        if ours := old_choice(group, choice):
            return f"{group}={choice} is {group}={ours} here"
        return not_one_of(group, choice, error.options or help.names(group, sys.argv)) + hint
    if isinstance(error, HydraException | OmegaConfBaseException):
        return say_hydra(error)
    if isinstance(error, YAMLError):
        return " ".join(str(error).split())
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return "null is no choice for a group; ~name leaves it out, and --help lists the choices"
    kind = type(error).__name__
    return f"{kind}: {error} (debug=true shows where)"


def say_hydra(error: Exception) -> str:
    """Hydra's and OmegaConf's messages, whose cause often is the better one."""
    text = str(error)
    if found := re.search(r"Ambiguous value for argument '(\w+)=([^']*)'", text):
        return (
            f"{found[1]}={found[2]}: several go together in brackets, {found[1]}=[{found[2]}]; "
            "a sweep over them needs -m"
        )
    if found := re.search(r"Could not override '([^']+)'", text):
        return unknown_setting(found[1])
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        return config.explain(cause)
    if found := re.search(r"Key '([^']+)' (?:is )?not in", text):
        return unknown_setting(getattr(error, "full_key", None) or found[1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__


def unknown_setting(key: str) -> str:
    """Nearest among what the configuration has at that level, else among its top names."""
    parent, _, name = key.rpartition(".")
    if (line := old_setting(key)) is not None:
        return f"{line}; SETTINGS.md has them all"
    if (line := unchosen(key)) is not None:
        return line
    if key in config.known_names():
        return f"what conf/{key} sets must begin with the line `# @package _global_`"
    known = [f.name for f in fields(config.Config)]
    if parent:
        node = compose([])
        for part in parent.split("."):
            node = node.get(part) if isinstance(node, DictConfig) and part in node else None
            if node is None:
                return unknown_setting(parent)
        known = [str(k) for k in node] if isinstance(node, DictConfig) else []
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    dotted = f"{parent}.{near[0]}" if near and parent else (near[0] if near else "")
    hint = f", did you mean '{dotted}'?" if dotted else f"; there are {', '.join(known)}"
    return f"'{key}' is not a setting{hint}"


def unchosen(key: str) -> str | None:
    """guide.smooth.scale where the guide `smooth` is one, but was not chosen."""
    group, _, rest = key.partition(".")
    option = rest.partition(".")[0]
    if group not in ("clip", "guide", "output") or option not in help.names(group, sys.argv):
        return None
    chosen = [str(name) for name in compose([])[group]]
    if option in chosen:  # then it is the setting inside that is not one
        return None
    return (
        f"'{key}': {option} is not chosen; choose it with {group}=[{','.join([*chosen, option])}]"
    )
