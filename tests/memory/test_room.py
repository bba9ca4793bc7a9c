"""How much memory a machine says that it has."""

from guided.memory.room import ram

MEMINFO = "MemTotal: 8000000 kB\nMemFree: 1000 kB\nMemAvailable: 5000000 kB\n"


def machine(tmp_path, most=None, used="0"):
    (tmp_path / "meminfo").write_text(MEMINFO)
    if most is not None:
        (tmp_path / "memory.max").write_text(f"{most}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
    return ram(tmp_path / "meminfo", tmp_path)


def test_what_is_available_counts_and_not_what_is_unused(tmp_path):
    assert machine(tmp_path) == 5_000_000 * 1024


def test_a_container_may_have_less(tmp_path):
    assert machine(tmp_path, most=3 * 2**30, used=2**30) == 2 * 2**30


def test_a_container_without_a_limit_has_the_machine(tmp_path):
    assert machine(tmp_path, most="max") == 5_000_000 * 1024


def test_where_nobody_says_nothing_is_known(tmp_path):
    assert ram(tmp_path / "none", tmp_path) is None
