"""Every table of the product at four widths, with short and with long contents.

No head is cut; nothing is cut beside free room, beside a wider column than its rows need, or beside a minor column.
"""

import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from optimus_tui.cli.reports.rendering import FittedTable, WrappedText
from optimus_tui.contract.findings import AlertEpisode, Finding
from optimus_tui.contract.keyspace import FeedEvent, GroupTotals
from optimus_tui.grammar.events import parse_event
from optimus_tui.probes.round_trips import CommandLog
from optimus_tui.settings.model import Settings
from optimus_tui.tools.pages.sections import Fact, Section
from optimus_tui.tui.alerts.screen import TABLE as ALERTS
from optimus_tui.tui.alerts.screen import EpisodeNow
from optimus_tui.tui.command_log.lines import ASKED, CommandRun
from optimus_tui.tui.panes.cache.lines import FILTERED, GroupLine
from optimus_tui.tui.panes.cache.lines import TABLE as CACHE
from optimus_tui.tui.panes.feed.groups import TABLES, EventGroup, EventGroupLine
from optimus_tui.tui.panes.feed.lines import TABLE as FEED
from optimus_tui.tui.panes.feed.lines import EventLine
from optimus_tui.tui.panes.health.signals import TENANTS, TenantLine
from optimus_tui.tui.panes.limits.table import OF_ONE_TENANT, LimitNow
from optimus_tui.tui.panes.limits.table import TABLE as LIMITS
from optimus_tui.tui.routers.compliance_lists import FileLine, FileList, FileRow
from optimus_tui.tui.settings.rows import setting_rows
from optimus_tui.tui.settings.screen import TABLE as SETTINGS
from optimus_tui.tui.tenant.lists import EVENT_TABLE, KEY_TABLE, KeyNow
from optimus_tui.tui.theme import plain_text
from optimus_tui.tui.tools.lists import report_lines
from optimus_tui.tui.widgets.cells import EXTRA, Column, Table
from optimus_tui.tui.widgets.row_table import RowTable
from tests.fixed_clock import FixedClock
from tests.tui.pictures import MONO, counter, limits_report, some_signals

WIDTHS = (76, 96, 136, 196)
"""Cells inside a frame at 80, 100, 140 and 200 columns."""
SHORT, LONG = "acme", "a_tenant_with_a_very_long_name_of_60_cells_and_a_few_more_to"
URL = "http://gateway.internal.example:8000/api/v1/conversations/{conversation_id}/messages?limit=50"


def limits(name: str) -> list[LimitNow]:
    report = limits_report([counter(name, name if name == SHORT else "update_conversation", 12)])
    return [LimitNow(row, MONO, replace(report, refused_by={(name, SHORT): 3.0})) for row in report.rows]


def alerts(name: str) -> list[EpisodeNow]:
    found = Finding(
        rule="limits.refused", severity="high", subject=name, message=name, measured=1_247.0, unit="requests"
    )
    return [
        EpisodeNow(
            AlertEpisode(finding=found, severity="high", since=0.0, seen=1.0, lasted=599.0), ("active", "crit"), 5.0
        )
    ]


def commands(name: str) -> list[CommandRun]:
    trip = CommandLog(FixedClock()).sent([(b"HGETALL", name.encode())])
    return [CommandRun(trip, 0, 1)]


def event(name: str) -> FeedEvent:
    payload = json.dumps(
        {"type": "conversation_updated", "tenant_id": name, "timestamp": "2026-01-01T00:00:00Z"}
    ).encode()
    return FeedEvent(seq=1, received_at=1.0, channel=b"cache_coherence:x", payload=payload, length=len(payload))


def group(name: str) -> GroupLine:
    totals = GroupTotals(
        kind=name.encode(),
        tenant=None,
        keys=1_247,
        without_ttl=3,
        bytes_used=9_000,
        bytes_exact=False,
        histogram=(1,) * 7,
    )
    return GroupLine(totals, False, None, False)


def groups(name: str) -> list[EventGroupLine]:
    return [EventGroupLine(EventGroup(name.encode(), 1_247, 3.1, 0.5, 1.0, 1), 9.0, "type")]


Rows = Callable[[str], Sequence[Any]]
CASES: list[tuple[str, Table[Any], Rows]] = [
    ("limits", LIMITS, limits),
    ("limits of one tenant", OF_ONE_TENANT, limits),
    ("feed", FEED, lambda name: [EventLine(event(name), parse_event(event(name).payload, 200), name)]),
    ("cache", CACHE, lambda name: [group(name)]),
    ("cache, filtered", FILTERED, lambda name: [group(name)]),
    ("tenants", TENANTS, lambda name: [TenantLine(name, some_signals())]),
    *((f"groups by {by}", table, groups) for by, table in TABLES.items()),
    ("alerts", ALERTS, alerts),
    ("command log", ASKED, commands),
    ("keys of a tenant", KEY_TABLE, lambda name: [KeyNow(b"conversation", name.encode(), "4:07", "")]),
    ("events of a tenant", EVENT_TABLE, lambda name: [event(name)]),
    ("routers", FileList.table, lambda name: [FileLine(FileRow(f"{name}.py", 0.75, 3), False)]),
    ("settings", SETTINGS, lambda _: setting_rows(Settings())),
]  # fmt: skip


def needs_of(table: RowTable[Any]) -> dict[str, int]:
    return {column.id: column.enough or column.width for column in table.table.columns if column.measured}


@pytest.mark.parametrize("name", [SHORT, LONG], ids=["short", "long"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("table", "rows"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_nothing_is_cut_beside_room(table: Table[Any], rows: Rows, width: int, name: str) -> None:
    fitted = RowTable(table)
    fitted.measure(rows(name))
    shown = fitted.table.fitted(width)
    head = plain_text(fitted.table.head(width))
    assert "…" not in head
    assert all(column.title.strip() in head for column, _ in shown)
    line = sum(cells + table.gap for _, cells in shown) - table.gap
    assert line <= width
    needs = needs_of(fitted)
    assert needs, "none of its columns is fitted to its rows"
    cut = [column.id for column, cells in shown if cells < needs.get(column.id, 0)]
    if not cut:
        return
    assert line == width, cut
    assert not [column.id for column, cells in shown if cells > max(needs.get(column.id, cells), column.least)], cut
    assert not [column.id for column, _ in shown if column.rank >= EXTRA], cut


def test_columns_do_not_come_and_go_with_what_they_hold() -> None:
    table = Table[tuple[str, str]](
        Column("name", "name", 6, lambda row, _: (row[0], ""), grow=1, most=30, measured=True, fair=20),
        Column("blank", "often", 6, lambda row, _: (row[1], ""), measured=True, rank=1),
        Column("other", "other", 6, lambda row, _: ("figure", ""), measured=True, rank=2),
    )
    fitted = RowTable(table)
    for held in ("", "some", ""):
        fitted.measure([("a_name_of_20_cells_ab", held)])
        assert list(fitted.table.widths(30)) == ["name", "blank"], "the lower rank stays, filled or not"


def document(name: str) -> Section:
    heads = ("route", "tenant", "requests", "average latency", "status of the last look", "p95", "seen at")
    row = (f"/api/v1/{name}/messages", name, "1,247", "8.3 ms", "needs attention", "≈ 320 ms", "2026-11-29T02:40:27Z")
    return Section(
        title="Routes", columns=heads, rows=(row,), lines=(Fact(URL, "resolve (MTTR), by the screen alone"),)
    )


@pytest.mark.parametrize("name", [SHORT, "update_conversation"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_document_is_never_elided_on_the_screen_or_on_a_page(width: int, name: str) -> None:
    lines = [plain_text(line) for line in report_lines([document(name)], width)]
    assert all(len(line) <= width for line in lines)
    page = io.StringIO()
    section = document(name)
    console = Console(file=page, width=width, highlight=False)
    console.print(FittedTable(section.columns, section.rows, [WrappedText(URL)]))
    printed = [line.rstrip() for line in page.getvalue().splitlines()]
    assert all(len(line) <= width for line in printed)
    for shown in (lines, printed):
        text = "\n".join(shown)
        assert "…" not in text
        assert "gateway.internal.example:8000/" in text
        for word in ("messages", "attention" if width > 80 else "1,247"):
            assert word in text, word
    assert any("(MTTR)" in line for line in lines)


def test_a_line_of_a_document_is_copied_whole() -> None:
    lines = report_lines([document("update_conversation")], 76)
    copies = {getattr(line, "copied", "") for line in lines}
    assert any(URL in copy for copy in copies)
    assert any("/api/v1/update_conversation/messages" in copy for copy in copies)


@pytest.mark.parametrize(("table", "rows"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_two_heads_never_run_together(table: Table[Any], rows: Rows) -> None:
    fitted = RowTable(table)
    for name in (SHORT, LONG):
        fitted.measure(rows(name))
        for width in range(56, 200):
            head = plain_text(fitted.table.head(width))
            x, last_end = 0, -2
            for _, cells in fitted.table.fitted(width):
                shown = head[x : x + cells]
                start = x + len(shown) - len(shown.lstrip())
                if shown.strip() and not shown.strip().startswith("/"):
                    assert start >= last_end + 2, (width, head)
                    last_end = x + len(shown.rstrip())
                elif shown.strip():
                    last_end = x + len(shown.rstrip())
                x += cells + table.gap


def test_a_head_says_more_where_there_is_room() -> None:
    fitted = RowTable(LIMITS)
    fitted.measure(limits(SHORT))
    assert "forecast: 429 in" in plain_text(fitted.table.head(136))
    narrow = plain_text(fitted.table.head(62))
    assert "429 in" in narrow and "forecast" not in narrow
