"""Tens of thousands of counters' names are read without holding up what else the process does."""

import asyncio

from optimus_tui.contract.reading import Coverage
from optimus_tui.dialects.layout import own_layout
from optimus_tui.index.cache import CacheIndex
from optimus_tui.index.limits import LimitIndex
from optimus_tui.tools.keyspace_scan import NAMES_A_STEP, Survey, counter_names

NAMES = [b"rate_limit:tenant_%04d:chat" % at for at in range(3 * NAMES_A_STEP)]


async def test_others_go_on_between_the_names_of_many_counters() -> None:
    layout = own_layout()
    seen = Survey(LimitIndex(layout), CacheIndex(layout=layout), Coverage(0, None, complete=True), set())
    seen.limits.put_page(NAMES)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    found = [(name, parsed.tenant) async for name, parsed in counter_names(seen)]
    beside.cancel()
    assert turns >= 3
    assert found == [(name, name.split(b":")[1]) for name in NAMES]
