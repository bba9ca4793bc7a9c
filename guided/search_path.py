"""The module search path, without the current folder and that of run.py, where untrusted files may
lie.

Imports only modules that Python itself has loaded before a program begins.
"""

import os
import site
import sys
from collections.abc import Sequence

PACKAGE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(PACKAGE)  # of the repository, or site-packages
LOADER = os.path.join(PACKAGE, "loader")  # where `guided` is found, and nothing else
INSTALLED = os.path.isdir(os.path.join(PACKAGE, "conf"))  # as a wheel lays it out
# For `python -c`; its first arguments are LOADER and the name of a module.
CHILD = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from guided import search_path
search_path.restrict()
from importlib import import_module
sys.exit(import_module(sys.argv.pop(1)).main(*sys.argv[1:]))
"""
DEVICE_PROCESS = "guided.batch.device_process"


def restrict() -> None:
    """Remove the current folder and ROOT from sys.path, unless they are Python's own. `guided` is
    found all the same, because it is loaded."""
    removed = untrusted()
    sys.path[:] = [place for place in sys.path if real(place) not in removed]


def untrusted() -> set[str]:
    """Return the folders that nothing is imported from: the current one and ROOT, except where
    they hold the standard library or installed packages."""
    return {ROOT, real(os.curdir)} - installed()


def real(place: str) -> str:
    """Return the real path of a place; the current folder's own name if that has been removed."""
    try:
        return os.path.realpath(place)
    except FileNotFoundError:
        return os.curdir


def installed() -> set[str]:
    """Return the folders of the standard library and of installed packages. ROOT is one of them
    when `guided` is installed there, also where Python's `site` does not know the folder
    (`pip install --target`, environments that stack several)."""
    library = os.path.dirname(os.path.realpath(os.__file__))
    places = [library, *site.getsitepackages(), site.getusersitepackages()]
    places += [ROOT] if INSTALLED else []
    return {real(place) for place in places}


def command(arguments: Sequence[str], module: str = DEVICE_PROCESS) -> list[str]:
    """Return the command line of a process that runs the `main` of a module of this package with
    these arguments and imports nothing from the current folder."""
    return [sys.executable, "-P", "-c", CHILD, LOADER, module, *arguments]


def guard_children() -> None:
    """Have Python processes that others start from here, as Hydra's launchers do, find `guided`
    and import nothing from the current folder."""
    os.environ["PYTHONSAFEPATH"] = "1"
    os.environ["PYTHONPATH"] = os.pathsep.join([LOADER, *paths_of_environment()])


def paths_of_environment() -> list[str]:
    """Return the folders of PYTHONPATH without the current one, which an empty entry means."""
    removed = untrusted()
    places = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [place for place in places if real(place) not in removed]
