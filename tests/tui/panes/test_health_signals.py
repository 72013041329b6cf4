"""The golden signals and the tenants on the health pane: figures with their span, unknown ones with their reason."""

from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.services import HealthReport
from optimus_tui.contract.signals import GoldenSignals, Signals
from optimus_tui.tui.messages import TenantRequested
from optimus_tui.tui.panes.health.pane import HealthPane
from optimus_tui.tui.panes.health.signals import _title
from optimus_tui.tui.theme import plain_text
from optimus_tui.tui.widgets.row_marks import clear_marks
from optimus_tui.verdicts.gateway.signals import unknown_signals
from tests.fixed_clock import FixedClock
from tests.sizes import SIZES
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import SETTINGS, WALL, golden, health_report, some_signals


class TenantApp(PaneApp):
    """Keeps the requests for a tenant, too."""

    on_tenant_requested = PaneApp._hear


def app_of(report: HealthReport) -> tuple[TenantApp, HealthPane]:
    pane = HealthPane(FixedClock(), SETTINGS)
    pane.set_reactive(HealthPane.reading, report)
    pane.shown = report
    return TenantApp(pane), pane


async def drawn(signals: GoldenSignals | None, size: tuple[int, int] = (80, 40), **more: Any) -> list[str]:
    app, pane = app_of(health_report(signals=signals, **more))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        pane.refresh_rows()
        await pilot.pause()
        return screen_lines(app)


def line_of(lines: list[str], word: str) -> str:
    return next(line for line in lines if line.startswith(f"│   {word} "))


async def test_each_signal_has_a_line_with_its_figure_and_its_chart_under_one_span() -> None:
    lines = await drawn(golden())
    assert "the gateway's requests of 1 min 30 s, by /metrics" in "\n".join(lines)
    for name, figure in (("requests", "212/s"), ("failing", "0.4 %"), ("refused", "3.1/s"), ("p95", "≈ 612 ms")):
        line = line_of(lines, name)
        assert figure in line
        assert "▇" in line
    assert "1.5 % of requests" in line_of(lines, "refused")


async def test_beside_many_findings_the_signals_take_two_lines_and_keep_their_charts_and_span() -> None:
    many = tuple(
        Finding(rule="latency.p95", severity="high", subject=f"route {at}", message=f"route {at} is slow", since=WALL)
        for at in range(10)
    )
    lines = await drawn(golden(), (80, 24), findings=many)
    both = line_of(lines, "requests")
    assert "212/s" in both
    assert "failing" in both
    assert both.count("▇") == 2
    assert "3.1/s 1.5 %" in line_of(lines, "refused")
    assert "requests of 1 min 30 s" in "\n".join(lines)
    assert "route 0 is slow" in "\n".join(lines)


@pytest.mark.parametrize("size", [(80, 24), (80, 60)])
async def test_an_unknown_signal_says_unknown_and_why(size: tuple[int, int]) -> None:
    few = some_signals(p95_words="", p95_ms=None, why={"p95": "12 requests timed, 20 are needed"})
    text = " ".join(" ".join(await drawn(golden(total=few), size)).split())
    assert "12 requests timed, 20 are needed" in text
    assert "p95 unknown" in text or "p95 unknown: 12" in text.replace("│", "")


async def test_without_any_figure_one_line_says_why_and_no_zero_stands_there() -> None:
    lines = await drawn(unknown_signals("gateway:8000: connection refused"))
    line = line_of(lines, "requests")
    assert "unknown: gateway:8000: connection refused" in line
    assert "0/s" not in "\n".join(lines)
    assert not any(" failing " in line for line in lines)


async def test_what_the_signals_are_of_is_shortened_by_a_word_and_not_cut() -> None:
    assert "requests of 1 min 30 s, by /metrics " in "\n".join(await drawn(golden(), (56, 40)))


async def test_at_least_is_said_where_requests_were_lost_with_a_process() -> None:
    assert "≥ 212/s" in line_of(await drawn(golden(total=some_signals(lower_bound=True))), "requests")


async def test_old_signals_say_how_old_they_are() -> None:
    assert "45 s old" in "\n".join(await drawn(golden(taken_at=WALL - 45)))


async def test_the_tenants_stand_below_the_busiest_first_and_enter_opens_one() -> None:
    app, pane = app_of(health_report(signals=golden(("busy", "idle"))))
    async with app.run_test(size=(80, 40)) as pilot:
        pane.refresh_rows()
        await pilot.pause()
        lines = screen_lines(app)
        assert next(at for at, line in enumerate(lines) if " busy " in line) < next(
            at for at, line in enumerate(lines) if " idle " in line
        )
        pane.move_to(next(at for at, row in enumerate(pane.rows) if row.group == ("tenant", "idle")))
        await pilot.press("enter")
        await pilot.pause()
        assert [one.tenant for one in app.heard(TenantRequested)] == [b"idle"]


async def test_a_hostile_tenant_name_draws_no_control_character_and_opens_by_its_bytes() -> None:
    name = "evil\x1b[31m\udcff"
    app, pane = app_of(health_report(signals=golden((name,))))
    async with app.run_test(size=(80, 40)) as pilot:
        pane.refresh_rows()
        await pilot.pause()
        assert "\x1b" not in "".join(screen_lines(app))
        pane.move_to(next(at for at, row in enumerate(pane.rows) if row.group == ("tenant", name)))
        await pilot.press("enter")
        assert [one.tenant for one in app.heard(TenantRequested)] == [b"evil\x1b[31m\xff"]


async def test_tenants_that_do_not_fit_are_counted_and_a_missing_percentile_is_explained() -> None:
    untimed = Signals(requests=9, per_second=0.1, why={"p95": "the gateway does not time requests by tenant"})
    many = {f"tenant_{at:02}": untimed for at in range(30)}
    text = " ".join(await drawn(replace(golden(), tenants=many, more_tenants=12), (80, 42)))
    text = " ".join(text.replace("│", "").split())
    assert "tenant_07" in text
    assert "more with fewer requests" in text
    assert "p95 unknown: the gateway does not time requests by tenant" in text
    early = {"p95": "12 requests timed, 20 are needed"}
    own = {name: replace(untimed, why=early) for name in golden().tenants}
    total = some_signals(p95_words="", p95_ms=None, why=early)
    text = "\n".join(await drawn(replace(golden(total=total), tenants=own)))
    assert text.count("12 requests timed") == 1, "said of all, it is not said of each once more"
    text = "\n".join(await drawn(replace(golden(()), tenants_why="the gateway does not count requests by tenant")))
    assert "tenants unknown: the gateway does not count requests by tenant" in text


async def test_in_a_low_pane_the_first_finding_stands_right_below_the_dependencies() -> None:
    lines = await drawn(golden(), (98, 13))
    found = next(at for at, line in enumerate(lines) if "never resets" in line)
    assert found < 9
    assert not any("212/s" in line for line in lines[:found])


async def test_a_filter_leaves_tenants_and_findings_out_and_says_how_many_pass() -> None:
    app, pane = app_of(health_report(signals=golden(("acme", "globex"))))
    async with app.run_test(size=(80, 40)) as pilot:
        await pilot.pause()
        for text, words in (
            ("zzz", ("findings: 0 of 2 match", "tenants: 0 of 2 match")),
            ("glob", ("findings: 0 of 2 match", "1 of 2 tenants match")),
        ):
            pane.set_filter(text)
            await pilot.pause()
            shown = "\n".join(screen_lines(app))
            assert all(part in shown for part in words), shown
            assert "acme" not in shown and ("globex" in shown) == (text == "glob")
            assert "e explains" not in shown


@pytest.mark.parametrize("size", SIZES)
async def test_only_lines_that_can_be_acted_on_or_pinned_take_a_mark_and_none_is_cut_for_it(
    size: tuple[int, int],
) -> None:
    app, pane = app_of(health_report(signals=golden(("acme", "globex"))))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        pane.refresh_rows()
        pane.action_first()
        pane.action_mark(True)
        pane.action_last()
        pane.action_mark(True)
        await pilot.pause()
        groups = [row.group for row in pane.rows if row.part == 0 and row.group is not None]
        assert len(pane.row_marks.keys) == len(groups)
        assert len(pane.row_marks.places()) == len(groups)
        lines = [line[1:-1] for line in screen_lines(app)]
        assert not [line for line in lines if "◆" in line and ("findings:" in line or not line.strip(" ◆"))]
        assert all(len(plain_text(row.pieces)) <= pane.body_width - 2 for row in pane.rows)
        pane.set_reactive(HealthPane.cursor, next(at for at, row in enumerate(pane.rows) if row.group is None))
        before = pane.row_marks.keys
        pane.action_mark()
        assert pane.row_marks.keys == before, "a blank line takes none"
        clear_marks(pane, pane.row_marks)
        await pilot.pause()
        assert any(len(plain_text(row.pieces)) > pane.body_width - 2 for row in pane.rows), "the room is used again"


async def test_the_last_place_is_the_last_group_where_only_a_note_follows_it() -> None:
    few = some_signals(p95_words="", p95_ms=None, why={"p95": "12 requests timed, 20 are needed"})
    app, pane = app_of(health_report(signals=replace(golden(), tenants={"acme": few})))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        pane.refresh_rows()
        assert pane.rows[-1].group is None, "why no p95 is known"
        pane.action_last()
        assert pane.content.group == ("tenant", "acme")
        pane.action_mark()
        assert len(pane.row_marks.keys) == 1


@pytest.mark.parametrize("old", [2.0, 600.0])
@pytest.mark.parametrize("width", [44, 52, 54, 76, 136])
def test_the_span_of_the_signals_and_their_age_are_never_cut(width: int, old: float) -> None:
    title = plain_text(_title(golden(), width, golden().taken_at + old))
    assert "requests of 1 min 30 s" in title and title.endswith("  10 min") and "…" not in title
    assert (", 10 min old" in title) == (old > 60)


def columns(lines: list[str], name: str) -> list[int]:
    """Where the words of a line begin."""
    line = line_of(lines, name)
    return [at for at in range(1, len(line)) if line[at] not in " │" and line[at - 1] == " "]


@pytest.mark.parametrize("size", [(80, 40), (140, 60)])
async def test_columns_stand_still_from_one_look_to_the_next(size: tuple[int, int]) -> None:
    app, pane = app_of(health_report(signals=golden(("demo_dentist", "acme"))))
    async with app.run_test(size=size) as pilot:
        places = []
        for total in (some_signals(), some_signals(requests=9.0, per_second=0.5, refused_share=0.0, p95_words="8 ms")):
            pane.reading = health_report(signals=golden(("demo_dentist", "acme"), total=total))
            await pilot.pause()
            places.append([line.index("▇") for line in screen_lines(app) if "▇" in line and "│   re" in line])
        assert places[0] == places[1] != []


async def test_about_equally_busy_tenants_keep_their_places_and_a_clearly_busier_one_goes_up() -> None:
    app, pane = app_of(health_report(signals=golden()))
    async with app.run_test(size=(100, 40)) as pilot:

        async def order(**rates: float) -> list[str]:
            by_name = {name: some_signals(per_second=rate) for name, rate in rates.items()}
            pane.reading = health_report(signals=replace(golden(), tenants=by_name))
            await pilot.pause()
            return [row.group[1] for row in pane.rows if isinstance(row.group, tuple) and row.group[0] == "tenant"]

        assert await order(a=100.0, b=95.0, c=10.0) == ["a", "b", "c"]
        assert await order(b=104.0, a=100.0, c=10.0) == ["a", "b", "c"]
        assert await order(c=500.0, b=104.0, a=100.0) == ["c", "a", "b"]


async def test_a_finding_that_comes_and_goes_does_not_change_how_the_signals_stand() -> None:
    app, pane = app_of(health_report(signals=golden(()), findings=()))
    many = tuple(
        Finding(rule="latency.p95", severity="high", subject=f"route {at}", message=f"route {at} is slow", since=WALL)
        for at in range(30)
    )
    async with app.run_test(size=(80, 40)) as pilot:
        forms = []
        for count in (0, 30, 0):
            pane.reading = health_report(signals=golden(()), findings=many[:count])
            await pilot.pause()
            forms.append(pane.content.is_brief)
        assert forms == [False, True, False]
        room = 40 - 2 - 1 - len(pane.rows)
        for count in (30, room, room + 1, room):
            pane.reading = health_report(signals=golden(()), findings=many[:count])
            await pilot.pause()
            forms.append(pane.content.is_brief)
        assert forms[-4:] == [True] * 4, "there has to be more room than that needs"


def test_the_title_of_the_tenants_never_stands_alone_at_the_end_of_the_pane() -> None:
    _, pane = app_of(health_report(signals=golden()))
    alone = []
    for height in range(18, 40):
        lines = [plain_text(line.pieces) for line in pane.content.build(76, height)]
        title = next(at for at, line in enumerate(lines) if line.startswith("  tenant "))
        if title == height - 1:
            alone.append(height)
    assert alone == []
