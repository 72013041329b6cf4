"""Child processes of the supervisor: start them, wait until they answer, notice their end, kill them.

Children are always ended with SIGKILL: none has state worth saving, and only that is certain.

Choose free loopback ports for the demo's servers before anything is started.

They are below every usual ephemeral range, so that no outgoing connection takes one before its server listens. A port
that is taken meanwhile is reported by the server that cannot bind it.
"""

import asyncio
import contextlib
import json
import random
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from optimus_tui.demo.stack import ChildPlan
from optimus_tui.wording.safe import safe_text

READY_SECONDS = 20.0


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
                    return (await reader.read(64)).startswith(self.plan.welcome)
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


LOOPBACK = "127.0.0.1"
_LOW, _HIGH = 18_000, 32_000


def choose_ports(count: int) -> tuple[int, ...]:
    """Return ``count`` different TCP ports that are free on 127.0.0.1 now.

    Raises:
        OSError: There are not enough free ports.
    """
    with contextlib.ExitStack() as held:
        return tuple(_reserve(held) for _ in range(count))


def _reserve(held: contextlib.ExitStack) -> int:
    pick = random.SystemRandom()
    for attempt in range(200):
        probe = held.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            # After 150 busy ports any free one is used, also an ephemeral one.
            probe.bind((LOOPBACK, pick.randrange(_LOW, _HIGH) if attempt < 150 else 0))
            return int(probe.getsockname()[1])
    raise OSError("no free loopback port for the demo")
