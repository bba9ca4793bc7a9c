"""The notebook's cells run offline, in their order, with the embedded models."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
NOTEBOOK = json.loads((ROOT / "notebooks" / "guided.ipynb").read_text(encoding="utf-8"))
QUICK = "STEPS = 2"
# IPython's display for where it is not installed, and a network that cannot be reached. A child
# reads the cells from its standard input and prints how many pictures each displays.
CHILD = """
import ast, json, socket, sys, types
from PIL import Image

shown = []
display = types.ModuleType("IPython.display")
display.display = lambda *values: shown.extend(values)
display.clear_output = lambda wait=False: None
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython.display"] = display

def unreachable(*arguments, **settings):
    raise OSError("the tests have no network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = unreachable
names = {"__name__": "__main__"}
counts = []
for cell in json.load(sys.stdin):
    shown.clear()
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is not None:  # a notebook displays the value of the last expression
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        shown.extend([] if value is None else [value])
    counts.append(sum(isinstance(value, Image.Image) for value in shown))
print(json.dumps(counts))
"""


def cells() -> dict[str, str]:
    """Return the code of each code cell by its id."""
    found = [cell for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
    return {cell["id"]: "".join(cell["source"]) for cell in found}


def test_it_is_a_notebook_without_results():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


def test_the_large_models_are_downloaded_only_when_wanted():
    settings = ast.parse(cells()["settings"])
    values = {node.targets[0].id: node.value.value for node in settings.body}
    assert values["DOWNLOAD"] is False
    for name in ("download", "large"):
        *_, last = ast.parse(cells()[name]).body
        assert isinstance(last, ast.If) and ast.unparse(last.test) == "DOWNLOAD"


def test_the_commands_of_the_large_models_are_right(tmp_path):
    from guided.config.composition import compose

    tree = ast.parse(cells()["download"])
    words = ast.literal_eval(tree.body[0].value)
    cfg = compose([*words, "prompt=a lighthouse", "artist=hokusai"], [])
    assert {"vit_b32", "vit_b16", "rn50"} == set(cfg.clip)


@pytest.fixture(scope="module")
def displayed(tmp_path_factory) -> dict[str, int]:
    """Run all cells in one process with few steps; how many pictures each displays."""
    folder = tmp_path_factory.mktemp("notebook")
    codes = {
        name: f"{code}\n{QUICK}" if name == "settings" else code for name, code in cells().items()
    }
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        input=json.dumps(list(codes.values())),
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(codes, json.loads(done.stdout.splitlines()[-1]), strict=True))


def test_every_cell_runs_and_displays_its_pictures(displayed):
    pictures = {name: count for name, count in displayed.items() if count}
    assert pictures == {"first": 1, "preview": 1, "prompts": 3}
