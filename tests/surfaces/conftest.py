"""A healthy small system for tests of whole commands."""

import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile import HostileServer, hostile_server
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.standin import point_to, standing_in
from tests.surfaces.listeners import Running
from tests.surfaces.world import environment, furnish, no_settings


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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[subprocess.Popen[bytes]] = []

    def launch(verb: list[str], descriptors: int = 1024, redis: str = "redis://127.0.0.1:1/0") -> Running:
        command = [sys.executable, "-m", "optimus_tui", *verb, "--port", "0"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "REDIS_URL": redis}
        process = subprocess.Popen(
            command, cwd=tmp_path, env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
        )  # fmt: skip
        started.append(process)
        assert process.stderr
        said = process.stderr.readline().decode()
        address = re.search(r"http://127\.0\.0\.1:(\d+)", said)
        assert "answer" in said and address, said
        port = int(address[1])
        running = Running(process, port, "/mcp" if "mcp" in verb else "/mcp/diagnose_gateway_health")
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                running.good()
                return running
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.1)

    yield launch
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
async def gateway(server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HostileServer]:
    """A healthy gateway; the command line in this process finds it by its variables."""
    with no_settings(monkeypatch, tmp_path):
        async with hostile_server() as one:
            furnish(one, server)
            monkeypatch.chdir(tmp_path)
            for name, value in environment(one, server.url, tmp_path).items():
                monkeypatch.setenv(name, value)
            yield one
