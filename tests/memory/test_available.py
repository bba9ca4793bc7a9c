"""How much memory a machine says that it has."""

from guided.memory.available import OURS, ram

MEMINFO = "MemTotal: 8000000 kB\nMemFree: 1000 kB\nMemAvailable: 5000000 kB\n"


def machine(tmp_path, most=None):
    (tmp_path / "meminfo").write_text(MEMINFO)
    if most is not None:
        (tmp_path / "memory.max").write_text(f"{most}\n")
    return ram(tmp_path / "meminfo", tmp_path)


def test_what_else_runs_does_not_count(tmp_path):
    """Or the same seed would not give the same bits."""
    assert machine(tmp_path) == OURS * 8_000_000 * 1024


def test_a_container_may_have_less(tmp_path):
    assert machine(tmp_path, most=3 * 2**30) == OURS * 3 * 2**30


def test_a_container_without_a_limit_has_the_machine(tmp_path):
    assert machine(tmp_path, most="max") == machine(tmp_path)


def test_where_nobody_says_nothing_is_known(tmp_path):
    assert ram(tmp_path / "none", tmp_path) is None
