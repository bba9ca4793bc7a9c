"""Attributes of libraries that are replaced for a while."""

import types

import pytest

from guided.compat.replacing import replaced


def test_an_attribute_is_replaced_and_comes_back_even_after_an_error() -> None:
    library = types.SimpleNamespace(limit=1)
    with pytest.raises(RuntimeError, match="inside"), replaced(library, "limit", 2):
        assert library.limit == 2
        raise RuntimeError("inside")
    assert library.limit == 1


def test_a_name_that_the_library_no_longer_has_is_an_error() -> None:
    library = types.SimpleNamespace()
    with pytest.raises(AttributeError), replaced(library, "limit", 2):
        pass
    assert not hasattr(library, "limit")
