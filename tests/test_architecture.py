"""Who may import whom: run -> pipeline -> the rooms -> types, never back."""

import ast
from pathlib import Path

import guided

ROOT = Path(guided.__file__).parent
# The rooms at the bottom, and all that each of them may know.
GROUND = {
    "types": set(),
    "errors": set(),
    "schedule_text": {"errors"},
    "schedule": {"errors", "schedule_text"},
    "language": set(),
    "items": set(),
    "trust": {"errors", "items"},
    "prompt": {"errors", "schedule"},
    "styles": {"errors", "language", "prompt", "schedule"},
    "presets": {"errors", "help", "items", "language", "prompt"},
    "wildcards": {"errors", "language", "presets", "trust"},
}
# For each other room, the rooms that it must know nothing of.
STRANGERS = {
    "config": ("prompt", "pipeline", "diffusion", "guides", "outputs", "generators", "clip"),
    "quoting": ("pipeline", "diffusion", "guides", "outputs", "generators", "clip", "models"),
    "plan": ("pipeline", "studio", "command", "clip", "guides", "generators", "outputs"),
    "studio": ("pipeline", "command", "generators", "outputs"),
    "clip": ("diffusion", "guides", "outputs", "generators", "pipeline", "command", "cutouts"),
    "cutouts": ("clip", "diffusion", "guides", "outputs", "generators", "pipeline", "models"),
    "views": ("clip", "diffusion", "guides", "outputs", "generators", "pipeline", "models"),
    "diffusion": ("clip", "guides", "outputs", "generators", "pipeline", "command", "cutouts"),
    "guides": ("generators", "outputs", "pipeline", "command", "diffusion.unet"),
    "outputs": ("clip", "guides", "generators", "pipeline", "diffusion", "models", "canvas"),
    "generators": ("clip", "guides", "outputs", "pipeline", "canvas"),
    "canvas": ("clip", "guides", "outputs", "pipeline", "generators", "command"),
    "record": ("clip", "guides", "outputs", "pipeline", "generators", "models", "diffusion"),
    "metadata": ("record", "clip", "guides", "outputs", "pipeline", "models", "diffusion"),
    "recall": ("pipeline", "studio", "clip", "guides", "outputs", "generators", "diffusion"),
    "recall_known": ("pipeline", "studio", "clip", "guides", "outputs", "generators"),
    "recall_reading": (
        "pipeline",
        "studio",
        "clip",
        "guides",
        "outputs",
        "generators",
        "diffusion",
    ),
    "models": ("pipeline", "guides", "outputs", "generators"),
    "gallery": (
        "pipeline",
        "batch",
        "command",
        "studio",
        "guides",
        "generators",
        "models",
        "clip",
    ),
}


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports when it runs, without those for type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    names = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "guided":
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("guided."):
            names.add(node.module.removeprefix("guided."))
        elif isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.startswith("guided.")]
            names |= {name.removeprefix("guided.") for name in ours}
    return names


def test_the_imports_of_a_file_are_seen_in_every_form(tmp_path):
    path = tmp_path / "room.py"
    path.write_text(
        "from guided import clip\nimport guided.cutouts.standard\nfrom guided.a.b import c\n"
    )
    assert imports(path) == {"clip", "views", "a.b"}


def test_no_room_imports_a_stranger():
    for room, strangers in STRANGERS.items():
        files = (
            [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").exists() else ROOT.glob(f"{room}/*.py")
        )
        for path in files:
            for module in imports(path):
                met = [s for s in strangers if f"{module}.".startswith(f"{s}.")]
                assert not met, f"{path.name} imports guided.{module}"


def test_the_rooms_at_the_bottom_know_only_each_other():
    for room, known in GROUND.items():
        assert imports(ROOT / f"{room}.py") <= known, room


def test_nothing_evaluates_or_unpickles():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "pickle.load", "pickle.loads"), path
                if name == "torch.load":
                    assert "weights_only=True" in ast.unparse(node), path
