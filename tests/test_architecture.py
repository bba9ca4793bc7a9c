"""Who may import whom: run -> pipeline -> the rooms -> types, never back."""

import ast
from pathlib import Path

import guided

ROOT = Path(guided.__file__).parent
# For each room, the rooms that it must know nothing of.
STRANGERS = {
    "types": ("*",),
    "config": ("pipeline", "diffusion", "guides", "outputs", "generators", "clip"),
    "diffusion": ("clip", "guides", "outputs", "generators", "pipeline", "command", "cutouts"),
    "guides": ("generators", "outputs", "pipeline", "command", "diffusion.unet"),
    "outputs": ("clip", "guides", "generators", "pipeline", "diffusion", "models", "canvas"),
    "generators": ("clip", "guides", "outputs", "pipeline", "canvas"),
    "models": ("pipeline", "guides", "outputs", "generators"),
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
    return {
        node.module.removeprefix("guided.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("guided.")
        and id(node) not in typing_only
    }


def test_no_room_imports_a_stranger():
    for room, strangers in STRANGERS.items():
        files = (
            [ROOT / f"{room}.py"] if (ROOT / f"{room}.py").exists() else ROOT.glob(f"{room}/*.py")
        )
        for path in files:
            for module in imports(path):
                met = [s for s in strangers if s == "*" or f"{module}.".startswith(f"{s}.")]
                assert not met, f"{path.name} imports guided.{module}"


def test_nothing_evaluates_or_unpickles():
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = ast.unparse(node.func)
                assert name not in ("eval", "exec", "pickle.load", "pickle.loads"), path
                if name == "torch.load":
                    assert "weights_only=True" in ast.unparse(node), path
