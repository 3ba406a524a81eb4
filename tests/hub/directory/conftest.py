"""A real PostgreSQL for the tests of a module."""

import socket
from collections.abc import Iterator

import pytest
from postgres import Server, server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with server(port) as made:
        yield made
