"""Wait until the tools screen has settled."""

import asyncio
from collections.abc import Callable
from typing import Any

from textual.pilot import Pilot


async def settle(pilot: Pilot[Any], until: Callable[[], bool]) -> None:
    for _ in range(200):
        await pilot.pause()
        if until():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")
