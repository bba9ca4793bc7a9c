"""open_clip is imported without torch's compiler and past missing operators, and only when it is
needed."""

import ast
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

import guided
from guided.compat import open_clip as compat
from guided.compat.open_clip import import_open_clip, wrapped_tokenizer

ROOT = Path(guided.__file__).parent
# Libraries that import torchvision, or are slow to import.
LATE = {"open_clip", "torchvision", "timm", "transformers", "kornia", "lpips"}


def imported_at_once(tree: ast.Module) -> set[str]:
    """Return the top packages that a file imports outside functions and type checking."""
    names, waiting = set(), list[ast.AST](tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
        waiting += ast.iter_child_nodes(node)
    return names


def test_no_module_imports_them_before_it_needs_them() -> None:
    """So that the package's modules can be imported in any order, also beside a torchvision whose
    operators are missing."""
    wrong = {
        str(path.relative_to(ROOT)): late
        for path in ROOT.rglob("*.py")
        if (late := imported_at_once(ast.parse(path.read_text(encoding="utf-8"))) & LATE)
    }
    assert not wrong


@pytest.mark.parametrize("module", ["guided.clip.folder", "guided.clip.chinese"])
def test_the_modules_of_clip_folders_are_imported_alone(module: str) -> None:
    program = f"import sys, {module}; assert 'open_clip' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_torchs_compiler_is_not_imported_with_open_clip_and_still_works_after_it() -> None:
    """It would be a third of a run's start-up."""
    program = """
import sys, torch
from guided.compat.open_clip import import_open_clip
import_open_clip()
assert "sympy" not in sys.modules
double = torch.compile(lambda x: 2 * x, backend="eager")
assert double(torch.ones(2)).tolist() == [2, 2]
assert "sympy" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_open_clip_is_imported_although_it_needs_more_of_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A later release may use more than is deferred: then the real modules are imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "open_clip"]:
        monkeypatch.delitem(sys.modules, name)  # as another test may have imported it
    tries = []

    def import_once(name: str) -> str:
        tries.append(type(sys.modules.get("gzip")) is type(sys) and sys.modules["gzip"])
        if len(tries) == 1:
            raise AttributeError("something new")
        return name

    monkeypatch.setattr(compat, "import_module", import_once)
    assert compat.import_open_clip.__wrapped__() == "open_clip"
    assert tries[0] is not gzip and tries[-1] is gzip


def test_another_error_of_an_import_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_module.py").write_text("raise RuntimeError('a real fault')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RuntimeError, match="a real fault"):
        compat.import_past_missing_operators("broken_module")


def test_a_wrapped_tokenizer_has_what_open_clips_constructor_sets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import_open_clip()
    import transformers

    inner = object()
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: inner)
    theirs = import_open_clip().tokenizer.HFTokenizer("x", 9, clean="canonicalize")
    ours = wrapped_tokenizer(inner, 9, "", "canonicalize", False)
    assert vars(ours) == vars(theirs) and type(ours) is type(theirs)


def test_libraries_are_imported_once_an_architecture_uses_them() -> None:
    program = """
import sys, torch
from guided.compat.open_clip import LATE, import_open_clip
open_clip = import_open_clip()
assert not {*LATE, "open_clip"} & {*sys.modules}
sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 9}
from transformers import BertConfig
config = BertConfig(intermediate_size=8, max_position_embeddings=6, **sizes)
tower = open_clip.model.HFTextEncoder
encoder = tower("x", 4, config=config, pooler_type="mean_pooler", proj_type="linear")
assert encoder(torch.tensor([[1, 2, 3]])).shape == (1, 4)
assert "timm" not in sys.modules
tower = open_clip.timm_model.TimmModel("resnet18", 8, image_size=32)
assert tower.eval()(torch.rand(1, 3, 32, 32)).shape == (1, 8)
assert open_clip.get_tokenizer("ViT-B-32")("a  cat").argmax() == 3  # start, a, cat, end
import open_clip as whole
assert whole is not open_clip and whole.tokenize("a cat").argmax() == 3
preprocess = whole.image_transform(8, False, (0, 0, 0), (1, 1, 1))
from PIL import Image
assert preprocess(Image.new("RGB", (9, 8), "white")).mean() == 1
"""
    subprocess.run([sys.executable, "-c", program], check=True)
