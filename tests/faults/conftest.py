"""Options and servers of the tests of faults: `nox -s faults`, `nox -s faults -- --rounds 100`."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from xfd_testing import s3
from xfd_testing.s3 import S3Server

SECONDS_A_ROUND = 90


def pytest_addoption(parser: pytest.Parser) -> None:
    """How often each fault is injected, and by which random numbers."""
    parser.addoption("--rounds", type=int, default=3, help="how often each fault is injected")
    parser.addoption("--seed", type=int, default=0, help="decides when and where")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Gives each test the time that its rounds take."""
    allowed = 300 + SECONDS_A_ROUND * config.getoption("rounds")
    for item in items:
        item.add_marker(pytest.mark.timeout(allowed))


@pytest.fixture(scope="session")
def rounds(request: pytest.FixtureRequest) -> int:
    """How often each fault is injected."""
    return int(request.config.getoption("rounds"))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Decides when and where faults are injected."""
    return int(request.config.getoption("seed"))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """A server that admits its owner only."""
    with s3.running() as server:
        yield server


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    s3_server.make_bucket(name)
    return name
