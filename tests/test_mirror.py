"""The tests mirror the source: guided/room/file.py has tests/room/test_file.py."""

from pathlib import Path

TESTS = Path(__file__).parent
SOURCE = TESTS.parent / "guided"
# Files without behaviour of their own, and the loader, which tests/test_search_path.py tests.
EXEMPT = {"interfaces.py", "loader/guided.py", "version.py"}


def untested() -> set[str]:
    """Return the source files, relative to guided/, that have no test file of their own."""
    sources = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")}
    mirrored = {
        path for path in sources if not (TESTS / path.parent / f"test_{path.name}").exists()
    }
    names = {path.as_posix() for path in mirrored if not path.name.startswith("__")}
    return names - EXEMPT


def test_every_source_file_has_a_test_file():
    assert untested() == set()
