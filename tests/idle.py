"""Wait for an application of Textual by what its own thread does."""

import asyncio
import time
from functools import partial
from typing import Any

import pytest

IDLE_SHARE = 0.25
KEY_SECONDS = 0.005
STARVED = 6
"""Times that work takes longer on a busy machine, at most."""
PAUSE_SECONDS = 0.02
"""A pause is longer than a frame: what a key or a new size changed is painted behind it."""


async def until_idle(look_seconds: float, *_: Any, most_seconds: float = 0.5) -> None:
    """Wait until the thread of the screen has had next to nothing to do for a moment, and nothing waits to be done.

    Textual looks every 20 ms, twice a key, and takes an application for busy that uses a twentieth of a processor in
    any of its threads: beside a dashboard that samples, a key took 120 ms.

    Args:
        look_seconds: How long a moment is.
        most_seconds: After how many seconds of work a busy thread is waited for no longer.
    """
    began, at = time.thread_time(), time.monotonic()
    idle = False
    while not idle and time.thread_time() - began < most_seconds and time.monotonic() - at < most_seconds * STARVED:
        used = time.thread_time()
        await asyncio.sleep(look_seconds)
        idle = time.thread_time() - used < look_seconds * IDLE_SHARE and await _nothing_waits()


async def _nothing_waits() -> bool:
    """Return whether the loop has nothing to run: who got no processor meanwhile has used none either."""
    ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
    for _ in range(3):
        if ready:
            return False
        await asyncio.sleep(0)
    return True


def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait so after every key that a test presses, and in its pauses."""
    monkeypatch.setattr("textual.app.wait_for_idle", partial(until_idle, KEY_SECONDS))
    monkeypatch.setattr("textual.pilot.wait_for_idle", partial(until_idle, PAUSE_SECONDS))
