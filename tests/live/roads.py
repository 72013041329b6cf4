"""Names, addresses and programs for the tests of connections."""

import os
import shutil
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


def program(name: str) -> str:
    """The path of a Debian program; without it the test is skipped here and fails in CI."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail(f"no {name} on this machine")
    if found is None:
        pytest.skip(f"no {name} on this machine")
    return found
