"""The flags of the command line. Hydra has more, which run code from files, read any configuration
or print its own internals: they are refused."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from guided.errors import BadInput, nearest, shown

HELP, VERSION, CFG = ("--help", "-h"), ("--version",), ("--cfg", "-c")
MANY, FOLDERS = ("--multirun", "-m"), ("--config-dir", "-cd")
COMPLETION = ("--shell-completion", "-sc")
SCRIPT = re.compile(r"(install|uninstall|query)=(bash|zsh|fish)")  # what stands behind it
# Hydra's flags that take the next word as their value.
WITH_VALUE = {
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--cfg", "-c", "--package", "-p", "--info", "-i", "--experimental-rerun"),
}
KNOWN = (*HELP, *VERSION, *CFG, *MANY, *FOLDERS, *COMPLETION)
SUMMARY = "--config-dir FOLDER, -m, --cfg job, --help, --version, -sc install=SHELL"
INSTEAD = {
    "--config-path": "presets of your own are in --config-dir FOLDER",
    "-cp": "presets of your own are in --config-dir FOLDER",
    "--config-name": "a preset of your own is chosen by its group, as in look=NAME",
    "-cn": "a preset of your own is chosen by its group, as in look=NAME",
    "--experimental-rerun": "from=picture.png draws again, resume=FOLDER goes on",
    "--run": "it draws without a flag",
    "-r": "it draws without a flag",
    "--resolve": "--cfg job prints all settings",
    "--package": "--cfg job prints all settings",
    "-p": "--cfg job prints all settings",
    "--info": "--cfg job prints all settings",
    "-i": "--cfg job prints all settings",
    "--hydra-help": "--help prints what there is",
}


def check(flags: Sequence[str]) -> None:
    """Raise BadInput for a flag that does not exist, or that lacks its value. `flags` are
    separated: --flag=value is two words."""
    wanted = None
    before = ""
    for flag in flags:
        if wanted is not None:
            check_value(wanted, flag)
            wanted = None
        elif before in KNOWN and not flag.startswith("-"):
            raise BadInput(f"{before} takes no value, and has {shown(flag)}")
        elif flag not in KNOWN:
            instead = INSTEAD.get(flag)
            hint = (
                f"; {instead}" if instead else f"{nearest(flag, KNOWN, 0.7)}; there are {SUMMARY}"
            )
            raise BadInput(f"{shown(flag)} is not a flag of this program{hint}")
        elif flag in (*CFG, *FOLDERS):
            wanted = flag
        before = flag
    if wanted is not None:
        raise BadInput(f"{wanted} needs a value: {'job' if wanted in CFG else 'a folder'}")


def completes(arguments: Sequence[str]) -> bool:
    """Return whether the command line is about the shell's completion. Raise BadInput if it says
    something else than which shell's."""
    flags = [one for one in arguments if one.partition("=")[0] in COMPLETION]
    others = [one for one in arguments if one not in flags]
    if not flags:
        return False
    usage = "it stands alone with install=bash, install=zsh, install=fish, or uninstall=SHELL"
    if len(flags) > 1 or "=" in flags[0] or len(others) != 1 or not SCRIPT.fullmatch(others[0]):
        raise BadInput(f"{shown(' '.join([*flags, *others]))}: {usage}")
    if others[0].startswith("query=") and "COMP_LINE" not in os.environ:
        raise BadInput(f"{flags[0]} {others[0]} is what the shell itself asks: {usage}")
    return True


def check_value(flag: str, value: str) -> None:
    """Raise BadInput for a value that a flag cannot have."""
    if flag in CFG and value != "job":
        raise BadInput(
            f"{flag} {shown(value)}: only --cfg job is there, which prints all settings"
        )
