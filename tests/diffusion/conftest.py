from collections.abc import Iterator

import pytest

from tests.doubles import on_one_thread


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> Iterator[None]:
    with on_one_thread():
        yield
