"""A real PostgreSQL for the tests of a module."""

from collections.abc import Callable, Iterator

import pytest
from postgres import QUICK, Server, server


@pytest.fixture(scope="module")
def postgres(free_port: Callable[[], int]) -> Iterator[Server]:
    with server(free_port(), *QUICK) as made:
        yield made
