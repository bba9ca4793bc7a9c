"""open_clip, imported past the obstacles in what it imports."""

import subprocess
import sys

IMPORT = """
import sys
from guided.compat.open_clip import import_open_clip
before = "torch._dynamo" in sys.modules
open_clip = import_open_clip()
assert open_clip.create_model_and_transforms
print(before, "torch._dynamo" in sys.modules, "torch._dynamo.utils" in sys.modules)
"""


def test_open_clip_is_imported_without_torchs_compiler_and_leaves_no_stub() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["False", "False", "False"]


def test_the_compiler_can_be_imported_afterwards() -> None:
    code = IMPORT + "import torch._dynamo\nassert torch._dynamo.__file__\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
