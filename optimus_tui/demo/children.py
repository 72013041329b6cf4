"""Child processes of the supervisor: start, prove ready, notice the end, end. Knows nothing of what they are for.

Ends are always SIGKILL: no child has state worth saving, and nothing else is certain.
"""

import asyncio
import contextlib
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optimus_tui.demo.stack import ChildPlan
from optimus_tui.wording.safe import safe_text

READY_SECONDS = 20.0


class ChildFailed(Exception):
    """A child ended or never answered; the text, safe to show, says which and its last words."""


class Child:
    """One running process with its log file. Start it from the main thread: on Linux its life hangs on that thread."""

    def __init__(self, plan: ChildPlan, environment: Mapping[str, str], directory: Path) -> None:
        self.plan, self.log = plan, directory / f"{plan.name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                plan.argv,
                stdin=subprocess.PIPE,  # its end tells the child that we are gone
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=dict(environment),
            )

    @property
    def running(self) -> bool:
        """False once it has ended, whatever the reason."""
        return self.process.poll() is None

    async def answers(self) -> None:
        """Return as soon as it answers its greeting. ChildFailed when it ends first or takes ``READY_SECONDS``."""
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

    def last_words(self) -> str:
        """The last line of its log, safe to show."""
        return last_line(self.log) or f"exit code {self.process.poll()}"

    def end(self) -> None:
        """Kill and reap it; nothing to do when it has ended already."""
        self.process.kill()
        self.process.wait()
        if self.process.stdin:
            self.process.stdin.close()


class Traffic:
    """The traffic process and the conversation with it: one order at a time, one answer each."""

    def __init__(self, argv: tuple[str, ...], environment: dict[str, str], directory: Path) -> None:
        self.log = directory / "traffic.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own argument list, no shell
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=directory, env=environment
            )
        self._answers: asyncio.StreamReader | None = None

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self.process.poll() is None

    async def play(self, scenario: str, order: str = "play") -> str:
        """Order a scenario and wait until its cause is in place; the note it answers with."""
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

    def last_words(self) -> str:
        """The last line it wrote to its log."""
        return last_line(self.log) or f"exit code {self.process.poll()}"

    def end(self) -> None:
        """Kill and reap it."""
        self.process.kill()
        self.process.wait()


async def read_lines(pipe: Any) -> asyncio.StreamReader:
    """A pipe as a stream of lines."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    return reader


def last_line(log: Path) -> str:
    """The last line of a log that says something, safe to show; empty when there is none."""
    with contextlib.suppress(OSError), log.open("rb") as opened:
        opened.seek(max(0, log.stat().st_size - 8192))
        lines = [line for line in opened.read().splitlines() if line.strip()]
        return safe_text(lines[-1]) if lines else ""
    return ""
