"""Nothing that we ask goes by way of a proxy that the environment names: one that listens hears nothing."""

import socket
import threading
from collections.abc import Iterator

import pytest

from optimus_tui.probes.http.fetch import fetch, fetch_or_fault, new_http_client
from tests.hostile import hostile_server, reply

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """What a proxy on loopback hears, which every variable of the environment names."""
    said: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            while True:
                try:
                    near, _ = listener.accept()
                except OSError:
                    return
                with near:
                    said.append(near.recv(4096))
                    near.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        threading.Thread(target=listen, daemon=True).start()
        for name in VARIABLES:
            for spelled in (name, name.lower()):
                monkeypatch.setenv(spelled, f"http://user:secret@127.0.0.1:{listener.getsockname()[1]}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield said


async def test_no_request_goes_through_a_proxy_of_the_environment(heard: list[bytes]) -> None:
    async with hostile_server() as gateway, new_http_client() as client:
        gateway.on("/health", reply(b'{"status":"ok"}'))
        assert (await fetch(client, f"{gateway.url}/health")).status == 200
        for url in ("http://nobody.invalid/", "https://nobody.invalid/"):
            await fetch_or_fault(client, url, 0.5)
        assert client.trust_env is False
    assert heard == []
