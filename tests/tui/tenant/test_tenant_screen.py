"""One tenant's screen: what the dashboard has read, of this tenant alone, live, and nothing asked of Redis."""

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, FeedStatus
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.index.cache import CacheIndex
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.commands import COMMANDS
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.sheets import SheetDialog
from optimus_tui.tui.tenant.lists import CounterList, EventList, KeyList
from optimus_tui.tui.tenant.screen import TenantScreen
from optimus_tui.tui.tools.screen import ToolsScreen
from tests.fixed_clock import FixedClock
from tests.sizes import SIZES
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import SETTINGS, counter, limits_report, reading

TENANT = "high_traffic"


pytestmark = pytest.mark.usefixtures("offline")


def event(seq: int, tenant: str, kind: str = "conversation_updated") -> FeedEvent:
    payload = json.dumps({"type": kind, "tenant_id": tenant, "timestamp": "2026-01-01T00:00:00Z"}).encode()
    return FeedEvent(seq=seq, received_at=1.0, channel=b"cache_coherence:x", payload=payload, length=len(payload))


def fill(dashboard: Any, index: CacheIndex, events: list[FeedEvent]) -> None:
    """What the sampling loops would have handed on."""
    mono = dashboard.context.clock.mono()
    index.begin_sweep()
    names = [b"cache:conv:high_traffic:1", b"cache:conv:high_traffic:2", b"cache:conv:other:3"]
    index.put_page(names, [60_000, -1, 5_000], None, mono)
    index.end_sweep(Coverage(3, 3, complete=True))
    dashboard.bridge = SimpleNamespace(cache_index=index, pace=lambda *_: None, stop=AsyncMock())
    dashboard.pane("cache").attach_index(index)
    dashboard.pane("cache").reading = reading(index.report(mono))
    dashboard.pane("limits").reading = reading(limits_report())
    status = FeedStatus(state="live", received=len(events))
    dashboard.pane("feed").reading = FeedBatch(items=tuple(events), status=status)


async def opened(pilot: Any, index: CacheIndex, events: list[FeedEvent]) -> TenantScreen:
    await pilot.pause()
    dashboard = pilot.app.screen
    fill(dashboard, index, events)
    await pilot.press("2", "g")
    pane = dashboard.pane("limits")
    pane.move_to(next(at for at, row in enumerate(pane.rows) if row.counter.tenant == TENANT.encode()))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, TenantScreen))
    screen: TenantScreen = pilot.app.screen
    return screen


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_a_limits_row_opens_the_tenant_with_counters_keys_and_events_and_asks_nobody(
    size: tuple[int, int],
) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, CacheIndex(), [event(1, TENANT), event(2, "other"), event(3, TENANT)])
        await until(pilot, lambda: len(screen.query_one(EventList).rows) == 2)
        screen.look()
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "Counters of high_traffic" in text
        assert "96 / 150" in " ".join(text.split())
        assert "2 keys in 1 kind · 1 never expire" in text
        assert "2 events in the feed · feed live" in text
        assert "other" not in text
        assert screen.query_one(KeyList).plain(0).endswith("never")
        assert "redis" not in screen.dashboard.context.__dict__  # no client was even built
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, Dashboard)


@pytest.mark.parametrize("size", [(140, 42), (200, 60)])
async def test_few_counters_leave_their_room_to_keys_and_events(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, CacheIndex(), [event(1, TENANT)])
        await until(pilot, lambda: screen.query_one(KeyList).size.height > size[1] // 2)
        counters = screen.query_one(CounterList)
        assert counters.size.height > len(counters.rows)
        assert counters.outer_size.height < screen.query_one(EventList).outer_size.height


async def test_the_tenant_stays_live_while_the_dashboard_reads_on() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        index = CacheIndex()
        screen = await opened(pilot, index, [event(1, TENANT)])
        dashboard: Any = screen.dashboard
        batch = FeedBatch(items=(event(2, TENANT, "profile_updated"),), status=FeedStatus(state="live", received=2))
        dashboard.pane("feed").reading = batch
        grown = limits_report([counter(TENANT, "chat", 97), counter(TENANT, "export", 1)])
        dashboard.pane("limits").reading = reading(grown)
        await until(pilot, lambda: len(screen.query_one(EventList).rows) == 2)
        screen.look()
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "profile_updated" in text
        assert "export" in text
        dashboard.pane("limits").reading = reading(None, fault=Fault("refused", "nobody answers"))
        screen.look()
        await pilot.pause()
        assert "no data yet · redis: nobody answers" in "\n".join(screen_lines(app))


@pytest.mark.parametrize("size", SIZES)
async def test_during_an_outage_every_list_keeps_its_age_and_says_when_it_is_tried_again(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot, CacheIndex(), [event(1, TENANT)])
        dashboard: Any = screen.dashboard
        fault = Fault("refused", "nobody answers at localhost:6379/0: connection refused, after a long while of trying")
        for name in ("limits", "cache"):
            pane = dashboard.pane(name)
            pane.reading = replace(pane.reading, fault=fault, retry_in=30.0)
        status = FeedStatus(state="down", fault=fault, retry_in=30.0)
        dashboard.pane("feed").reading = FeedBatch(items=(), status=status)
        screen.look()
        await pilot.pause()
        for one in screen.lists()[1:]:  # the first one shows what the gateway says, not Redis
            assert str(one.border_subtitle).endswith(("retry in 30 s", "retry in 29 s")), one.border_subtitle
            assert cell_len(str(one.border_subtitle)) <= one.size.width - 2
        dashboard.pane("limits").reading = reading(None, fault=fault, retry_in=30.0)
        screen.look()
        await pilot.pause()
        lists = screen.query_one(CounterList)
        assert str(lists.border_subtitle).startswith("no data yet")


async def test_zoom_event_detail_copies_and_tools_work_by_keys_and_escape_undoes_each() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot, CacheIndex(), [event(1, TENANT)])
        await until(pilot, lambda: len(screen.query_one(EventList).rows) == 1)
        assert "rate_limit:high_traffic:chat" in screen.copy_forms()[0][1]
        assert screen.copy_forms()[0][0] == "redis-cli GET"
        await pilot.press("tab", "tab", "z")
        await pilot.pause()
        assert not screen.query_one(KeyList).display
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SheetDialog))
        await pilot.press("escape", "escape")
        await pilot.pause()
        assert app.screen is screen
        assert screen.query_one(KeyList).display
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, ToolsScreen))
        tools: Any = app.screen
        await until(pilot, lambda: tools.form is not None and tools.form.is_mounted)
        assert tools.form.values() == {"issue_type": "rate_limiting", "tenant_id": TENANT}
        assert tools.run is None


async def test_a_screen_that_is_left_before_it_is_drawn_is_left() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard, CacheIndex(), [])
        answers: list[Any] = []
        screen = TenantScreen(dashboard, TENANT.encode())
        app.push_screen(screen, answers.append)
        screen.dismiss("first")
        screen.dismiss("second")
        await pilot.pause()
        await pilot.pause()
        assert app.screen is dashboard
        assert answers == ["first"]


def test_a_list_of_events_that_is_still_being_read_says_so_and_never_that_there_is_none() -> None:
    view = EventList(TENANT.encode(), FixedClock())
    live = FeedBatch(items=(), status=FeedStatus(state="live"))
    view.tell(live, None)
    assert view.empty == "reading the events of the feed …"
    view.read_all = True
    view.tell(live, None)
    assert view.empty == "No event of this tenant in the feed yet."


async def test_the_tenant_of_the_row_is_taken_where_the_command_names_none() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard, CacheIndex(), [event(1, "from_the_feed")])
        await pilot.press("4")
        await until(pilot, lambda: bool(dashboard.pane("feed").rows))
        command = next(one for one in COMMANDS if one.name == "tenant")
        assert not command.needs_argument
        command.run(dashboard, "")
        await until(pilot, lambda: isinstance(app.screen, TenantScreen))
        shown: Any = app.screen
        assert shown.tenant == b"from_the_feed"
