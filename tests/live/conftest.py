"""Fixtures of the tests on whole systems."""

import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from optimus_tui.demo.command import DemoHandle
from tests.live.demo.driver import quiet_demo
from tests.realserver import RealServer, nobody_port
from tests.terminal import Terminal


@pytest.fixture
def two_addresses(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the name two.test resolve to a dead address first and 127.0.0.1 after it."""
    real = socket.getaddrinfo

    def name(dead: str) -> None:
        def answer(host: Any, port: Any, *args: Any, **options: Any) -> Any:
            if host not in ("two.test", b"two.test"):
                return real(host, port, *args, **options)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, int(port))) for one in (dead, "127.0.0.1")]

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return name


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A home and a configuration of the test's own, and services that nobody runs."""
    place = str(tmp_path_factory.mktemp("home"))
    return {
        "HOME": place,
        "XDG_STATE_HOME": f"{place}/state",
        "XDG_CONFIG_HOME": f"{place}/config",
        "BACKEND_ORCHESTRATOR_URL": f"http://127.0.0.1:{nobody_port()}",
        "AI_ENGINE_URL": f"http://127.0.0.1:{nobody_port()}",
    }


@pytest.fixture
def open_on(home: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    """Open the dashboard on a server, in a terminal that is closed afterwards."""
    opened: list[Terminal] = []

    def start(server: RealServer, columns: int = 140, rows: int = 42, **env: str) -> Terminal:
        opened.append(Terminal.optimus(columns=columns, rows=rows, env={**home, "REDIS_URL": server.url, **env}))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


@pytest.fixture(scope="module")
def running() -> Iterator[DemoHandle]:
    """The demo, quiet at first, for all tests of a file: its gateway remembers what the file before did to it."""
    yield from quiet_demo(60)
