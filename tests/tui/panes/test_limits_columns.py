"""The columns of the limits pane: refusals and past windows, and names that are whole where there is room."""

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from optimus_tui.contract.finding_rules import LIMITS_REFUSED
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import LimitRules, LimitsReport, PastWindow
from optimus_tui.contract.make_finding import make_finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.panes.limits.lines import is_told, verdict_words
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.panes.limits.table import TABLE, LimitNow, past_pieces, past_words
from optimus_tui.tui.theme import plain_text
from optimus_tui.tui.widgets.cells import BLOCKS
from optimus_tui.tui.widgets.row_table import HELD_SECONDS, RowTable
from optimus_tui.verdicts.gateway.latency import as_past
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import MONO, SETTINGS, counter, golden, health_report, limits_report, reading

WHOLE = [counter(f"tenant_with_name_{at}", "list_conversations", 5 + at) for at in range(4)]


async def drawn(report: LimitsReport, size: tuple[int, int]) -> list[str]:
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    async with app.run_test(size=size) as pilot:
        app.pane.reading = reading(report)
        await pilot.pause()
        return screen_lines(app)


def row_of(lines: list[str], name: str) -> str:
    return next(line for line in lines if name in line)


async def test_refusals_a_second_are_shown_where_they_are_known_and_else_unknown() -> None:
    known = replace(limits_report(), refused_by={("high_traffic", "chat"): 3.1}, refused_seconds=90.0)
    lines = await drawn(known, (100, 24))
    assert "refused" in lines[1]
    for size in ((100, 24), (80, 24)):
        shown = "\n".join(await drawn(known, size))
        assert "refused: of 1 min 30 s" in shown, "the foot names the span of the rates"
    assert "3.1/s" in row_of(lines, "high_traffic")
    assert " 0/s " in row_of(lines, "clinic_b")
    lines = await drawn(limits_report(), (100, 24))
    assert "/s" not in row_of(lines, "clinic_b").replace("slope/s", "")
    assert " ? " in row_of(lines, "clinic_b")


async def test_refusals_are_those_of_the_health_pane_of_the_same_requests_and_the_same_span() -> None:
    before, key = {("high_traffic", "chat"): 6.9}, ("high_traffic", "chat")
    pane = LimitsPane(FixedClock(), SETTINGS)
    app = PaneApp(pane)

    async def row(pilot: Pilot[None]) -> str:
        await pilot.pause()
        return row_of(screen_lines(app), "high_traffic")

    def health(per_second: float, seconds: float) -> HealthReport:
        return health_report(signals=golden(refused_by={key: per_second}, seconds=seconds))

    async with app.run_test(size=(100, 24)) as pilot:
        pane.reading = reading(replace(limits_report(), refused_by=before, refused_seconds=24.0))
        assert "6.9/s" in await row(pilot)
        pane.follow(health(0.3, 20.0))
        assert "0.3/s" in await row(pilot), "the block is seen on both panes at once"
        assert "refused: of 20 s" in "\n".join(screen_lines(app))
        pane.reading = reading(replace(limits_report(), refused_by=before, refused_seconds=24.0))
        assert "0.3/s" in await row(pilot), "an older reading of the counters brings no older refusals"
        pane.paused = True
        pane.follow(health(5.5, 20.0))
        assert "0.3/s" in await row(pilot), "a paused pane stands still"


async def test_most_refused_first_sorts_by_what_the_gateway_counts() -> None:
    app = PaneApp(LimitsPane(FixedClock(), SETTINGS))
    refused = {("clinic_a", "profile"): 9.0, ("high_traffic", "chat"): 3.1}
    async with app.run_test(size=(100, 24)) as pilot:
        app.pane.reading = reading(replace(limits_report(), refused_by=refused))
        while app.pane.content.order.column != "refused":  # type: ignore[attr-defined]
            await pilot.press("s")
        await pilot.pause()
        assert [row.counter.tenant for row in app.pane.rows][:2] == [b"clinic_a", b"high_traffic"]


def test_past_windows_are_full_at_the_limit_and_partial_ones_are_marked() -> None:
    past = (PastWindow(0, True), PastWindow(75, True), PastWindow(150, True), PastWindow(40, False))
    pieces = past_pieces(past, 150, 6)
    assert plain_text(pieces) == f" ≥{BLOCKS[0]}{BLOCKS[2]}{BLOCKS[-1]}{BLOCKS[1]}"
    assert [style for _, style in pieces[1:]] == ["", "", "crit", "quiet"]
    assert past_words(past) == "last windows 0, 75, 150, ≥ 40"
    assert plain_text(past_pieces((), 150, 6)) == ""
    assert past_words(()) == ""


async def test_the_pane_draws_past_windows_by_the_identity_of_the_counter() -> None:
    report = limits_report(WHOLE)
    past = {WHOLE[0].key: (PastWindow(1, True), PastWindow(100, True))}
    lines = await drawn(replace(report, past_windows=past), (140, 24))
    assert "last 5" in lines[1]
    assert f" {BLOCKS[0]}{BLOCKS[-1]} " in row_of(lines, "tenant_with_name_0")
    assert not any(block in row_of(lines, "tenant_with_name_1") for block in BLOCKS)


@pytest.mark.parametrize("width", range(62, 200, 3))
def test_no_title_is_cut_and_no_name_is_cut_beside_free_room(width: int) -> None:
    report = limits_report(WHOLE)
    table = RowTable(TABLE)
    table.measure(LimitNow(row, MONO, report) for row in report.rows)
    fitted = dict(table.table.fitted(width))
    head = plain_text(table.table.head(width))
    for column, cells in fitted.items():
        assert column.title.strip() in head, (column.id, cells)
    names = {column.id: cells for column, cells in fitted.items() if column.grow}
    cut = names["tenant"] < len("tenant_with_name_0") or names["operation"] < len("list_conversations")
    line = sum(fitted.values()) + len(fitted) - 1
    assert line <= width
    if cut:
        assert line == width
        padded = [c.id for c, cells in fitted.items() if not c.grow and c.measured and cells > max(len(c.title) + 1, 7)]
        assert padded in ([], ["expected"])


def test_names_are_whole_from_the_width_at_which_they_fit() -> None:
    report = limits_report(WHOLE)
    table = RowTable(TABLE)
    table.measure(LimitNow(row, MONO, report) for row in report.rows)
    text = plain_text(table.table.row(LimitNow(report.rows[0], MONO, report), 98))
    assert "…" not in text


def test_widths_only_grow_until_they_are_forgotten() -> None:
    report = limits_report(WHOLE)
    table = RowTable(TABLE)
    table.measure([LimitNow(report.rows[0], MONO, report)])
    before = table.table
    table.measure([])
    assert table.table is before
    table.forget()
    assert table.table is TABLE


def test_a_column_that_was_wide_once_gives_its_cells_back_after_a_while_however_often_it_is_measured() -> None:
    rows = [LimitNow(row, MONO, None) for row in limits_report([counter("a", "chat", 41_207)]).rows]
    less = [LimitNow(row, MONO, None) for row in limits_report([counter("a", "chat", 3)]).rows]
    clock = FixedClock()
    table = RowTable(TABLE, clock)
    table.measure(less)
    narrow = table.table.widths(200)["used"]
    table.measure(rows)
    wide = table.table.widths(200)["used"]
    assert wide > narrow
    for _ in range(1_000):  # a list of events measures each line that it draws
        assert not table.measure(less)
    clock.advance(HELD_SECONDS)
    assert not table.measure(less)
    clock.advance(0.1)
    assert table.measure(less) and table.table.widths(200)["used"] == narrow


@pytest.mark.parametrize("ended", [False, True])
def test_the_title_says_refused_only_while_refusals_are_no_past(ended: bool) -> None:
    found = make_finding(
        rule=LIMITS_REFUSED, severity="high", subject="acme", count="105", when="in 1 min 29 s", share="share unknown"
    )
    if ended:
        found = as_past(found, "none of the last 4 requests (24 s)")
    words = verdict_words(replace(limits_report(), findings=(found,)), {}, 80, "by urgency", current=True)
    assert (("▲ refused", "warn") in words) != ended
    assert is_told(found) != ended, "the tab has a mark while the title has words, no longer"
    over = replace(limits_report(), findings=(found,), refused_by={})
    assert (("▲ refused, now 0/s", "warn") in verdict_words(over, {}, 80, "by urgency", current=True)) != ended


def test_the_limits_title_says_no_better_than_what_is_held_of_the_windows_before() -> None:
    report, over = (
        replace(limits_report(), findings=()),
        Finding(rule="limits.over", severity="high", subject="a / chat", message="", held=True),
    )
    states = {"ok": report.total}
    assert "● within limits" in plain_text(verdict_words(report, states, 80, ""))
    told = plain_text(verdict_words(report, states, 80, "", held=[over]))
    assert "within limits" not in told and "▲ over in earlier windows" in told


@pytest.mark.parametrize("width", range(56, 200, 4))
def test_at_one_width_the_columns_stay_the_same_from_the_quiet_to_the_worst(width: int) -> None:
    rules = LimitRules(window_seconds=60, limits={"chat": 150, "update_conversation": 60})

    def report(count: int, **more: object) -> LimitsReport:
        counters = (
            counter("demo_dentist", "chat", count, 31_000),
            counter("enterprise_demo", "update_conversation", 3, 31_000),
        )
        made = limits_report(counters, rules)
        return replace(made, **more)

    late = report(
        1_374,
        refused_by={("demo_dentist", "chat"): 55.9},
        past_windows={counter("demo_dentist", "chat", 0).key: (PastWindow(150, True),) * 5},
    )
    forecast = replace(late.rows[1], slope=1.5, refused_in=12.0, refused_latest=18.0)
    late = replace(late, rows=(late.rows[0], forecast))
    quiet = report(3)
    table, sets = RowTable(TABLE), []
    for shown in (quiet, late, quiet):
        table.measure(LimitNow(row, MONO, shown) for row in shown.rows)
        sets.append(list(table.table.widths(width)))
    assert sets[0] == sets[1] == sets[2]
    if "past" in sets[0]:
        assert "windows" in plain_text(table.table.head(width)), "the chart says of what it is"


def test_an_operation_is_cut_at_its_end_and_a_tenant_keeps_both_ends_that_tell_it_from_others() -> None:
    report = limits_report(
        [counter(f"customer-of-europe-{at:06}", "update_conversation_of_a_patient", 12) for at in range(2)]
    )
    lines = [plain_text(TABLE.row(LimitNow(row, MONO, report), 79)).split() for row in report.rows]
    assert [(tenant, operation) for _, tenant, operation, *_ in lines] == [
        ("customer-…0000", "update_conver…"),
        ("customer-…0001", "update_conver…"),
    ]
