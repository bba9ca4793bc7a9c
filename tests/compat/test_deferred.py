"""Libraries that are imported when something of them is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from guided.compat.deferred import deferred

LIBRARY = {
    "__init__.py": "from late_library import shapes\nname = 'late'\n",
    "shapes.py": "class Square:\n    sides = 4\n    def __init__(self, side): self.side = side\n",
}
USER = """
import late_library
from late_library.shapes import Square
from late_library import name

class Small(Square):
    pass

def area(side): return Square(side).side ** 2
def is_square(value): return isinstance(value, Square)
"""


@pytest.fixture
def user(tmp_path: Path) -> str:
    """Return the beginning of a program that imports a module that imports a library late."""
    (tmp_path / "late_library").mkdir()
    for name, text in LIBRARY.items():
        (tmp_path / "late_library" / name).write_text(text)
    (tmp_path / "late_user.py").write_text(USER)
    return f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from guided.compat.deferred import deferred
with deferred(["late_library", "not_installed"]):
    import late_user
assert not [name for name in sys.modules if name.startswith("late_library")]
assert not late_user.is_square(4) and "late_library" not in sys.modules
"""


def test_it_is_imported_when_a_class_of_it_is_called(user: str) -> None:
    used = "assert late_user.area(3) == 9 and late_user.Square.sides == 4\n"
    used += "import late_library; assert late_user.is_square(late_library.shapes.Square(1))"
    subprocess.run([sys.executable, "-c", user + used], check=True)


def test_using_it_at_once_is_an_error_that_says_so(user: str) -> None:
    used = """
with deferred(["late_library"]):
    import late_library
    try:
        late_library.shapes.Square(1)
    except ImportError as error:
        assert "late_library.shapes.Square" in str(error)
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", user + used], check=True)


def test_what_is_not_installed_or_imported_already_is_as_without() -> None:
    with deferred(["sys", "not_installed_at_all"]):
        import sys as imported

        with pytest.raises(ImportError):
            import not_installed_at_all  # noqa: F401
    assert imported is sys and not any(type(one).__name__ == "Finder" for one in sys.meta_path)
