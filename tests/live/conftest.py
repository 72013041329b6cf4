"""Fixtures of the tests of connections."""

import socket
from collections.abc import Callable
from typing import Any

import pytest


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
