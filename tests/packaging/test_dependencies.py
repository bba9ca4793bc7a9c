"""What the package imports is declared: pip, pipx and uvx install all that a command needs."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
INSTALLED = packages_distributions()  # a module that is not installed is taken by its own name


def names(requirements: list[str]) -> set[str]:
    """Return the normalised names of distributions in these requirements."""
    found = (re.match(r"[\w.-]+", text) for text in requirements)
    return {normal(match[0]) for match in found if match}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


DECLARED = names(PROJECT["dependencies"])
EXTRAS = names([one for many in PROJECT["optional-dependencies"].values() for one in many])


@cache
def imported(path: Path) -> dict[str, bool]:
    """Return the top-level modules that a file imports, each with whether one of its imports is
    executed when the file is imported, outside of functions and of TYPE_CHECKING."""
    found: dict[str, bool] = {}

    def visit(node: ast.AST, at_import: bool) -> None:
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
        for name in (module.split(".")[0] for module in modules):
            found[name] = found.get(name, False) or at_import
        inner = at_import and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            inner = False
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(ast.parse(path.read_text(encoding="utf-8")), True)
    return {name: now for name, now in found.items() if name not in sys.stdlib_module_names}


def distributions(module: str) -> set[str]:
    """Return the normalised names of the distributions that may have brought a module."""
    return {normal(name) for name in INSTALLED.get(module, [module])}


def test_imports_are_seen_with_when_they_happen(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import os, torch.nn\nfrom .near import x\nfrom PIL import Image\n"
        "if TYPE_CHECKING:\n    import av\ndef f():\n    import lpips\n    from torch import nn\n"
    )
    assert imported(path) == {"torch": True, "PIL": True, "av": False, "lpips": False}


def test_every_import_is_declared():
    for path in (ROOT / "guided").rglob("*.py"):
        for module in imported(path).keys() - {"guided"}:
            assert distributions(module) & (DECLARED | EXTRAS), f"{path}: {module}"


def test_no_module_of_the_program_needs_an_extra_to_be_imported():
    # Trainings need the extra `train`, and the studio's server its own.
    apart = [ROOT / "guided" / "training", ROOT / "guided" / "studio"]
    for path in (ROOT / "guided").rglob("*.py"):
        if not any(folder in path.parents for folder in apart):
            for module, at_import in imported(path).items():
                if at_import and module != "guided":
                    assert distributions(module) & DECLARED, f"{path}: {module}"


def test_every_dependency_is_imported_by_something():
    modules = {name for path in (ROOT / "guided").rglob("*.py") for name in imported(path)}
    used = {name for module in modules for name in distributions(module)}
    unused = DECLARED - used
    assert unused == set()
