"""The table tells programs apart by names of settings."""

import pytest

from guided.other_programs.table import data, named, programs, recognised


@pytest.mark.parametrize("program", programs(), ids=lambda program: program.name)
def test_each_set_of_marks_is_its_programs(program):
    for marks in program.marks:
        assert recognised(marks) is program
        assert marks, "an empty set would take every file"
        assert recognised(sorted(marks)[1:]) is not program or len(program.marks) > 1
    assert named(program.name) is program


def test_names_have_one_meaning():
    every = [name for names in data()["names"].values() for name in names]
    assert len(every) == len(set(every))
    assert recognised(["prompt"]) is None
    assert recognised([1, None, ("a",)]) is None
