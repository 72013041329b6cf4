"""Alerts on the dashboard: what the toasts say, when the bell rings, and the history with its mutes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import structs
from rich.cells import cell_len
from textual import events
from textual.pilot import Pilot

from optimus_tui.contract.finding_causes import RESTART
from optimus_tui.contract.findings import Finding, Notice, NoticeKind, Severity
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport, ServerState
from optimus_tui.settings.model import Settings
from optimus_tui.tui.alerts.controller import BELL_GAP_SECONDS
from optimus_tui.tui.alerts.screen import ORDERS, TABLE, AlertsScreen, EpisodeList, counts
from optimus_tui.tui.alerts.toasts import toasts
from optimus_tui.tui.app import OptimusApp
from optimus_tui.tui.dashboard.screen import Dashboard
from optimus_tui.tui.dialogs.base import PickDialog, QuestionDialog
from optimus_tui.tui.dialogs.sheets import TextDialog
from optimus_tui.tui.messages import ReportArrived
from optimus_tui.tui.widgets.bars import StatusBar
from optimus_tui.tui.widgets.cells import fit_columns
from optimus_tui.verdicts.alerts import HOLD_SECONDS, SETTLE_SECONDS
from optimus_tui.verdicts.hysteresis import NOT_NOW
from optimus_tui.wording.safe import safe_text
from optimus_tui.wording.truth import act_words
from tests.sizes import SIZES
from tests.terminal import HOSTILE
from tests.tui.driver import said, shown, typed, until


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def never_resets(name: str = "clinic_b / chat", severity: Severity = "critical") -> Finding:
    message = f"{name} never resets: its counter has no TTL (400 of 150)"
    return Finding(rule="limits.immortal", severity=severity, subject=name, message=message, measured="no TTL")


class Post:
    """A dashboard whose reports and clock are the test's; its book is on a real file."""

    def __init__(self, pilot: Pilot[Any], dashboard: Any, rung: list[float]) -> None:
        self.pilot, self.dashboard, self.rung = pilot, dashboard, rung
        self.ahead = 0.0

    async def see(self, *findings: Finding, after: float = 2.0) -> None:
        self.ahead += after
        clock = self.dashboard.context.clock
        redis = Reading(value=ServerState(latency_ms=1.0, run_id="r"), taken_at=clock.wall(), taken_mono=clock.mono())
        self.dashboard.post_message(ReportArrived("health", HealthReport(server=redis, findings=findings)))
        await self.pilot.pause()

    async def settled(self, *findings: Finding) -> None:
        await self.see(*findings)
        await self.see(*findings, after=SETTLE_SECONDS)


@asynccontextmanager
async def watching(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int] = (80, 24), **settings: Any
) -> AsyncIterator[Post]:
    monkeypatch.setattr(Dashboard, "start_sampling", lambda dashboard: dashboard.alerts.open_book())
    app = OptimusApp(Settings(environment="test", **settings))
    rung: list[float] = []
    monkeypatch.setattr(app, "bell", lambda: rung.append(1.0))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: isinstance(app.screen, Dashboard) and bool(app.screen.alerts.book))
        dashboard: Any = app.screen
        post = Post(pilot, dashboard, rung)
        clock = dashboard.context.clock
        wall, mono = clock.wall, clock.mono
        monkeypatch.setattr(clock, "wall", lambda: wall() + post.ahead)
        monkeypatch.setattr(clock, "mono", lambda: mono() + post.ahead)
        await until(pilot, lambda: dashboard.alerts.book.loaded)
        yield post


async def away(post: Post) -> None:
    post.pilot.app.post_message(events.AppBlur())
    await until(post.pilot, lambda: not post.pilot.app.app_focus)


# -- toasts


async def test_a_finding_raises_one_toast_with_word_and_glyph(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled()
        for _ in range(5):
            await post.see(never_resets())
        (toast,) = post.pilot.app._notifications
        assert toast.message == "✖ CRIT clinic_b / chat never resets · i opens an incident"
        assert (toast.severity, toast.markup) == ("error", False) and toast.timeout <= 5
        await until(post.pilot, lambda: "✖ CRIT clinic_b / chat never resets" in said(post.pilot))
        assert "i opens an incident" in said(post.pilot)


async def test_what_stood_before_the_start_raises_one_toast(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled(*(never_resets(f"t{i} / chat") for i in range(3)))
        (toast,) = post.pilot.app._notifications
        assert toast.message == "3 findings were there at the start\n✖ CRIT t0 / chat never resets"


async def test_a_storm_becomes_one_toast_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled(never_resets("old / chat", "high"))
        post.pilot.app.clear_notifications()
        await post.see(after=1)
        await post.see(*(never_resets(f"t{i} / chat") for i in range(4)), after=HOLD_SECONDS + 1)
        (toast,) = post.pilot.app._notifications
        assert toast.message.startswith("5 findings: 4 new, 1 cleared\n✖ CRIT t0 / chat")


async def test_names_that_somebody_makes_up_do_not_cover_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled()
        for i in range(12):
            await post.see(never_resets(f"t{i} / chat", "high"), after=0.3)
        assert 1 <= len(post.pilot.app._notifications) <= 4
        await post.see(never_resets("worse / chat"), after=0.3)
        assert "worse / chat" in shown(post.pilot), "a critical one is always said"


async def test_a_cleared_finding_says_so_without_the_bell(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch, bell="always") as post:
        await post.settled(never_resets())
        await post.see(after=1)
        await post.see(after=HOLD_SECONDS + 1)
        assert "● cleared  clinic_b / chat\nwas ✖ CRIT: never resets" in shown(post.pilot)
        assert len(post.rung) == 1


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
def test_a_toast_shows_a_hostile_name_as_it_is_in_two_lines_rows_1_to_9(raw: bytes) -> None:
    name = f"{safe_text(raw, 60)} / chat"
    for kind in get_args(NoticeKind):
        notice = Notice(kind=kind, finding=never_resets(name), severity="critical")
        for room in (24, 36, 56):
            ((text, _, whole),) = toasts([notice], room, lambda _: "i opens an incident")
            assert safe_text(notice.finding.message, 400) in whole and "\n" not in whole
            lines = text.split("\n")
            assert len(lines) <= 2 and all(line.isprintable() and cell_len(line) <= room for line in lines)
            assert kind == "cleared" or "never resets" in text


def test_a_toast_says_what_was_found_and_not_only_in_how_many_windows() -> None:
    found = never_resets()
    held = structs.replace(found, held=True, message=f"{NOT_NOW}seen in 2 of the last 5 windows: {found.message}")
    kinds: tuple[NoticeKind, ...] = ("cleared", "appeared")
    for kind in kinds:
        ((text, _, whole),) = toasts([Notice(kind=kind, finding=held, severity="high")], 76, lambda _: "")
        assert "never resets" in text and "windows" not in text and "2 of the last 5 windows" in whole


def test_what_something_was_done_for_is_not_called_worse_before_a_proof_is_possible() -> None:
    worse = Notice(kind="worsened", finding=never_resets(), severity="critical")
    new = Notice(kind="appeared", finding=never_resets("acme / chat"), severity="critical")
    early = "too early: proof possible at 19:13:20 (100 look-ups)"
    (one,) = toasts([worse], 56, lambda _: "i opens an incident", early=lambda _: early)
    assert one.text.split("\n")[1] == early and early in one.whole and "worse" not in one.whole
    (many,) = toasts([worse, new], 56, lambda _: "", 1, early=lambda finding: early if finding == worse.finding else "")
    assert many.text.startswith("2 findings: 1 too early to tell, 1 new")
    (told,) = toasts([worse], 56, lambda _: "i opens an incident")
    assert told.text.split("\n")[1] == "worse now · i opens an incident"


def test_a_toast_says_of_when_its_figures_are_where_there_is_room_since_the_rows_go_on() -> None:
    slow = Finding(rule="latency.p95", severity="high", subject="engine", message="engine p95 829 ms is over 500 ms")
    one = Notice(kind="appeared", finding=slow, severity="high")
    two = Notice(kind="appeared", finding=structs.replace(slow, subject="redis"), severity="high")
    (single,) = toasts([one], 56, lambda _: "i opens an incident", at=3661.0)
    assert single.text.endswith("i opens an incident · as of 01:01:01")
    (many,) = toasts([one, two], 56, lambda _: "", 1, at=3661.0)
    assert many.text.startswith("2 findings: 2 new · as of 01:01:01\n")
    (narrow,) = toasts([one], 40, lambda _: "a on its row acts, i opens an incident", at=3661.0)
    assert narrow.text.endswith("a on its row acts, i opens an incident"), "no word gives way to it"
    (plain,) = toasts([Notice(kind="appeared", finding=never_resets(), severity="high")], 99, lambda _: "", at=3661.0)
    assert "as of" not in plain.text, "it tells no figure"


def test_the_effect_of_a_restart_is_said_as_such_and_asks_for_nothing() -> None:
    down = Finding(rule="services.engine", severity="critical", subject="engine", message="engine does not answer")
    act = act_words(RESTART, "engine")
    effect = Notice(kind="expected", finding=down, severity="critical", act=act)
    (one,) = toasts([effect], 56, lambda _: "i opens an incident")
    assert one.text == "○ settling  engine\ndoes not answer; after your restart of the engine"
    assert one.severity == "information" and "your restart" in one.whole and "CRIT engine does not answer" in one.whole
    late = Notice(kind="overdue", finding=down, severity="critical", act=act)
    (one,) = toasts([late], 90, lambda _: "i opens an incident")
    assert "it outlasts your restart of the engine · i opens an incident" in one.text
    assert one.severity == "error"


async def test_a_restart_from_here_marks_its_effect_in_the_pane_and_rings_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    down = Finding(rule="services.engine", severity="critical", subject="engine", message="engine does not answer")
    async with watching(monkeypatch, bell="always") as post:
        await post.settled()
        post.dashboard.drills.expect_restart("engine")()
        await post.see(down, after=1)
        assert "○ settling  engine" in shown(post.pilot) and post.rung == []
        await until(post.pilot, lambda: "○ settling  engine does not answer" in said(post.pilot))
        assert "side effect of your restart of the engine at" in " ".join(said(post.pilot).split())


async def test_header_and_pane_have_one_verdict_in_every_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    down = Finding(rule="services.engine", severity="critical", subject="engine", message="engine does not answer")

    def verdicts() -> set[str]:
        """Return what header and pane would be painted with now."""
        top = "".join(words for words, _ in post.dashboard.query_one(StatusBar).facts[1])
        title = str(post.dashboard.pane("health").border_title)
        known = ("SETTLING", "CRITICAL", "HEALTHY", "NEEDS ATTENTION")
        return {word for words in (top, title) for word in known if word in words}

    async with watching(monkeypatch, size=(140, 42)) as post:
        await post.settled()
        post.dashboard.reports.put("health", HealthReport(findings=(), overall="healthy"))
        post.dashboard.tick()
        assert verdicts() == {"HEALTHY"}
        post.dashboard.drills.expect_restart("engine")()
        post.dashboard.reports.put("health", HealthReport(findings=(down,), overall="critical"))
        assert verdicts() == {"SETTLING"}
        post.dashboard.reports.put("health", HealthReport(findings=(down, never_resets()), overall="critical"))
        assert verdicts() == {"CRITICAL"}
        post.dashboard.reports.put("health", HealthReport(findings=(), overall="healthy"))
        post.dashboard.tick()
        assert verdicts() == {"HEALTHY"}


async def test_markup_in_a_name_is_text_in_the_toast_and_in_the_history_rows_8_and_9(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["[red]x[/] / a", "[/] / b", "[@click=app.quit]q[/] / c"]
    async with watching(monkeypatch, size=(140, 42)) as post:
        await post.settled()
        await post.see(*(never_resets(name) for name in names))
        await until(post.pilot, lambda: all(f"{name} never resets" in said(post.pilot) for name in names))
        await opened(post)
        assert all(name in said(post.pilot) for name in names)
        await post.pilot.press("e")
        await until(post.pilot, lambda: isinstance(post.pilot.app.screen, TextDialog))
        assert "its counter has no TTL" in said(post.pilot)


# -- the bell


async def test_the_bell_rings_once_for_a_finding_while_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled()
        await away(post)
        for _ in range(20):
            await post.see(never_resets())
        await post.see(after=1)
        await post.see(never_resets())
        assert len(post.rung) == 1


async def test_no_bell_rings_while_the_terminal_has_the_focus_or_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled(never_resets())
        await away(post)
        post.pilot.app.post_message(events.AppFocus())
        await until(post.pilot, lambda: post.pilot.app.app_focus)
        await post.see(never_resets(), never_resets("acme / chat"), after=60)
        assert post.rung == [] and "acme" in shown(post.pilot)


@pytest.mark.parametrize(("bell", "rings"), [("always", 1), ("never", 0)])
async def test_the_setting_decides_whatever_the_focus_is(
    monkeypatch: pytest.MonkeyPatch, bell: str, rings: int
) -> None:
    async with watching(monkeypatch, bell=bell) as post:
        await post.settled()
        if bell == "never":
            await away(post)
        await post.see(never_resets())
        assert len(post.rung) == rings


async def test_many_at_short_intervals_ring_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled()
        await away(post)
        there: list[Finding] = []
        for i in range(4):
            there.append(never_resets(f"t{i} / chat"))
            await post.see(*there, after=1)
        assert len(post.rung) == 1
        await post.see(*there, never_resets("late / chat"), after=BELL_GAP_SECONDS)
        assert len(post.rung) == 2


async def test_a_muted_finding_rings_no_bell_and_raises_no_toast_and_stays_on_the_pane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with watching(monkeypatch) as post:
        await post.settled()
        await post.dashboard.alerts.book.mute(never_resets(), 900, "known")
        await away(post)
        await post.see(never_resets())
        assert post.rung == [] and shown(post.pilot) == ""
        await until(post.pilot, lambda: "muted until" in said(post.pilot) and "1 muted" in said(post.pilot))
        assert "✖ CRIT  clinic_b / chat never resets" in said(post.pilot)
        await post.see(never_resets(), after=1000)
        assert len(post.rung) == 1 and "mute ended" in shown(post.pilot)
        await until(post.pilot, lambda: "muted" not in said(post.pilot))


# -- the history


async def opened(post: Post) -> AlertsScreen:
    app: Any = post.pilot.app
    post.dashboard.prompt.run("alerts")
    await until(post.pilot, lambda: isinstance(app.screen, AlertsScreen) and bool(app.screen.query("#episodes")))
    await post.pilot.pause()
    screen: AlertsScreen = app.screen
    return screen


async def test_alerts_lists_what_was_and_what_is(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await post.settled(never_resets(), never_resets("acme / chat", "medium"))
        await post.see(never_resets())
        await post.see(never_resets(), after=HOLD_SECONDS + 1)
        await opened(post)
        rows = [line for line in said(post.pilot).splitlines() if line.startswith("│") and "A counter" in line]
        assert len(rows) == 2
        assert any("active" in row and "✖ CRIT" in row and "clinic_b / chat" in row for row in rows)
        assert any("cleared" in row and "▲ MED" in row and "acme / chat" in row for row in rows)
        assert "1 open · 2 episodes in all" in said(post.pilot)


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_open_and_worst_comes_first_then_the_newest_and_the_screen_says_so(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with watching(monkeypatch, size=size) as post:
        gone, old = never_resets("gone / chat"), never_resets("older / chat")
        await post.settled(old)
        await post.see(old, gone)
        await post.see(old, gone, never_resets("mild / chat", "medium"), after=10)
        await post.see(old, never_resets("mild / chat", "medium"), after=HOLD_SECONDS + 1)
        await post.see(old, never_resets("mild / chat", "medium"), never_resets("late / chat", "low"), after=30)
        screen = await opened(post)
        subjects = [episode.finding.subject for episode in screen.query_one(EpisodeList).rows]
        assert subjects == ["older / chat", "mild / chat", "late / chat", "gone / chat"]
        assert any(ORDERS[0] in line for line in said(post.pilot).splitlines()[-6:])


async def test_a_finding_of_the_list_leads_on_to_an_incident_and_to_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        app: Any = post.pilot.app
        await post.settled(never_resets())
        await opened(post)
        await post.pilot.press("i")
        await until(post.pilot, lambda: isinstance(app.screen, QuestionDialog))
        assert "clinic_b / chat never resets" in said(post.pilot)
        await post.pilot.press("escape", "a")
        await until(post.pilot, lambda: "no built-in action fixes this" in shown(post.pilot))


@pytest.mark.parametrize("size", SIZES)
async def test_m_asks_how_long_and_why_and_u_takes_it_back(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with watching(monkeypatch, size=size) as post:
        app: Any = post.pilot.app
        await post.settled(never_resets())
        await opened(post)
        await post.pilot.press("m")
        await until(post.pilot, lambda: isinstance(app.screen, PickDialog))
        assert f": {never_resets().subject}, and no other finding. " in app.screen.about
        await post.pilot.press("down", "enter")
        await until(post.pilot, lambda: isinstance(app.screen, QuestionDialog))
        await post.pilot.press("enter")
        assert "✗ reason missing" in said(post.pilot)
        await typed(post.pilot, "[/] known")
        await post.pilot.press("enter")
        await until(post.pilot, lambda: isinstance(app.screen, AlertsScreen) and ": [/] known" in said(post.pilot))
        assert "1 muted" in said(post.pilot)
        (mute,) = post.dashboard.alerts.book.muted_now().values()
        assert mute.until - mute.at == 3600
        await post.pilot.press("u")
        await until(post.pilot, lambda: post.dashboard.alerts.book.muted_now() == {})
        await post.pilot.press("u")
        await until(post.pilot, lambda: "is not muted" in shown(post.pilot))
        await post.pilot.press("escape")
        assert isinstance(app.screen, Dashboard)


async def test_an_empty_history_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        await opened(post)
        assert "No finding so far in this system." in said(post.pilot)
        await post.pilot.press("m", "u", "e", "enter")
        assert isinstance(post.pilot.app.screen, AlertsScreen)


async def test_opened_before_the_first_reading_it_fills_when_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching(monkeypatch) as post:
        book, post.dashboard.alerts.book = post.dashboard.alerts.book, None
        post.dashboard.prompt.run("alerts")
        await until(post.pilot, lambda: "nothing is watched yet" in said(post.pilot))
        post.dashboard.alerts.book = book
        await until(post.pilot, lambda: "No finding so far" in said(post.pilot))
        assert isinstance(post.pilot.app.screen, AlertsScreen) and "nothing is watched yet" not in said(post.pilot)


def test_what_is_just_gone_is_not_counted_as_open() -> None:
    assert counts([], 0, 0, 1) == "0 open · 1 just gone · 0 episodes in all"
    assert counts([], 2, 1) == "2 open · 0 episodes in all · 1 muted"


def test_at_80_columns_alerts_are_told_apart_by_what_was_found() -> None:
    columns = [replace(one, enough=30) if one.id in ("subject", "rule") else one for one in TABLE.columns]
    widths = {column.id: cells for column, cells in fit_columns(columns, 76)}
    assert widths["rule"] == 30 and widths["subject"] >= 17 and "since" in widths
    assert "lasted" not in widths and "lasted" in {one.id for one, _ in fit_columns(columns, 136)}
