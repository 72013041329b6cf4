"""What waits for a screen waits for its work also where the process hardly gets a processor."""

import asyncio
import time

from tests.idle import until_idle


async def test_a_process_that_gets_no_processor_is_not_taken_for_idle() -> None:
    done: list[int] = []

    async def work() -> None:
        for step in range(20):
            time.sleep(0.004)  # noqa: ASYNC251  what others take: it is none of our time
            done.append(step)
            await asyncio.sleep(0)

    working = asyncio.ensure_future(work())
    await until_idle(0.005)
    assert len(done) == 20
    await working


async def test_a_process_that_is_never_idle_is_waited_for_no_longer_than_asked() -> None:
    ended = False

    async def work() -> None:
        while not ended:  # noqa: ASYNC110  it waits for nothing
            await asyncio.sleep(0)

    working = asyncio.ensure_future(work())
    await until_idle(0.005, most_seconds=0.05)
    assert not working.done(), "it was busy all the time"
    ended = True
    await working
