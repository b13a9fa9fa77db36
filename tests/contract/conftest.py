"""What several contract tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.answering_server import Server


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with the answers of the test's parameter."""
    server = Server(list(request.param))
    yield server
    server.close()
