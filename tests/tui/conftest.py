"""Fixtures of the tests that act from the dashboard."""

from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.tui.dashboard.screen import Dashboard
from tests.idle import look_often
from tests.realserver import RealServer
from tests.tui.driver import IMMORTAL
from tests.undrawn import drawn as drawn


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what a dashboard leaves behind in the test's folder."""
    look_often(monkeypatch)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the dashboard read nothing: for tests of what stands beside its panes."""
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)


@pytest.fixture
def redis(make_server: Callable[..., RealServer]) -> RealServer:
    """Return a server with an immortal counter, two that end, and a cache key without a TTL."""
    server = make_server()
    server.command("SET", IMMORTAL, "400")
    server.command("SET", "rate_limit:clinic_b:export", "12", "EX", "600")
    server.command("SET", "rate_limit:acme:chat", "5", "EX", "600")
    server.command("SET", "cache:conversation:acme:1", "x")
    return server
