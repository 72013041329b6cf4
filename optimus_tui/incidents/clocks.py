"""The stamps of an incident's events: this machine's clocks, the server's time and the boot."""

import asyncio
from typing import TYPE_CHECKING

from optimus_tui.contract.incident import Stamp
from optimus_tui.probes.round_trips import attributed_to

if TYPE_CHECKING:
    from optimus_tui.context import Context

HEAR_SECONDS = 0.5
"""How long Redis may take to answer."""
FRESH_SECONDS = 600.0
"""How long Redis' last answer is used."""


class Clocks:
    """Makes the stamps of one incident."""

    def __init__(self, ctx: "Context") -> None:
        self._ctx = ctx
        self._heard: tuple[float, float] | None = None
        """Our monotonic clock and the server's time, when both were read."""
        self._boot = boot_id()

    def now(self) -> Stamp:
        """Return the stamp of this moment."""
        wall, mono = self._ctx.clock.wall(), self._ctx.clock.mono()
        server = None
        if self._heard is not None and mono - self._heard[0] <= FRESH_SECONDS:
            server = round(self._heard[1] + mono - self._heard[0], 6)
        return Stamp(wall, mono, server, self._boot)

    async def hear(self) -> None:
        """Ask Redis for its time. Without an answer, stamps have no server time."""
        from optimus_tui.probes.faults import OUTAGES

        try:
            async with asyncio.timeout(HEAR_SECONDS):
                with attributed_to("incident"):
                    seconds, micro = await self._ctx.redis.time()
            self._heard = (self._ctx.clock.mono(), float(seconds) + float(micro) / 1e6)
        except OUTAGES:
            return


def boot_id() -> str:
    """Return an id that differs for each boot of this machine; empty where the machine has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read(64).strip()
    except (OSError, UnicodeDecodeError):
        return ""
