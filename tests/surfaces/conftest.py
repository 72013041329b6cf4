"""A healthy small system for tests of whole commands."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile import HostileServer
from tests.realserver import RealServer
from tests.standin import point_to, standing_in


@pytest.fixture
def services() -> Iterator[HostileServer]:
    """Gateway and engine in one; not configured by itself."""
    with standing_in() as one:
        yield one


@pytest.fixture
def world(
    server: RealServer, services: HostileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HostileServer:
    """The system of the environment: an empty real server and services that can be made to misbehave."""
    point_to(monkeypatch, tmp_path, services.url, services.url, server.url)
    return services
