"""The rate-limit pane: what is drawn, what keys do, and what it says of nothing, too much or hostile names."""

import re
from typing import Any

import pytest
from msgspec import structs

from optimus_tui.contract.keyspace import LimitsReport, ShapeCount, UnknownLayout, UnparsedNames
from optimus_tui.contract.reading import Coverage, Fault
from optimus_tui.dialects.load import load_preset
from optimus_tui.grammar.filter import EVERYTHING, parse_filter
from optimus_tui.tui.messages import CopyRequested, StateChanged
from optimus_tui.tui.panes.limits import lines as limit_lines
from optimus_tui.tui.panes.limits import pane as limits_pane
from optimus_tui.tui.panes.limits.ordering import AT_ONCE, at_once, order_steps
from optimus_tui.tui.panes.limits.pane import LimitsPane
from optimus_tui.tui.widgets.cells import mark_of
from optimus_tui.verdicts.limits.findings import find_unknown_layout
from tests.fixed_clock import FixedClock
from tests.steps import steps_of
from tests.tui.driver import until
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import MIXED, SETTINGS, counter, limits_report, reading

HOSTILE = [
    b"\x1b]52;c;aGk=\x07",
    b"\x1b[2J",
    b"a\r\nb\x00c",
    "\u202eevil\u2066".encode(),
    b"[red]x[/]",
    b"[@click=app.quit]x[/]",
    b"\xff\xfe",
    b"x" * 10_000,
    ("e" + "\u0301" * 5000).encode(),
    "👩\u200d👩\u200d👧日本".encode(),
    "\u0430cme".encode(),
    b"acme ",
]


def pane(clock: FixedClock | None = None) -> LimitsPane:
    return LimitsPane(clock or FixedClock(), SETTINGS)


async def drawn(report: LimitsReport | None, size: tuple[int, int] = (84, 20), *keys: str) -> list[str]:
    app = PaneApp(pane())
    async with app.run_test(size=size) as pilot:
        if report is not None:
            app.pane.reading = reading(report)
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        return screen_lines(app)


async def test_a_counter_that_never_resets_stands_red_on_top() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)):
        app.pane.reading = reading(limits_report())
        pieces = app.pane.content.row(0, 80)
    text = "".join(piece for piece, _ in pieces)
    assert text.split()[:2] == ["✖", "clinic_b"]
    assert ("never", "crit") in [(piece.strip(), style) for piece, style in pieces]
    assert "400 / 150" in text


async def test_every_row_is_as_wide_as_the_pane_at_every_width() -> None:
    report = limits_report([*MIXED, *(counter(name, b"chat", 7) for name in HOSTILE)])
    for width in (56, 68, 76, 80, 120, 196):
        app = PaneApp(pane())
        async with app.run_test(size=(width + 4, 30)) as pilot:
            app.pane.reading = reading(report)
            await pilot.pause()
            lines = screen_lines(app)
        ends = {line.rstrip()[-1] for line in lines if line.strip()}
        assert ends <= {"│", "╮", "╯"}, width


async def test_an_unknown_limit_is_a_question_mark_and_no_count_is_never_zero_row_18() -> None:
    lines = await drawn(limits_report())
    export = next(line for line in lines if "export" in line)
    assert "12 / ?" in export
    assert "○" in export
    broken = next(line for line in lines if "profile" in line)
    assert "not a number" in broken
    assert " 0 " not in broken


async def test_the_foot_counts_tenants_all_keys_and_what_could_not_be_parsed_row_14() -> None:
    foot = (await drawn(limits_report(unparsed=2)))[-2]
    assert "clinic_a 3" in foot
    assert "2 unparsed" in foot
    assert "9 of 1,000" in foot


async def test_tenants_that_do_not_fit_are_counted() -> None:
    foot = (await drawn(limits_report([counter(f"tenant_{i:03}") for i in range(200)]), (84, 30)))[-2]
    assert "+19" in foot
    assert "200 of 1,000" in foot


async def test_too_many_keys_and_a_crowded_tenant_are_marked_by_their_findings() -> None:
    many = [counter("noisy", f"op{i}") for i in range(16)] + [counter(f"t{i}") for i in range(1000)]
    foot = (await drawn(limits_report(many), (100, 30)))[-2]
    assert "noisy ▲ 16" in foot
    assert "▲ 1,016 of 1,000" in foot


async def test_the_countdown_moves_with_the_clock_alone() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        assert any("0:41" in line for line in screen_lines(app))
        clock.advance(11)
        app.pane.tick()
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "0:30" in text
        clock.advance(25)
        app.pane.tick()
        await pilot.pause()
        assert any("ended" in line and "list_" in line for line in screen_lines(app))


async def test_a_paused_pane_keeps_its_rows_and_its_countdowns_still() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.press("space")
        clock.advance(11)
        app.pane.reading = reading(limits_report(()))
        app.pane.tick()
        await pilot.press("down")
        text = "\n".join(screen_lines(app))
        assert "0:41" in text
        assert "PAUSED" in text
        assert "11.6 s" in text or "12 s" in text
        await pilot.press("space")
        assert "No rate_limit:* keys" in "\n".join(screen_lines(app))


async def test_stale_rows_stay_muted_under_an_amber_truth_line_with_a_live_retry() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(110, 20)) as pilot:
        fault = Fault("refused", "localhost:6379/0: connection refused", "start it")
        app.pane.reading = reading(limits_report(), 27, fault=fault, retry_in=5.0)
        await pilot.pause()
        truth, stale = app.pane.content.truth()
        assert stale
        assert app.pane.muted
        assert app.pane.text_styles.style("here", muted=True) == app.pane.text_styles.style("quiet")
        assert "(27 s)" in truth
        assert "connection refused · retry in 5 s" in truth
        assert "clinic_b" in "\n".join(screen_lines(app))
        clock.advance(2)
        assert "retry in 3 s" in app.pane.content.truth()[0]
        await pilot.press("space")
        clock.advance(60)
        app.pane.reading = reading(limits_report(), 27, fault=fault, retry_in=5.0)
        clock.advance(1)
        await pilot.press("space")  # the newest reading counts from when it came, not from when the last one did
        assert "retry in 4 s" in app.pane.content.truth()[0]


@pytest.mark.parametrize("width", [60, 84])
async def test_the_reason_for_staleness_survives_a_narrow_frame(width: int) -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(width, 20)) as pilot:
        fault = Fault("refused", "localhost:6379/0: connection refused")
        app.pane.reading = reading(limits_report(), 27, fault=fault, retry_in=3.0)
        await pilot.pause()
        assert "27 s" in screen_lines(app)[-1]
        assert "connection refused · retry in 3 s" in screen_lines(app)[-1]


@pytest.mark.parametrize("width", [56, 84])
@pytest.mark.parametrize("last", [27.0, None])
async def test_how_old_what_failed_and_when_again_fit_with_a_long_fault(width: int, last: float | None) -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(width, 20)) as pilot:
        fault = Fault("timeout", "no answer from localhost:6379/0 within one second")
        report = None if last is None else limits_report()
        app.pane.reading = reading(report, last or 0.0, fault=fault, retry_in=3.0)
        await pilot.pause()
        line = screen_lines(app)[-1]
        assert ("no data yet" if last is None else "27 s") in line
        assert "no answer" in line
        assert "retry in 3 s" in line


async def test_a_reading_that_nobody_renews_becomes_stale_by_its_age() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(84, 20)):
        app.pane.reading = reading(limits_report())
        assert not app.pane.content.truth()[1]
        clock.advance(30)
        assert app.pane.content.truth()[1]


async def test_before_the_first_answer_there_is_no_number_row_33() -> None:
    text = "\n".join(await drawn(None))
    assert "connecting to redis at localhost:6379/0" in text
    assert "0" not in text.replace("localhost:6379/0", "")


async def test_an_empty_pane_says_what_to_do_and_only_a_complete_look_says_none() -> None:
    assert "No rate_limit:* keys. Counters appear with the first request." in "\n".join(await drawn(limits_report(())))
    partial = limits_report((), coverage=Coverage(41_000, 184_000, False))
    text = "\n".join(await drawn(partial))
    assert "so far: scanned 41k of 184k" in text
    assert "≥ 0" in text


async def test_what_was_within_its_limits_before_an_outage_is_no_good_news_now() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        calm = limits_report([counter("acme", "chat", 3)], coverage=Coverage(1, 1, True))
        app.pane.reading = reading(calm)
        await pilot.pause()
        assert "● within limits" in "\n".join(screen_lines(app)) and app.pane.content.state() == ("", "")
        app.pane.reading = reading(calm, fault=Fault("refused", "nobody answers"), retry_in=3.0)
        await pilot.pause()
        assert "within limits" not in "\n".join(screen_lines(app)) and app.pane.content.state() == ("○", "warn")


async def test_keys_of_a_strange_layout_are_no_empty_pane() -> None:
    unknown = UnknownLayout(count=15, shapes=(("LIMITS:LIMITER/…", 9), ("session:…", 6)), like_limiter=True)
    findings = tuple(find_unknown_layout(0, unknown, Coverage(15, 15, True)))
    strange = structs.replace(limits_report((), coverage=Coverage(15, 15, True)), findings=findings)
    text = " ".join(" ".join(await drawn(strange)).replace("│", " ").split())
    assert (
        "15 keys, none in a known layout: 9 × `LIMITS:LIMITER/…`, 6 × `session:…`; the preset limits reads such names."
        in text
    )
    assert "Run optimus-tui dialect detect: it says which preset reads these names" in text
    assert ":dialect does it here, step by step" in text
    assert "? of 1,000" in text
    assert "No rate_limit" not in text
    past = structs.replace(limits_report((), coverage=Coverage(15, 15, True)), over=15)
    text = " ".join(" ".join(await drawn(past)).replace("│", " ").split())
    assert "15 rate_limit:* keys of past windows, and none of a present one." in text
    odd = structs.replace(strange, findings=(), unparsed=UnparsedNames(2, 0, (ShapeCount("rate_limit:", 2),)))
    text = " ".join(" ".join(await drawn(odd)).replace("│", " ").split())
    assert "2 rate_limit:* keys, none of the form rate_limit:tenant:operation: 2 × `rate_limit:`." in text
    assert "No rate_limit" not in text


async def test_a_missing_right_is_named_with_its_remedy_row_40() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        fault = Fault("denied", "SCAN is not allowed for user observer", "ACL SETUSER observer +scan")
        app.pane.reading = reading(None, fault=fault)
        await pilot.pause()
        text = "\n".join(screen_lines(app))
    assert "SCAN is not allowed for user observer" in text
    assert "ACL SETUSER observer +scan" in text


async def test_limits_that_nobody_published_are_said_once_below() -> None:
    text = "\n".join(await drawn(limits_report(rules=None)))
    assert "No limit is known: the gateway publishes none" in text
    assert "optimus.toml" in text


async def test_hostile_names_are_escaped_and_leave_the_other_rows_whole_rows_1_to_13() -> None:
    report = limits_report([*MIXED, *(counter(name, b"chat", 7) for name in HOSTILE)])
    text = "\n".join(await drawn(report, (120, 40)))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\\x1b]52" in text
    assert "[@click=app.quit]x[/]" in text
    assert "demo_dentist" in text
    lookalike = next(line for line in text.splitlines() if "\u0430cme" in line)
    assert "non-ASCII" in lookalike


async def test_the_detail_shows_the_bytes_of_a_name_that_may_deceive_row_12() -> None:
    report = limits_report([counter("\u0430cme", count=140)])
    text = "\n".join(await drawn(report, (84, 20), "v"))
    assert "d0 b0 63 6d 65" in text
    assert "140 of 150 per 60 s (limit: gateway)" in text
    text = "\n".join(await drawn(report, (84, 20), "v", "v"))
    assert "d0 b0" not in text


async def test_s_and_capital_s_sort_and_the_title_says_how() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(110, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        assert "hottest first" in screen_lines(app)[0]
        app.pane.action_sort()  # type: ignore[attr-defined]
        await pilot.pause()
        assert "by tenant" in screen_lines(app)[0]
        assert [row.counter.tenant for row in app.pane.rows][:2] == [b"clinic_a", b"clinic_a"]
        app.pane.action_reverse()  # type: ignore[attr-defined]
        await pilot.pause()
        assert "z to a" in screen_lines(app)[0]
        assert app.pane.rows[0].counter.tenant == b"high_traffic"


async def test_a_click_on_a_title_sorts_by_that_column() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        line = screen_lines(app)[1]
        await pilot.click(LimitsPane, offset=(line.index("used") + 1, 1))
        assert "most used first" in screen_lines(app)[0]
        assert app.pane.rows[0].counter.count == 400


def test_unknown_values_sort_last_in_both_directions() -> None:
    report = limits_report()
    for order in limit_lines.ORDERS[1:]:
        for backwards in (False, True):
            rows = at_once(order_steps(report, EVERYTHING, order, backwards, 1000.0)).rows
            values = [order.key(report, row) for row in rows if order.key]
            known = [value for value in values if value is not None]
            assert values == known + [None] * (len(values) - len(known)), order.words
            assert known == sorted(known, reverse=order.descending != backwards), order.words


def many(count: int, first: int = 0) -> LimitsReport:
    """Return a report of more counters than are put in order at once."""
    return limits_report([counter(f"tenant_{at:05}", "chat", at % 149) for at in range(first, first + count)])


async def test_many_counters_are_put_in_order_in_steps_and_nothing_else_stands_there_for_them() -> None:
    report = many(2 * AT_ONCE + 10)
    wanted = parse_filter("count>147", limit_lines.LimitFields.NAMES)
    assert len(list(order_steps(report, wanted, limit_lines.ORDERS[1], True, 1000.0))) == 4
    expected = at_once(order_steps(report, wanted, limit_lines.ORDERS[0], False, 1000.0)).rows
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(report)
        assert app.pane.content.empty_lines() == ["sorting the counters …"]
        assert ("sorting …", "quiet") in app.pane.content.title_words()
        await app.workers.wait_for_complete()
        assert len(app.pane.rows) == len(report.rows)
        app.pane.set_filter("count>147")
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert list(app.pane.rows) == list(expected)
        assert f"{len(expected):,} of {len(report.rows):,}" in screen_lines(app)[0]


async def test_a_key_of_a_filter_goes_through_no_counter_before_the_typing_pauses() -> None:
    app = PaneApp(shown := pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(many(AT_ONCE + 10))
        await app.workers.wait_for_complete()
        begun, shown.ordering.typing_seconds = shown.ordering.begun, 3600.0
        for text in ("t", "te", "ten", "tenant_0000"):
            app.pane.set_filter(text)
            await pilot.pause()
        assert shown.ordering.begun == begun and len(app.pane.rows) == AT_ONCE + 10
        shown.ordering.typing_seconds = 0.0
        app.pane.set_filter("tenant_00001")
        await until(pilot, lambda: len(app.pane.rows) == 1)
        assert shown.ordering.begun == begun + 1


async def test_a_report_that_comes_while_many_are_put_in_order_is_shown_next_and_few_at_once() -> None:
    app = PaneApp(shown := pane())
    async with app.run_test(size=(84, 20)) as pilot:
        for first in (0, 1, 2):
            app.pane.reading = reading(many(AT_ONCE + 1, first))
        await app.workers.wait_for_complete()
        assert {row.counter.tenant for row in app.pane.rows} >= {b"tenant_%05d" % (AT_ONCE + 2)}
        app.pane.reading = reading(many(AT_ONCE + 1))
        app.pane.reading = reading(many(3))
        assert len(app.pane.rows) == 3
        await pilot.pause()
        assert not shown.ordering.is_working
        assert len(app.pane.rows) == 3


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("tenant:clinic", {"clinic_a", "clinic_b"}),
        ("percent>90", {"clinic_b", "demo_dentist"}),
        ("percent>90%", {"clinic_b", "demo_dentist"}),
        ("share>90%", {"clinic_b", "demo_dentist"}),
        ("ttl>1h", {"clinic_b"}),
        ("ttl<10", {"clinic_a"}),
        ("state:immortal", {"clinic_b"}),
        ("count>=96 operation:chat !clinic", {"demo_dentist", "high_traffic"}),
        ("slope>1 tenant:high", {"high_traffic"}),
        ("limit=100", {"demo_dentist", "clinic_a"}),
    ],
)
async def test_filters_name_fields_and_units(text: str, left: set[str]) -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(110, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        assert app.pane.set_filter(text) is None
        await pilot.pause()
        assert {row.counter.tenant.decode() for row in app.pane.rows} == left
        assert f"{len(app.pane.rows)} of 7" in screen_lines(app)[0]


async def test_a_filter_without_a_match_says_how_many_there_were() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        app.pane.show_tenant("nobody here")  # type: ignore[attr-defined]
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "0 of 7 counters match / tenant:nobody tenant:here" in text
        app.pane.show_tenant("CLINIC_B")  # type: ignore[attr-defined]
        assert [row.counter.tenant for row in app.pane.rows] == [b"clinic_b"]


async def test_the_cursor_stays_on_its_counter_when_the_order_changes_and_at_the_top_when_it_was_there() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.press("down", "down", "down")
        key = app.pane.selected.counter.key
        app.pane.reading = reading(limits_report([*MIXED, counter("aa", count=999), counter("bb", count=998)]))
        assert app.pane.selected.counter.key == key
        await pilot.press("g")
        app.pane.reading = reading(limits_report([*MIXED, counter("zz", count=5, ttl_ms=None, problem=None)]))
        assert app.pane.cursor == 0


async def test_findings_here_are_those_of_the_counter_and_its_tenant() -> None:
    many = [counter("noisy", f"op{i}") for i in range(16)]
    app = PaneApp(pane())
    async with app.run_test(size=(84, 40)) as pilot:
        app.pane.reading = reading(limits_report([*MIXED, *many]))
        await pilot.pause()
        assert [f.rule for f in app.pane.content.findings_here()] == ["limits.immortal"]
        assert app.pane.content.explain_subject() == "clinic_b / chat"
        app.pane.show_tenant("noisy")  # type: ignore[attr-defined]
        assert [f.rule for f in app.pane.content.findings_here()] == ["limits.tenant_share"]
        app.pane.show_tenant("high_traffic")  # type: ignore[attr-defined]
        assert app.pane.content.findings_here() == []


async def test_a_finding_that_sums_up_many_counters_explains_each_of_them() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 40)) as pilot:
        app.pane.reading = reading(limits_report([counter(f"t{i}", ttl_ms=None) for i in range(9)]))
        await pilot.pause()
        assert [f.subject for f in app.pane.content.findings_here()] == ["several counters"]


async def test_copies_name_exactly_this_key_and_a_nul_byte_says_why_not_row_5() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report([counter(b"it's*[a] $(x)", count=150)]))
        await pilot.press("y")
        assert app.heard(CopyRequested)[0].text == "rate_limit:it's*[a] $(x):chat"
        forms = dict(app.pane.content.copy_forms())
        assert forms["redis-cli GET"].endswith("GET 'rate_limit:it'\\''s*[a] $(x):chat'")
        assert forms["curl: the limits in force"] == "curl -sS http://localhost:8020/api/rate-limits"
        app.pane.reading = reading(limits_report([counter(b"a\x00b")]))
        assert dict(app.pane.content.copy_forms())["redis-cli GET"].startswith("# a name with a NUL byte cannot")


async def test_the_tab_strip_hears_of_the_worst_state() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        assert app.pane.content.state() == ("✖", "crit")
        assert app.heard(StateChanged)
        app.pane.reading = reading(limits_report([counter("a")]))
        assert app.pane.content.state() == ("", "")


async def test_an_export_holds_every_row_the_foot_and_the_truth() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 12)) as pilot:
        app.pane.reading = reading(limits_report([counter(f"tenant_{i}") for i in range(50)]))
        await pilot.pause()
        lines = app.pane.content.export_lines(app.pane.size.width)
    assert sum("tenant_" in line for line in lines[:-1]) == 50
    assert any("complete" in line for line in lines)
    assert "50 of 1,000" in lines[-1]


async def test_ten_thousand_counters_are_sorted_and_filtered_in_a_few_steps_each_and_scrolled() -> None:
    report = limits_report([counter(f"tenant_{i % 977}", f"op_{i}", i % 149) for i in range(10_000)])
    app = PaneApp(pane())
    async with app.run_test(size=(84, 40)) as pilot:
        app.pane.reading = reading(report)
        await pilot.pause()
        for _ in range(5):
            _, steps = steps_of(app.pane.action_sort)  # type: ignore[attr-defined]
            assert steps <= 20 * 10_000
        app.pane.content.order = limit_lines.ORDERS[0]  # type: ignore[attr-defined]
        _, steps = steps_of(lambda: app.pane.set_filter("tenant:tenant_5 percent>50"))
        assert steps <= 50 * 10_000
        app.pane.set_filter("")
        await pilot.press("G")
        assert app.pane.cursor == 9_999
        assert len(screen_lines(app)) == 40


async def test_the_view_stays_at_the_top_while_the_cursor_s_row_goes_down() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))

    def report(count: int) -> LimitsReport:
        calm = [counter(f"t{number:02}", count=50) for number in range(40)]
        return limits_report([counter("never", count=400, ttl_ms=None), counter("mine", count=count), *calm])

    async with app.run_test(size=(84, 14)) as pilot:
        app.pane.reading = reading(report(140))
        await pilot.pause()
        await pilot.press("j")
        clock.advance(limits_pane.FOLLOW_SECONDS + 1)
        app.pane.reading = reading(report(1))
        await pilot.pause()
        assert app.pane.selected.counter.tenant == b"mine"
        assert app.pane.cursor == 41
        assert "never" in screen_lines(app)[2]
        assert "above" not in screen_lines(app)[0]
        await pilot.press("G")
        app.pane.reading = reading(report(1))
        await pilot.pause()
        assert "↑ 1 above" in screen_lines(app)[0]
        assert app.pane.cursor in app.pane.visible_range()
        await pilot.press("S")
        await pilot.pause()
        assert (app.pane.cursor, app.pane.scroll_offset.y) == (0, 0)
        app.pane.reading = reading(report(140))
        await pilot.pause()
        assert (app.pane.cursor, app.pane.scroll_offset.y) == (0, 0)


def sinking(count: int) -> LimitsReport:
    """``mine`` is the hottest with 149 and the last with 1."""
    calm = [counter(f"t{number:02}", count=50) for number in range(40)]
    return limits_report([counter("mine", count=count), *calm])


@pytest.mark.parametrize("keys", [(), ("k",), ("v", "v"), ("pageup",), ("j", "g")])
async def test_a_cursor_that_was_never_moved_stays_on_the_first_place(keys: tuple[str, ...]) -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 14)) as pilot:
        app.pane.reading = reading(sinking(149))
        await pilot.pause()
        await pilot.press(*keys)
        app.pane.reading = reading(sinking(1))
        await pilot.pause()
        assert (app.pane.cursor, app.pane.scroll_offset.y) == (0, 0)


async def test_a_row_that_was_clicked_keeps_the_cursor_also_on_the_first_place() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 14)) as pilot:
        app.pane.reading = reading(sinking(149))
        await pilot.pause()
        app.pane.action_open = lambda: None  # type: ignore[method-assign]
        await pilot.click(LimitsPane, offset=(5, 2))
        app.pane.reading = reading(sinking(1))
        await pilot.pause()
        assert app.pane.selected.counter.tenant == b"mine"


async def test_a_view_that_went_with_its_row_comes_back_to_the_top() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(84, 14)) as pilot:
        app.pane.reading = reading(sinking(149))
        await pilot.pause()
        await pilot.press("j", "k")
        app.pane.reading = reading(sinking(1))
        await pilot.pause()
        assert app.pane.cursor == 40 and app.pane.scroll_offset.y > 0, "it goes with a row just moved to"
        clock.advance(limits_pane.FOLLOW_SECONDS + 1)
        app.pane.reading = reading(sinking(1))
        await pilot.pause()
        assert app.pane.scroll_offset.y == 0
        assert app.pane.selected.counter.tenant == b"mine"
        await pilot.press("G")
        clock.advance(limits_pane.FOLLOW_SECONDS + 1)
        app.pane.reading = reading(sinking(1))
        await pilot.pause()
        assert app.pane.scroll_offset.y > 0, "where the operator went"


async def test_a_filter_on_no_field_is_said_instead_of_an_empty_table() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(84, 20)) as pilot:
        app.pane.reading = reading(limits_report())
        await pilot.pause()
        shown = len(app.pane.rows)
        assert "no field nosuch here; there are tenant, operation" in (app.pane.set_filter("nosuch>1") or "")
        assert len(app.pane.rows) == shown
        assert app.pane.set_filter("used>300") is None
        assert len(app.pane.rows) == 1


async def test_a_window_that_ended_is_not_called_ok_too() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(140, 14)):
        app.pane.reading = reading(limits_report([counter("acme", ttl_ms=2_000)]))
        assert "ok" in app.pane.content.plain(0, 120).split()
        clock.advance(10)
        words = app.pane.content.plain(0, 120).split()
        assert "ended" in words
        assert "ok" not in words


def test_the_help_of_a_pane_has_no_markup() -> None:
    assert "`" not in (LimitsPane.__doc__ or "")


@pytest.mark.parametrize(
    ("raw", "badge"),
    [
        (b"\x1b[2J", "control"),
        (b"a\x7f", "control"),
        ("\u0430cme".encode(), "non-ASCII"),
        (b"a ", "blanks"),
        (b"a", ""),
    ],
)
def test_a_name_s_badge_says_what_is_odd_about_it(raw: bytes, badge: str) -> None:
    assert mark_of(raw)[0] == badge


async def test_a_ttl_far_beyond_the_window_stands_in_the_title_and_is_never_within_limits() -> None:
    lines = await drawn(limits_report([counter("day", "chat", 60, 86_000_000), counter("acme", "chat", 3)]))
    assert "▲ TTL too long" in lines[0]
    assert "within limits" not in lines[0]
    assert "23h 53m" in next(line for line in lines if "day" in line)


async def test_odd_names_are_rows_like_any_other_and_say_why_no_action_takes_them() -> None:
    odd = counter("::ffff:10.0.0.7", "chat", 7, None, doubt="the tenant in its name begins or ends with a colon")
    lines = await drawn(limits_report([odd, counter("", "upload", 3)]), (120, 20))
    assert any("::ffff:10.0.0.7" in line and "never resets" in line for line in lines)
    assert any("(empty tenant)" in line for line in lines)
    app = PaneApp(pane())
    async with app.run_test(size=(100, 20)) as pilot:
        app.pane.reading = reading(limits_report([odd]))
        await pilot.pause()
        app.pane.action_detail()  # type: ignore[attr-defined]
        await pilot.pause()
        assert any("no action here: the tenant in its name begins" in line for line in screen_lines(app))


async def test_what_is_foretold_is_a_range_in_its_column() -> None:
    lines = await drawn(limits_report([counter("demo_dentist", "chat", 120, 41_000)]), (84, 12))
    row = next(line for line in lines if "demo_dentist" in line)
    assert re.search(r" \d+-\d+ s +0:41 ", row), row


@pytest.mark.parametrize("backwards", [False, True])
async def test_counters_whose_windows_ran_out_stand_behind_those_of_now(backwards: bool) -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(140, 14)):
        over, now = counter("acme", count=149, ttl_ms=2_000), counter("globex", count=1, ttl_ms=60_000)
        clock.advance(10)
        content: Any = app.pane.content
        content.backwards = backwards
        app.pane.reading = reading(limits_report([over, now]))
        assert [row.counter.tenant for row in app.pane.rows] == [b"globex", b"acme"]
        assert "2 of 1,000 counters" in " ".join(screen_lines(app))


HASH = b"88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b"


async def test_a_tenant_that_is_a_hash_is_short_in_the_rows_and_whole_in_the_detail() -> None:
    one = counter(HASH, b"chat", 7)
    app = PaneApp(pane())
    async with app.run_test(size=(110, 20)) as pilot:
        app.pane.reading = reading(limits_report((one,)))
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert text.count("88dc28d0…") == 2  # the row, and who holds most
        await pilot.press("v")
        await pilot.pause()
        assert HASH.decode() in "\n".join(screen_lines(app))


async def test_a_profile_without_counters_says_so_and_counts_none() -> None:
    app = PaneApp(LimitsPane(FixedClock(), structs.replace(SETTINGS, dialect=load_preset("fastapi-cache"))))
    async with app.run_test(size=(84, 20)):
        app.pane.reading = reading(limits_report(()))
        text = "\n".join(screen_lines(app))
        assert "The profile fastapi-cache names no counters: limits are not looked for." in text
        assert "counters are not looked for" in text.splitlines()[-1]
        assert "0 of 1,000" not in text


async def test_an_empty_pane_names_the_beginnings_of_its_profile() -> None:
    app = PaneApp(LimitsPane(FixedClock(), structs.replace(SETTINGS, dialect=load_preset("kong"))))
    async with app.run_test(size=(84, 20)):
        app.pane.reading = reading(limits_report(()))
        assert "No ratelimit:* keys. Counters appear with the first request." in "\n".join(screen_lines(app))
