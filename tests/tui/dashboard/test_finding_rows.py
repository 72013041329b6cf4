"""Enter on a finding goes to its row, esc comes back; explained, it offers its row, an incident, actions, a tool."""

import dataclasses
from typing import Any, cast

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from optimus_tui.contract.finding_rules import CATALOGUE
from optimus_tui.contract.findings import AlertEpisode, Finding
from optimus_tui.contract.keyspace import CacheReport, GroupTotals, KindTotals
from optimus_tui.contract.reading import Coverage
from optimus_tui.tui.alerts.screen import AlertsScreen, EpisodeList
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.finding_places import SERVICES, Place, place_of
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.explain import ExplainDialog, Newest, NothingFound, explain_dialog, finding_lines
from optimus_tui.verdicts.coherence.bulk import BulkEvent, find_bulk
from tests.sizes import SIZES
from tests.tui.driver import until
from tests.tui.pane_app import screen_lines
from tests.tui.pictures import MIXED, NEVER, SETTINGS, SLOW, WALL, counter, health_report, limits_report, reading


def found(rule: str, subject: str, **more: Any) -> Finding:
    return Finding(rule=rule, severity="high", subject=subject, message=f"{subject} is wrong", **more)


def group(kind: bytes, tenant: bytes | None, keys: int, without_ttl: int) -> GroupTotals:
    return GroupTotals(
        kind=kind, tenant=tenant, keys=keys, without_ttl=without_ttl, bytes_used=None, bytes_exact=False,
        histogram=(0,) * 8,
    )  # fmt: skip


def kind(name: bytes, tenants: dict[bytes, int]) -> KindTotals:
    members = tuple(group(name, tenant, 9, count) for tenant, count in tenants.items())
    return KindTotals(group(name, None, 9 * len(members), sum(tenants.values())), members)


CACHE = CacheReport(
    kinds=(kind(b"profile", {b"acme": 2}), kind(b"conversation", {b"acme": 1, b"clinic_b": 40, b"clinic_a": 3})),
    keys=36, coherence_keys=0, coverage=Coverage(scanned=36, total=36, complete=True), version=1,
)  # fmt: skip
NO_TTL = found("cache.no_ttl", "cache keys")


# -- where a finding leads


def test_a_counter_is_found_by_the_words_that_name_it() -> None:
    assert place_of(NEVER, limits_report(), None) == Place("limits", b"rate_limit:clinic_b:chat")
    assert place_of(found("limits.refused", "demo_dentist"), limits_report(), None) == Place(
        "limits", b"rate_limit:demo_dentist:list_conversations"
    )
    of_limit = place_of(found("limits.over", "limit of list_conversations"), limits_report(), None)
    assert isinstance(of_limit, Place)
    assert of_limit.key == b"rate_limit:demo_dentist:list_conversations"


def test_several_counters_lead_to_the_most_urgent_of_their_state() -> None:
    more = (*MIXED, counter("clinic_c", "chat", 12, None))
    place = place_of(found("limits.immortal", "several counters"), limits_report(more), None)
    assert isinstance(place, Place)
    assert place.key in (b"rate_limit:clinic_b:chat", b"rate_limit:clinic_c:chat")
    assert "most urgent" in place.note


@pytest.mark.parametrize(
    ("finding", "limits", "cache", "words"),
    [
        (NEVER, limits_report(()), None, "the counter of clinic_b / chat is gone"),
        (NEVER, None, None, "not been read yet"),
        (NEVER, limits_report((), coverage=Coverage(scanned=1, total=9, complete=False)), None, "read so far"),
        (found("limits.over", "several counters"), limits_report(()), None, "none of these counters"),
        (NO_TTL, None, None, "not been read yet"),
        (NO_TTL, None, CacheReport(**{**{f: getattr(CACHE, f) for f in CACHE.__struct_fields__}, "kinds": ()}),
         "no cache key without a TTL"),
        (found("unheard.of", "a thing"), None, None, "no pane has a row for a thing"),
    ],
)  # fmt: skip
def test_why_there_is_no_row_is_one_sentence(finding: Finding, limits: Any, cache: Any, words: str) -> None:
    sentence = place_of(finding, limits, cache)
    assert isinstance(sentence, str)
    assert words in sentence


def test_keys_without_a_ttl_lead_to_the_tenant_with_most_of_them_in_its_open_kind() -> None:
    place = place_of(NO_TTL, None, CACHE)
    assert place == Place("cache", (b"conversation", b"clinic_b"), opened=((b"conversation", None),))


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_leads_to_its_line(name: str) -> None:
    assert place_of(found("latency.p95", name), limits_report(), None) == Place("health", (name, 0))


@pytest.mark.parametrize("rule", list(CATALOGUE))
def test_every_rule_leads_somewhere_or_says_why_not(rule: str) -> None:
    place = place_of(found(rule, "route /api/chat"), limits_report(), CACHE)
    if isinstance(place, str):
        assert place
    else:
        assert place.pane in ("health", "limits", "cache", "feed")
        assert place.note or rule == "cache.no_ttl", "a row that is not the subject's own is called so"


# -- on the dashboard


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> OptimusApp:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda self: None)
    return OptimusApp(SETTINGS)


async def filled(pilot: Pilot[Any]) -> Any:
    await pilot.pause()
    dashboard: Any = pilot.app.screen
    dashboard.pane("health").reading = health_report()
    dashboard.pane("limits").reading = reading(limits_report())
    dashboard.pane("cache").reading = reading(CACHE)
    await pilot.pause()
    return dashboard


def put_cursor_on(dashboard: Any, finding: Finding) -> None:
    pane = dashboard.pane("health")
    pane.move_to(next(at for at, row in enumerate(pane.rows) if row.finding is finding))


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_a_finding_goes_to_its_row_and_esc_comes_back(app: OptimusApp, size: tuple[int, int]) -> None:
    async with app.run_test(size=size) as pilot:
        dashboard = await filled(pilot)
        dashboard.pane("limits").set_filter("tenant:clinic_a")
        put_cursor_on(dashboard, NEVER)
        await pilot.press("enter")
        await pilot.pause()
        limits = dashboard.pane("limits")
        assert dashboard.current == "limits"
        assert limits.has_focus
        assert limits.selected.counter.key == b"rate_limit:clinic_b:chat"  # the filter hid it: it is gone
        assert limits.filter.text == ""
        await pilot.press("escape")
        await pilot.pause()
        assert dashboard.current == "health"
        assert dashboard.pane("health").content.finding is NEVER
        assert limits.filter.text == "tenant:clinic_a"


async def test_a_service_s_finding_goes_up_to_its_line_in_the_same_pane(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        put_cursor_on(dashboard, SLOW)
        await pilot.press("enter")
        await pilot.pause()
        assert dashboard.pane("health").content.group == "engine"
        await pilot.press("escape")
        await pilot.pause()
        assert dashboard.pane("health").content.finding is SLOW


async def test_keys_without_a_ttl_are_shown_in_their_opened_group(app: OptimusApp) -> None:
    async with app.run_test(size=(140, 42)) as pilot:
        dashboard = await filled(pilot)
        dashboard.pane("health").reading = health_report(findings=(NO_TTL,))
        await pilot.pause()
        put_cursor_on(dashboard, NO_TTL)
        await pilot.press("enter")
        cache = dashboard.pane("cache")
        await until(pilot, lambda: getattr(cache.selected, "tenant", None) == b"clinic_b")
        assert cache.selected.kind == b"conversation"
        assert dashboard.current == "cache"


async def test_a_gone_counter_is_said_and_nothing_moves(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        dashboard.pane("limits").reading = reading(limits_report(()))
        await pilot.pause()
        put_cursor_on(dashboard, NEVER)
        await pilot.press("enter")
        await pilot.pause()
        assert dashboard.current == "health"
        assert "gone" in next(iter(app._notifications)).message
        assert not dashboard.findings.has_way_back()


async def test_the_way_back_ends_where_somebody_goes_elsewhere(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        put_cursor_on(dashboard, NEVER)
        await pilot.press("enter")
        await pilot.press("3", "escape")
        await pilot.pause()
        assert dashboard.current == "cache"
        await pilot.press("2", "escape")
        await pilot.pause()
        assert dashboard.current == "limits"


async def test_a_filter_typed_at_the_row_is_taken_away_before_esc_goes_back(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        put_cursor_on(dashboard, NEVER)
        await pilot.press("enter", "slash", *"chat", "enter", "escape")
        await pilot.pause()
        assert dashboard.current == "limits"
        assert not dashboard.pane("limits").filter.text
        await pilot.press("escape")
        await pilot.pause()
        assert dashboard.current == "health"


class Book:
    """Alerts that stand still."""

    def __init__(self, *episodes: AlertEpisode) -> None:
        self._episodes = episodes
        self.loaded, self.trouble, self.state = True, "", dataclasses.make_dataclass("State", ["held"])({})

    def episodes(self) -> list[AlertEpisode]:
        return list(self._episodes)

    def muted_now(self) -> dict[Any, Any]:
        return {}


async def test_from_the_alerts_to_the_row_and_back_to_the_same_alert(app: OptimusApp) -> None:
    episodes = [AlertEpisode(finding=finding, since=1.0, seen=2.0, severity="high") for finding in (SLOW, NEVER)]
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        book: Any = Book(*episodes)
        screen = AlertsScreen(dashboard, lambda: book)
        dashboard.open_screen(screen)
        await until(pilot, lambda: bool(screen.query(EpisodeList)) and bool(screen.query_one(EpisodeList).rows))
        await pilot.press("down", "enter")
        await until(pilot, lambda: app.screen is dashboard)
        assert dashboard.pane("limits").selected.counter.key == b"rate_limit:clinic_b:chat"
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is screen)
        assert screen.query_one(EpisodeList).selected.finding is NEVER
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is dashboard)
        assert not screen.is_running
        assert dashboard.current == "health"


async def test_screens_that_nobody_comes_back_to_are_ended(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        book: Any = Book(AlertEpisode(finding=NEVER, since=1.0, seen=2.0, severity="high"))
        screen = AlertsScreen(dashboard, lambda: book)
        dashboard.open_screen(screen)
        await until(pilot, lambda: bool(screen.query(EpisodeList)) and bool(screen.query_one(EpisodeList).rows))
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is dashboard)
        assert screen.is_running
        await pilot.press("3", "escape")
        await until(pilot, lambda: not screen.is_running)


# -- explained


LONG = found(
    "limits.over", "clinic_b / chat", remedy="Mend it thus.", impact="Callers are refused.", measured=153.0,
    threshold=150.0, unit="requests", samples=2, window_seconds=60.0,
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
async def test_remedy_and_impact_come_first_and_are_seen_without_scrolling(
    app: OptimusApp, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        dashboard = await filled(pilot)
        dashboard.findings.explain("clinic_b / chat", [LONG])
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        text = "\n".join(screen_lines(app))
        order = [
            "is wrong",
            "Mend it thus.",
            "Callers are refused.",
            "A limit is used up",
            "150 requests",
            "153 requests",
        ]
        assert [text.index(word) for word in order] == sorted(text.index(word) for word in order)
        assert all(word in text for word in ("enter goes to its row", "i incident", "a actions", "esc closes"))
        assert "1 min" in text.partition("window")[2]


async def test_several_findings_are_explained_one_at_a_time(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        dashboard.findings.explain("everything", [NEVER, SLOW])
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        assert "never resets" in "\n".join(screen_lines(app))
        await pilot.press("right")
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "2 of 2" in text
        assert "engine p95" in text
        await pilot.press("enter")
        await pilot.pause()
        assert dashboard.pane("health").content.group == "engine"


@pytest.mark.parametrize(
    ("key", "controller", "method"),
    [
        ("i", "incidents", "open_for"),
        ("a", "actions", "choose_for"),
        ("t", "navigate", "explain_with_tool"),
        ("enter", "findings", "go_to_row"),
    ],
)
async def test_an_explanation_hands_exactly_its_finding_on(
    key: str, controller: str, method: str, app: OptimusApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[Finding] = []
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        monkeypatch.setattr(getattr(dashboard, controller), method, lambda finding, *_: heard.append(finding))
        dashboard.findings.explain("both", [NEVER, SLOW])
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        await pilot.press("right", key)
        await until(pilot, lambda: bool(heard))
        assert heard == [SLOW]
        assert app.screen is dashboard


def test_bulk_invalidations_are_shown_in_the_feed_of_their_tenant_or_of_all() -> None:
    one = find_bulk(tuple(BulkEvent(WALL - at, "clinic_b") for at in range(20, 0, -1)), WALL)[0]
    assert place_of(one, None, None) == Place(
        "feed", filter="type:bulk tenant:=clinic_b", note="the bulk invalidations of clinic_b in the feed"
    )
    many = find_bulk(tuple(BulkEvent(WALL - at, f"t{at % 3}") for at in range(21, 0, -1)), WALL)[0]
    assert place_of(many, None, None) == Place("feed", filter="type:bulk", note="the bulk invalidations in the feed")


async def test_an_explanation_follows_its_finding_and_says_when_it_ended(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        newer = replace(SLOW, message="all 12 checks were slow", samples=12)
        dashboard.findings.explain("everything", [SLOW])
        await until(pilot, lambda: isinstance(app.screen, ExplainDialog))
        dialog = cast("ExplainDialog", app.screen)
        assert "as of" in "\n".join(screen_lines(app))
        for findings, words in (((newer,), ("all 12 checks", "as of")), ((), ("all 12 checks", "ended: it is not"))):
            dashboard.health = health_report(findings=findings)
            dialog.follow()
            await pilot.pause()
            text = "\n".join(screen_lines(app))
            assert all(part in text for part in words), text
        dialog = cast("ExplainDialog", explain_dialog("x", [SLOW], lambda _: Newest(None, WALL)))
        assert "not among the dashboard's findings" in str(dialog._words(90)), "never seen here"


def test_the_title_of_explanations_names_the_finding_that_is_shown() -> None:
    other = replace(SLOW, subject="clinic_b / chat")
    dialog = cast("ExplainDialog", explain_dialog("everything", [SLOW, other]))
    assert dialog._title() == "Explain · everything · 1 of 2, ← → turns"
    dialog.at = 1
    assert dialog._title() == "Explain · clinic_b / chat · 2 of 2, ← → turns"


async def test_an_explanation_of_nothing_shows_what_is_found_meanwhile(app: OptimusApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        dashboard = await filled(pilot)
        found: list[Finding] = []
        dashboard.findings.explain("gateway", [], lambda: found)
        await until(pilot, lambda: isinstance(app.screen, NothingFound))
        assert "Nothing is found wrong with the gateway." in "\n".join(screen_lines(app))
        found.append(SLOW)
        cast("NothingFound", app.screen).follow()
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "Nothing is found" not in text and "This is found now:" in text and SLOW.message[:20] in text


def test_the_impact_of_a_past_finding_is_told_as_past() -> None:
    past = replace(SLOW, message=f"past: {SLOW.message}", impact="One request in twenty waits.")
    words = "\n".join(str(line) for line in finding_lines(past, 100))
    assert "impact     while it held: One request in twenty waits." in words
    now = replace(past, message=SLOW.message)
    assert "while it held" not in "\n".join(map(str, finding_lines(now, 100)))
    assert "while it held" in "\n".join(map(str, finding_lines(now, 100, proved="fixed at 12:00:00, being watched")))
