"""Stamps of three clocks: the wall's, the machine's steady one, and Redis' own where it was heard lately.

It refuses to wait for Redis: half a second, and without an answer a stamp has two clocks.
"""

import asyncio
import getpass
import os
import socket
from typing import TYPE_CHECKING

from optimus_tui.contract.incident import Stamp
from optimus_tui.probes.round_trips import attributed_to
from optimus_tui.wording.safe import safe_text

if TYPE_CHECKING:
    from optimus_tui.context import Context

HEAR_SECONDS = 0.5
FRESH_SECONDS = 600.0


class Clocks:
    """Stamps for one keeper."""

    def __init__(self, ctx: "Context") -> None:
        self._ctx = ctx
        self._heard: tuple[float, float] | None = None
        """(our steady clock, the server's) when both were read."""
        self._boot = boot_id()

    def now(self) -> Stamp:
        """This moment."""
        wall, mono = self._ctx.clock.wall(), self._ctx.clock.mono()
        server = None
        if self._heard is not None and mono - self._heard[0] <= FRESH_SECONDS:
            server = round(self._heard[1] + mono - self._heard[0], 6)
        return Stamp(wall, mono, server, self._boot)

    async def hear(self) -> None:
        """Ask Redis for its time; what it does not tell is left out."""
        from optimus_tui.probes.faults import OUTAGES

        try:
            async with asyncio.timeout(HEAR_SECONDS):
                with attributed_to("incident"):
                    seconds, micro = await self._ctx.redis.time()
            self._heard = (self._ctx.clock.mono(), float(seconds) + float(micro) / 1e6)
        except OUTAGES:
            return


def boot_id() -> str:
    """What tells one boot of this machine from the next; empty where the machine does not say."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, UnicodeDecodeError):
        return ""


def operator() -> str:
    """Who is at the keyboard: the system's user, as far as it is known."""
    try:
        return safe_text(getpass.getuser(), 60)
    except (OSError, KeyError, ImportError):
        return f"uid {os.getuid()}"


def who() -> str:
    """What is shown to those who come second: user, process, machine."""
    return f"{operator()}, process {os.getpid()} on {safe_text(socket.gethostname(), 60)}"
