"""The layers of the package: who may import whom, no circles, and what no module may do."""

import ast
from functools import cache
from pathlib import Path

import guided

ROOT = Path(guided.__file__).parent
# Rooms (folders of the package, or files beside them) from the top layer down. A file may import
# from its own room and from rooms of lower layers. Imports for type checkers and inside functions
# count: whoever reads a file has to follow them.
LAYERS = (
    ("__main__",),
    ("__init__", "cli", "studio"),
    ("batch", "training"),
    ("pipeline",),
    ("config",),
    ("canvas", "clip", "gallery", "generators", "guides"),
    ("memory", "models", "outputs"),
    ("animation", "cutouts", "diffusion", "other_programs", "runs"),
    ("disco", "interfaces"),
    ("images", "oom", "prompts", "rng"),
    ("console", "devices", "schedule", "untrusted"),
    ("compat", "errors", "loader", "paths", "search_path", "text", "timeline", "version"),
)
MOST_FLOORS, MOST_LOOSE_FILES = len(LAYERS), 16


def modules() -> dict[str, Path]:
    """Every module by its name without `guided.`; the package itself is `__init__`."""
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        found[name] = path
    return found


def imports(path: Path, known: set[str]) -> set[str]:
    """The modules of ours that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "guided":
            base = (node.module or "").removeprefix("guided").lstrip(".")
            for alias in node.names:
                name = f"{base}.{alias.name}".lstrip(".")
                names.add(name if name in known else base or "__init__")
        elif isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.startswith("guided.")]
            names |= {name.removeprefix("guided.") for name in ours}
    return names & known


@cache
def graph() -> dict[str, set[str]]:
    found = modules()
    return {name: imports(path, set(found)) - {name} for name, path in found.items()}


def room(module: str) -> str:
    return module.split(".")[0]


def test_the_imports_of_a_file_are_seen_in_every_form(tmp_path):
    path = tmp_path / "room.py"
    path.write_text(
        "from guided import clip\nimport guided.cutouts.standard\n"
        "from guided.a.b import c\nfrom guided import __version__\n"
        "def f():\n    from guided.late import later\n"
    )
    known = {"clip", "cutouts.standard", "a.b", "late", "__init__", "never"}
    assert imports(path, known) == known - {"never"}


def test_every_room_has_a_layer():
    assert {room(name) for name in graph()} == {name for layer in LAYERS for name in layer}


def test_no_file_imports_upwards_or_sideways():
    height = {name: level for level, layer in enumerate(LAYERS[::-1]) for name in layer}
    wrong = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if room(other) != room(name) and height[room(other)] >= height[room(name)]
    ]
    assert not wrong


def test_no_files_import_each_other_in_a_circle_and_chains_are_short():
    heights: dict[str, int] = {}

    def height(name: str, above: tuple[str, ...] = ()) -> int:
        assert name not in above, " -> ".join([*above, name])
        if name not in heights:
            below = [height(other, (*above, name)) for other in sorted(graph()[name])]
            heights[name] = 1 + max(below, default=0)
        return heights[name]

    assert max(map(height, graph())) <= MOST_FLOORS


def test_few_files_lie_beside_the_folders():
    assert len(list(ROOT.glob("*.py"))) <= MOST_LOOSE_FILES


def test_nothing_evaluates_or_unpickles():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "pickle.load", "pickle.loads"), path
                if name == "torch.load":
                    assert "weights_only=True" in ast.unparse(node), path
