"""One tenant's signals, findings, types of events and status line, and the ways to its screen and on from it."""

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import FeedBatch, FeedEvent, FeedStatus
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.index.cache import CacheIndex
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog, QuestionDialog
from optimus_tui.tui.dialogs.explain import ExplainDialog
from optimus_tui.tui.tenant.lists import CounterList, EventList
from optimus_tui.tui.tenant.screen import TenantScreen
from optimus_tui.tui.tenant.summary import SummaryList, of_tenant, reading_parts
from tests.sizes import SIZES
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import MONO, SETTINGS, WALL, golden, health_report, limits_report, reading

TENANT = "high_traffic"
OVER = Finding(rule="limits.over", severity="high", subject=f"{TENANT} / chat", message=f"{TENANT} / chat is over")
OTHER = Finding(rule="limits.over", severity="high", subject="clinic_a / chat", message="clinic_a / chat is over")


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)


def event(seq: int, kind: str, tenant: str = TENANT) -> FeedEvent:
    payload = json.dumps({"type": kind, "tenant_id": tenant, "timestamp": WALL}).encode()
    return FeedEvent(seq=seq, received_at=WALL, channel=b"cache_coherence:x", payload=payload, length=len(payload))


def fill(dashboard: Any, **health: Any) -> None:
    """What the sampling loops would have handed on."""
    dashboard.bridge = SimpleNamespace(cache_index=CacheIndex(), pace=lambda *_: None, stop=AsyncMock())
    dashboard.pane("health").reading = dashboard.health = health_report(
        **{"signals": golden((TENANT, "clinic_a")), "findings": (OVER, OTHER), **health}
    )
    dashboard.pane("limits").reading = reading(limits_report())
    kinds = ["message_created"] * 3 + ["bulk_invalidation"] * 2
    items = tuple(event(at, kind) for at, kind in enumerate(kinds, 1))
    dashboard.pane("feed").reading = FeedBatch(
        items=(*items, event(9, "profile_updated", "other")), status=FeedStatus(state="live", received=6)
    )


async def opened(app: OptimusApp, pilot: Any, **health: Any) -> TenantScreen:
    await pilot.pause()
    dashboard: Any = app.screen
    fill(dashboard, **health)
    dashboard.navigate.open_tenant(TENANT.encode())
    await until(pilot, lambda: isinstance(app.screen, TenantScreen))
    screen: Any = app.screen
    await until(pilot, lambda: screen.query_one(EventList).rows != ())
    screen.look()
    await pilot.pause()
    return screen


@pytest.mark.parametrize("size", [(80, 24), (140, 42), (200, 60)])
async def test_its_signals_its_findings_and_its_events_by_type_stand_there(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        text = "\n".join(screen_lines(app))
        assert "requests 100/s" in text
        assert "p95      ≈ 612 ms" in text
        assert f"{TENANT} / chat is over" in text
        assert "clinic_a" not in text
        assert "message_created 3   bulk_invalidation 2" in text
        assert "profile_updated" not in text
        assert TENANT in screen_lines(app)[0]
        assert ("counters as of" in screen_lines(app)[0]) is (size[0] > 80)


async def test_a_tenant_that_the_gateway_does_not_count_says_why() -> None:
    app = OptimusApp(SETTINGS)
    for signals, why in (
        (golden(()), "no request of this tenant in 1 min 30 s"),
        (golden((), tenants_why="the gateway does not count requests by tenant"), "does not count requests by tenant"),
        (golden(("a", "b"), more_tenants=70), "not among the 2 busiest tenants"),
        (None, "were not read yet"),
    ):
        app = OptimusApp(SETTINGS)
        async with app.run_test(size=(100, 40)) as pilot:
            await opened(app, pilot, signals=signals, findings=())
            text = "\n".join(screen_lines(app))
            assert "unknown: " in text
            assert why in text
            assert "No finding names this tenant." in text


async def test_enter_on_a_finding_goes_to_its_row_and_escape_comes_back_and_elsewhere_it_says_what_would_work() -> None:
    app = OptimusApp(SETTINGS)
    of_read = replace(OVER, subject="demo_dentist / chat", message=f"{TENANT} waits for demo_dentist / chat")
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(app, pilot, findings=(of_read,))
        summary = screen.query_one(SummaryList)
        summary.focus()
        await pilot.pause()
        has = [line.finding is not None for line in summary.rows]
        assert has == sorted(has, reverse=True), "findings stand above the signals"
        summary.move_to(has.index(False))
        await pilot.press("enter")
        await until(pilot, lambda: any("goes to its row" in said.text for said in app.messages_said))
        assert app.screen is screen
        summary.move_to(next(at for at, line in enumerate(summary.rows) if line.finding is not None))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, Dashboard))
        dashboard: Any = app.screen
        assert dashboard.current == "limits"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)


def test_a_finding_is_of_a_tenant_only_if_it_names_it_as_a_whole() -> None:
    found = [replace(OVER, subject=name, message="-") for name in ("acme", "acme / chat", "acme:eu / chat", "my-acme")]
    assert [one.subject for one in of_tenant(found, b"acme")] == ["acme", "acme / chat"]
    assert [one.subject for one in of_tenant(found, b"acme:eu")] == ["acme:eu / chat"]
    several = replace(OVER, subject="several tenants", message="acme, beta (+3) are over")
    assert of_tenant([several], b"beta") == (several,)
    assert of_tenant([replace(OVER, subject="redis", message="a.b")], b"a?b") == ()


def test_the_top_line_says_how_old_how_complete_and_what_is_wrong() -> None:
    def right(limits: Any, cache: Any, feed: Any = None) -> str:
        return "".join(words for part in reading_parts(limits, cache, feed, WALL) for words, _ in part.words)

    whole = reading(limits_report())
    assert right(whole, None).startswith("  counters as of ")
    assert "keys: no data yet" in right(whole, None)
    part = reading(limits_report(coverage=Coverage(41, 184, complete=False)))
    assert "41 of 184" in right(part, None)
    stale = reading(limits_report(), ago=27.0, fault=Fault("refused", "connection refused"))
    assert "counters 27 s old: connection refused" in right(stale, None)
    assert "feed down" in right(whole, whole, FeedBatch(items=(), status=FeedStatus(state="down")))
    assert MONO > 0


async def test_t_opens_the_tenant_of_the_row_and_asks_where_there_is_none() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard)
        await pilot.press("2", "T")
        await until(pilot, lambda: isinstance(app.screen, TenantScreen))
        assert app.screen.tenant == dashboard.pane("limits").selected.counter.tenant  # type: ignore[attr-defined]
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is dashboard)
        await pilot.press("1", "T")
        await until(pilot, lambda: isinstance(app.screen, PickDialog))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TenantScreen))


async def test_without_any_tenant_the_key_says_so() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42), notifications=True) as pilot:
        await pilot.press("T")
        await pilot.pause()
        assert any("No tenant is known yet" in str(one.message) for one in app._notifications)


async def test_the_command_opens_a_tenant_by_its_name() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        await pilot.pause()
        dashboard: Any = app.screen
        fill(dashboard)
        assert {"clinic_a", TENANT} <= set(dashboard.navigate.tenants())
        dashboard.navigate.open_tenant_named("clinic_a")
        await until(pilot, lambda: isinstance(app.screen, TenantScreen))
        assert app.screen.tenant == b"clinic_a"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("key", "pane", "text"), [
    ("2", "limits", f"tenant:={TENANT}"), ("3", "cache", f"tenant:{TENANT}"), ("4", "feed", f"tenant:={TENANT}"),
    ("1", "health", TENANT),
])  # fmt: skip
async def test_the_number_of_a_pane_goes_there_filtered_to_the_tenant(key: str, pane: str, text: str) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(app, pilot)
        dashboard: Any = screen.dashboard
        await pilot.press(key)
        await until(pilot, lambda: app.screen is dashboard)
        assert (dashboard.current, dashboard.pane(pane).filter.text) == (pane, text)


async def test_the_first_list_is_as_high_as_what_it_holds() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(140, 42)) as pilot:
        screen = await opened(app, pilot)
        summary = screen.query_one(SummaryList)
        await pilot.pause()
        assert summary.size.height >= min(8, len(summary.rows))
        assert screen.query_one(CounterList).size.height > summary.size.height


async def test_on_a_small_screen_every_list_shows_rows() -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, findings=(OVER,) * 4)
        assert all(one.size.height >= 3 for one in screen.lists())


@pytest.mark.parametrize("size", SIZES)
async def test_the_footer_offers_the_ways_on_from_a_finding_first(size: tuple[int, int]) -> None:
    app = OptimusApp(SETTINGS)
    async with app.run_test(size=size) as pilot:
        await opened(app, pilot)
        await pilot.pause()
        footer = screen_lines(app)[-1]
        for words in ("i incident", "a actions", "e explain", "esc back"):
            assert words in footer, words


async def test_e_explains_the_finding_under_the_cursor_else_all_of_this_tenant_and_no_other() -> None:
    app: Any = OptimusApp(SETTINGS)
    worse = replace(OVER, severity="critical", rule="limits.immortal", message=f"{TENANT} / chat never resets")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot, findings=(OVER, OTHER, worse))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        assert app.screen.findings == [worse, OVER]
        await pilot.press("escape")
        view = screen.query_one(SummaryList)
        view.focus()
        view.move_to(next(at for at, line in enumerate(view.rows) if line.finding == OVER))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        assert app.screen.findings == [OVER]


async def test_i_asks_for_an_incident_about_this_tenant_and_its_worst_finding() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot)
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        assert app.screen.query_one("#ask-0").value == TENANT
        text = "\n".join(screen_lines(app))
        assert OVER.message in text
        assert OTHER.message not in text


async def test_i_names_the_tenant_also_where_nothing_is_found_wrong_with_it() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(app, pilot, findings=(OTHER,))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(app.screen, QuestionDialog))
        assert app.screen.query_one("#ask-0").value == TENANT


async def test_a_offers_what_the_panes_offer_for_the_row() -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(app, pilot)
        heard: list[object] = []
        screen.dashboard.actions.choose_for = heard.append  # type: ignore[attr-defined]
        await pilot.press("a")
        assert heard == [screen.query_one(CounterList).rows[0]]
        view = screen.query_one(SummaryList)
        view.focus()
        await pilot.press("a")
        assert heard[1:] == [OVER]


@pytest.mark.parametrize("size", [(80, 24), (140, 42)])
async def test_a_filter_is_named_where_it_holds_and_the_way_back_restores_the_one_before(size: tuple[int, int]) -> None:
    app: Any = OptimusApp(SETTINGS)
    async with app.run_test(size=size, notifications=True) as pilot:
        await pilot.pause()
        dashboard = app.screen
        fill(dashboard)
        await pilot.press("2")
        dashboard.pane("limits").set_filter("chat")
        dashboard.navigate.open_tenant_named(TENANT)
        await until(pilot, lambda: isinstance(app.screen, TenantScreen))
        tenant = app.screen
        await until(pilot, lambda: "esc back to / chat" in screen_lines(app)[-1])
        await pilot.press("2")
        await until(pilot, lambda: app.screen is dashboard)
        assert dashboard.pane("limits").filter.text == f"tenant:={TENANT}"
        told = [one.text for one in app.messages_said][-1]
        assert f"filtered: / tenant:={TENANT} instead of / chat; esc goes back" in told
        if size[0] == 80:
            dashboard.draw_status()
            await until(pilot, lambda: "2 Limits /" in screen_lines(app)[1])
        app.clear_notifications()  # in a low terminal an answer of two lines stands over the keys
        await until(pilot, lambda: "esc back" in screen_lines(app)[-1])
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is tenant)
        assert dashboard.pane("limits").filter.text == "chat"
