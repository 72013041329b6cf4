"""The cache pane on keys of the test's own."""

from textual.pilot import Pilot

from optimus_tui.contract.reading import Coverage, Reading
from optimus_tui.index.cache import CacheIndex
from optimus_tui.tui.panes.cache.pane import CachePane
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import SETTINGS


class Scene:
    """A pane on its application with an index behind it."""

    def __init__(self, keys: dict[bytes, int] | None = None, **sweep: object) -> None:
        self.clock = FixedClock()
        self.pane = CachePane(self.clock, SETTINGS)
        self.app = PaneApp(self.pane)
        self.index = filled(KEYS if keys is None else keys, self.clock, **sweep)  # type: ignore[arg-type]

    async def arrive(self, pilot: "Pilot[None]", **more: object) -> None:
        self.pane.attach_index(self.index)
        self.pane.reading = read(self.index, self.clock, **more)
        await settle(self.pane, pilot)

    def lines(self) -> list[str]:
        return screen_lines(self.app)

    def text(self) -> str:
        return "\n".join(self.lines())


async def press(scene: Scene, pilot: "Pilot[None]", *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settle(scene.pane, pilot)


KEYS = {
    b"cache:conversation:demo_dentist:12345": 245_000,
    b"cache:conversation:demo_dentist:12346": 241_000,
    b"cache:conversation:demo_dentist:12399": -1,
    b"cache:conversation:clinic_a:7": 5_000,
    b"cache:profile:clinic_a:9": 3_599_000,
}


def filled(keys: dict[bytes, int], clock: FixedClock, complete: bool = True, total: int | None = None) -> CacheIndex:
    """An index after one sweep over these keys and TTLs in ms."""
    index = CacheIndex()
    index.begin_sweep()
    index.put_page(list(keys), list(keys.values()), None, clock.mono())
    index.end_sweep(Coverage(len(keys), len(keys) if total is None else total, complete))
    return index


def read(index: CacheIndex, clock: FixedClock, **more: object) -> "Reading[object]":
    return Reading(value=index.report(clock.mono()), taken_at=clock.wall(), taken_mono=clock.mono(), **more)  # type: ignore[arg-type]


async def settle(pane: CachePane, pilot: "Pilot[None]") -> None:
    """Until the rows in the making are there and drawn."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()
