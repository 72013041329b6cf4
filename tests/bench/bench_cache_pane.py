"""The longest time that the screen stands still with 100,000 keys in one open group. Run by hand:

    python -m tests.bench.bench_cache_pane [KEYS]

A task beside the pane notes how long the event loop did not turn: by the clock, which other programs on the machine
lengthen too, and in processor time of our own thread, which is what we cause. ``build`` makes the rows without drawing
them; a frame of 40 rows costs what Textual costs, so scrolling is compared with ten rows in the same run.
"""

import asyncio
import gc
import random
import sys
import time
from collections.abc import Awaitable, Callable

from optimus_tui.clock import Clock
from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.grammar.filter import parse_filter
from optimus_tui.index.cache import CacheIndex
from optimus_tui.settings.model import Settings
from optimus_tui.tui.panes.cache.pane import CachePane
from optimus_tui.tui.panes.cache.rows import KeyLists, TreeOptions, build_tree
from tests.tui.pane_app import PaneApp


class Stalls:
    """Notes the longest time between two turns of the event loop."""

    wall = own = 0.0

    async def _watch(self) -> None:
        while True:
            wall, own = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.0002)
            self.wall = max(self.wall, time.perf_counter() - wall - 0.0002)
            self.own = max(self.own, time.thread_time() - own)

    async def during(self, what: str, do: Callable[[], Awaitable[object]]) -> float:
        """Print the stalls while ``do`` runs; how long it took, in seconds."""
        gc.collect()
        task = asyncio.ensure_future(self._watch())
        await asyncio.sleep(0.01)
        self.wall = self.own = 0.0
        start = time.perf_counter()
        await do()
        took = time.perf_counter() - start
        await asyncio.sleep(0.01)
        task.cancel()
        print(
            f"{what:<36} own {self.own * 1000:6.1f} ms   wall {self.wall * 1000:6.1f} ms"
            f"   done after {took * 1000:7.1f} ms"
        )
        return took


def filled(keys: int, clock: Clock) -> CacheIndex:
    names = [b"cache:conversation:demo_dentist:%08d" % n for n in range(keys)]
    random.Random(7).shuffle(names)
    index = CacheIndex()
    index.begin_sweep()
    for start in range(0, keys, 250):
        page = names[start : start + 250]
        index.put_page(page, [-1 if n % 12 == 0 else 1000 * (n % 3600) for n in range(len(page))], None, clock.mono())
    index.end_sweep(Coverage(keys, keys, True))
    return index


async def main(keys: int) -> None:
    clock = Clock()
    index, pane = filled(keys, clock), CachePane(clock, Settings())
    stalls, app = Stalls(), PaneApp(pane)
    report = index.report(clock.mono())
    opened = frozenset({(b"conversation", None), (b"conversation", b"demo_dentist")})
    print(f"{keys:,} keys in one group\n")
    for sort, text in (("key", ""), ("ttl", ""), ("key", "777"), ("key", "ttl<60 tenant:demo")):
        view = TreeOptions(opened=opened, sort=sort, filter=parse_filter(text), now_ms=int(clock.mono() * 1000))

        async def build(view: TreeOptions = view) -> None:
            await build_tree(report, index, view, KeyLists())

        await stalls.during(f"build: by {sort} {text and '/' + text}", build)
    print()
    async with app.run_test(size=(140, 42)) as pilot:
        pane.attach_index(index)
        pane.reading = Reading(value=report, taken_at=clock.wall(), taken_mono=clock.mono())
        await pilot.pause()

        async def press(*pressed: str) -> None:
            await pilot.press(*pressed)
            await app.workers.wait_for_complete()
            await pilot.pause()

        async def narrow(text: str) -> None:
            pane.set_filter(text)
            await app.workers.wait_for_complete()
            await pilot.pause()

        async def pages(count: int) -> None:
            pane.move_to(0)
            for step in range(count):
                pane.action_page(1 if step < count // 2 or len(pane.rows) > 1000 else -1)
                pane.refresh()
                await pilot.pause()

        await stalls.during("open the kind", lambda: press("enter"))
        await stalls.during("open the group", lambda: press("down", "enter"))
        print(f"{'rows':<34} {len(pane.rows):,}")
        await stalls.during("sort by ttl", lambda: press("s"))
        await stalls.during("sort by size", lambda: press("s"))
        await stalls.during("sort by name, reversed", lambda: press("s", "S"))
        await stalls.during("filter 777", lambda: narrow("777"))
        await stalls.during("filter ttl<60", lambda: narrow("ttl<60"))
        await stalls.during("no filter", lambda: narrow(""))
        many = await stalls.during("scroll: 40 pages down", lambda: pages(40))
        await stalls.during("jump to the last row", lambda: press("end"))
        await narrow("000010")
        few = await stalls.during(f"the same with {len(pane.rows)} rows", lambda: pages(40))
        print(f"{'scrolling, all rows ÷ few':<36} {many / few:.2f}")
        await narrow("")

        async def new_report() -> None:
            index.put_page([b"cache:conversation:demo_dentist:new"], [9000], None, clock.mono())
            pane.reading = Reading(value=index.report(clock.mono()), taken_at=clock.wall(), taken_mono=clock.mono())
            await app.workers.wait_for_complete()
            await pilot.pause()

        await stalls.during("a new report with the cursor there", new_report)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
