"""The health pane: the verdict first, every dependency with its numbers or the reason for none, then the findings."""

import pytest
from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Fault
from optimus_tui.contract.services import GatewayState, HealthReport, HitRate, ServiceInstance, ServiceState
from optimus_tui.tui.messages import CopyRequested
from optimus_tui.tui.panes.health.pane import HealthPane
from optimus_tui.tui.panes.health.row_verdicts import judged
from optimus_tui.wording.truth import STATUS_MARKS
from tests.fixed_clock import FixedClock
from tests.tui.pane_app import PaneApp, screen_lines
from tests.tui.pictures import MONO, NEVER, SETTINGS, SLOW, WALL, gateway, health_report, reading, server

REFUSED = Fault("refused", "localhost:6379/0: connection refused", "start redis")
UNREACHABLE = Finding(
    rule="server.unreachable", severity="critical", subject="redis", message="redis does not serve: connection refused"
)


def pane(clock: FixedClock | None = None) -> HealthPane:
    return HealthPane(clock or FixedClock(), SETTINGS)


async def drawn(report: HealthReport | None, size: tuple[int, int] = (80, 24)) -> list[str]:
    app = PaneApp(pane())
    async with app.run_test(size=size) as pilot:
        if report is not None:
            app.pane.reading = report
        await pilot.pause()
        return screen_lines(app)


def line_of(lines: list[str], word: str) -> str:
    return next(line for line in lines if f" {word} " in line)


async def test_the_verdict_stands_in_the_frame_with_glyph_and_word() -> None:
    assert "✖ CRITICAL" in (await drawn(health_report()))[0]
    assert "● HEALTHY" in (await drawn(health_report(findings=())))[0]


async def test_each_dependency_shows_state_latency_percentiles_chart_and_version() -> None:
    lines = await drawn(health_report())
    assert "● gateway  healthy" in line_of(lines, "gateway")
    for part in ("45 ms", "61 ms", "1.4.0", "▂"):
        assert part in line_of(lines, "gateway")
    assert "primary" in line_of(lines, "redis")
    assert "7.0.15" in line_of(lines, "redis")
    assert "not configured" in line_of(lines, "postgres")
    assert all(title in lines[1] for title in ("now", "p50", "p95", "10 min", "version"))


async def test_a_finding_about_its_latency_marks_a_dependency_that_answers_as_slow() -> None:
    lines = await drawn(health_report(findings=(SLOW,)))
    assert "▲ engine   slow" in line_of(lines, "engine")
    assert "● gateway" in line_of(lines, "gateway")


def test_mark_word_and_figure_of_a_row_are_of_one_verdict() -> None:
    ok, slow = STATUS_MARKS["connected"], replace(SLOW, threshold=500.0, unit="ms")
    few = replace(slow, rule="latency.few", severity="low")
    failing = Finding(rule="errors.share", severity="high", subject="engine", message="20 % failed")
    start = replace(few, rule="latency.cold_start", threshold=0.5, unit="s")

    def words(now: float, *findings: Finding, name: str = "engine", word: str = "connected") -> tuple[str, str]:
        mark, said = judged(name, ok, word, now, findings)
        return mark.glyph, said

    assert words(6.6, slow) == ("▲", "was slow")
    assert words(840.0, slow) == words(6.6, replace(slow, threshold=None)) == ("▲", "slow")
    assert words(786.0, few) == ("△", "connected"), "no green beside a bad figure"
    signs = replace(few, first_signs="judged at 10:30:20")
    assert words(786.0, signs) == ("△", "slow now"), "the pane is WATCHING then, not HEALTHY"
    assert words(6.6, signs) == ("●", "connected")
    assert words(6.6, few) == words(6.6, start) == ("●", "connected")
    assert words(21.0, failing) == ("▲", "answers"), "healthy does not stand beside the mark of a finding"
    redis = replace(slow, subject="redis")
    assert words(1.0, redis, name="redis", word="primary") == ("▲", "was slow")


async def test_a_rate_that_is_good_again_says_that_it_was_low() -> None:
    low = Finding(
        rule="cache.hit_rate", severity="medium", subject="hit rate", message="low", threshold=0.8, unit="share"
    )
    for finding, words in ((low, "was low"), (replace(low, threshold=0.9), "1,247 keys")):
        assert words in line_of(await drawn(health_report(findings=(finding,))), "rate")


async def test_no_green_stands_beside_a_latency_that_was_not_measured() -> None:
    states = [replace(gateway(), service=replace(gateway().service, latency_ms=ms)) for ms in (12.0, None)]
    timed, untimed = (health_report(gateway=reading(state), findings=()) for state in states)
    assert [line_of(await drawn(one), "gateway").strip("│ ")[0] for one in (timed, untimed)] == ["●", "○"]


async def test_no_green_stands_beside_a_hit_rate_that_is_low_or_of_too_few_look_ups() -> None:
    few = Finding(rule="cache.hit_rate", severity="low", subject="hit rate", message="few", threshold=0.7, unit="share")

    async def mark(rate: float, samples: int, *findings: Finding) -> str:
        shown = health_report(hit_rate=HitRate(rate, "gateway, last 22 s", samples=samples), findings=findings)
        return line_of(await drawn(shown), "rate").strip("│ ")[0]

    assert await mark(0.54, 60, few) == "△"
    assert await mark(0.46, 400) == "○", "not judged while the cache fills, and not good either"
    assert await mark(0.0, 12) == "○"
    assert await mark(0.85, 60) == await mark(0.85, 60, few) == "●"


async def test_the_hit_rate_names_its_source_and_an_unknown_one_its_reason() -> None:
    lines = await drawn(health_report())
    assert all(part in line_of(lines, "rate") for part in ("85 %", "gateway", "1,247 keys"))
    lines = await drawn(health_report(hit_rate=HitRate(0.6, "redis INFO without ours, last 10 min", 12)))
    assert all(part in line_of(lines, "rate") for part in ("60 %", "redis INFO, 10 min", "12 keys"))
    lines = await drawn(health_report(hit_rate=HitRate(0.3, "gateway, last 22 s", 1_247)))
    assert all(part in line_of(lines, "rate") for part in ("30 %", "gateway, 22 s", "1,247 keys"))
    for source, words in (
        ("gateway, since its start", "gateway, lifetime"),
        ("gateway, over an unknown time", "gateway, span ?"),
    ):
        lines = await drawn(health_report(hit_rate=HitRate(0.6, source)))
        assert words in line_of(lines, "rate")
    silent = GatewayState(service=gateway().service, cache_fault=Fault("invalid", "cache metrics answered 500"))
    lines = await drawn(health_report(hit_rate=None, gateway=reading(silent)))
    assert "unknown" in line_of(lines, "rate")
    assert "cache metrics answered 500" in line_of(lines, "rate")
    assert "0 %" not in line_of(lines, "rate")


async def test_memory_evictions_and_clients_stand_below_and_unknown_is_not_zero() -> None:
    line = line_of(await drawn(health_report()), "memory")
    assert "244 MB of 2 GB   evicted 0   clients 41" in line
    odd = server(memory_used=None, memory_max=None, evicted_keys=None, clients=None, version=None)
    line = line_of(await drawn(health_report(server=reading(odd))), "memory")
    assert "?   evicted ?   clients ?" in line
    assert "0" not in line.split("204")[0]


async def test_info_that_is_denied_says_so_with_the_acl_words_row_40() -> None:
    denied = Fault("denied", "INFO is not allowed for user observer", "ACL SETUSER observer +info")
    lines = await drawn(health_report(server=reading(server(info_fault=denied))), (56, 24))
    assert "INFO is not allowed for user observer" in line_of(lines, "memory")
    assert any("ACL SETUSER observer +info" in line for line in lines)
    assert "primary" in line_of(lines, "redis")


async def test_a_dead_dependency_costs_only_its_own_line_and_says_when_it_is_tried_again_row_33() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(80, 24)) as pilot:
        down = reading(None, fault=REFUSED, retry_in=5.0)
        app.pane.reading = health_report(server=down, findings=(UNREACHABLE,), answered=2)
        await pilot.pause()
        lines = screen_lines(app)
        assert "✖ redis    disconnected  localhost:6379/0: connection refused" in line_of(lines, "redis")
        assert "retry in 5 s" in line_of(lines, "redis")
        assert "45 ms" in line_of(lines, "gateway")
        assert "probes 2 of 3" in lines[-1]
        assert not app.pane.muted
        clock.advance(2)
        app.pane.tick()
        await pilot.pause()
        assert "retry in 3 s" in line_of(screen_lines(app), "redis")


async def test_a_fault_beside_an_old_value_never_reads_as_healthy() -> None:
    timeout = Fault("timeout", "no answer within 2.5 s")
    old = reading(gateway(), 30, fault=timeout, retry_in=2.0)
    engine = reading(ServiceState(status="connected", latency_ms=612.0), 30, fault=timeout)
    lines = await drawn(health_report(gateway=old, engine=engine, server=reading(server(), 30, fault=REFUSED)))
    assert "✖ gateway  error" in line_of(lines, "gateway")
    assert "✖ engine   disconnected" in line_of(lines, "engine")
    assert "✖ redis    disconnected" in line_of(lines, "redis")
    assert "45 ms" not in line_of(lines, "gateway")


@pytest.mark.parametrize("size", [(80, 24), (54, 24)])
async def test_findings_from_a_redis_that_cannot_be_read_are_dimmed_and_dated(size: tuple[int, int]) -> None:
    app = PaneApp(pane())
    async with app.run_test(size=size) as pilot:
        down = reading(server(), 30, fault=REFUSED, retry_in=5.0)
        app.pane.reading = health_report(server=down, findings=(UNREACHABLE, NEVER))
        await pilot.pause()
        old = [row for row in app.pane.rows if row.finding is NEVER]
        new = [row for row in app.pane.rows if row.finding is UNREACHABLE]
        assert "read 30 s ago" in "".join(text for row in old for text, _ in row.pieces)
        assert not {style for row in old for _, style in row.pieces} & {"crit", "warn", "bright"}
        assert "crit" in {style for row in new for _, style in row.pieces}
        app.pane.reading = health_report(findings=(NEVER,))
        await pilot.pause()
        assert "crit" in {style for row in app.pane.rows if row.finding is NEVER for _, style in row.pieces}


async def test_a_gateway_that_says_it_is_degraded_gives_no_odd_answer() -> None:
    fault = Fault("invalid", '/health answered 200, but says "status": "degraded"')
    state = replace(gateway(), service=replace(gateway().service, status="unhealthy", sickness="degraded"))
    finding = replace(SLOW, rule="services.gateway", subject="gateway", message="gateway is degraded")
    looked = reading(state, fault=fault, retry_in=2.0)
    lines = await drawn(health_report(gateway=looked, findings=(finding,)), (56, 24))
    assert "degraded" in line_of(lines, "gateway")
    assert "odd answer" not in "\n".join(lines)
    assert "says so itself · retry in 2 s" in line_of(lines, "gateway")


async def test_a_gateway_that_is_not_asked_because_that_costs_money_is_unknown_and_no_error() -> None:
    fault = Fault("denied", "/health is not asked: a call of litellm's costs money")
    state = replace(gateway(), service=replace(gateway().service, status="unknown", latency_ms=None, fault=fault))
    finding = replace(SLOW, rule="services.gateway", subject="gateway", message="gateway cannot be measured")
    lines = await drawn(health_report(gateway=reading(state, fault=fault, retry_in=2.0), findings=(finding,)), (56, 24))
    assert "○ gateway" in line_of(lines, "gateway") and "unknown" in line_of(lines, "gateway")
    assert "not asked" in line_of(lines, "gateway") and "error" not in line_of(lines, "gateway")


async def test_in_a_narrow_pane_the_reason_is_brief_where_a_finding_tells_it_in_full() -> None:
    down = reading(None, fault=REFUSED, retry_in=5.0)
    lines = await drawn(health_report(server=down, findings=(UNREACHABLE,)), (48, 24))
    assert "✖ redis    disconnected  retry in 5 s" in line_of(lines, "redis")
    assert any("redis does not serve: connection" in line for line in lines)
    lines = await drawn(health_report(server=down, findings=()), (48, 24))
    assert "connection refused" in " ".join(line.strip("│ ") for line in lines)


async def test_figures_of_before_an_outage_say_how_old_they_are_and_are_muted() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report(server=reading(server(), 27, fault=REFUSED), findings=(UNREACHABLE,))
        await pilot.pause()
        row = next(row for row in app.pane.rows if row.group == "memory")
    assert "27 s ago: 244 MB of 2 GB" in "".join(text for text, _ in row.pieces)
    assert {style for text, style in row.pieces[3:]} == {"quiet"}


async def test_a_loading_server_is_called_loading_row_36() -> None:
    loading = reading(server(loading_percent=43.0), fault=Fault("loading", "localhost is loading its data set"))
    assert "loading 43 %" in line_of(await drawn(health_report(server=loading)), "redis")


async def test_findings_wrap_and_say_since_when_and_on_how_many_samples() -> None:
    lines = await drawn(health_report(), (56, 24))
    at = next(i for i, line in enumerate(lines) if "✖ CRIT  " in line)
    assert "has no TTL (400 of 150) · since 10:40" in lines[at + 1]
    assert any("since 10:57 · 31 samples" in line for line in lines)
    assert sum("e explains" in line for line in lines) == 1, "the keys are said once"


async def test_six_findings_of_two_lines_fit_into_24_lines() -> None:
    many = tuple(
        Finding(rule="r", severity="high", subject=f"s{i}", message=f"finding {i} " + "word " * 14, since=WALL)
        for i in range(6)
    )
    lines = await drawn(health_report(findings=many), (80, 24))
    assert all(any(f"finding {i}" in line for line in lines) for i in range(6))
    assert sum("since 11:06" in line for line in lines) == 6


async def test_an_old_finding_tells_its_day() -> None:
    old = Finding(rule="r", severity="high", subject="s", message="m", since=WALL - 3 * 86_400)
    assert any("since 2026-11-15 11:06" in line for line in await drawn(health_report(findings=(old,))))


@pytest.mark.parametrize("width", [44, 48, 56, 60, 80, 100, 140, 200])
async def test_nothing_is_cut_and_the_frame_is_whole_at_every_width(width: int) -> None:
    lines = await drawn(health_report(), (width, 30))
    assert {line.rstrip()[-1] for line in lines} <= {"│", "╮", "╯"}
    assert "p95" in lines[1] or width < 46
    assert "10 min" in lines[1]
    assert not any("…" in line for line in lines)
    words = " ".join(line.strip("│ ") for line in lines)
    assert "400 of 150" in words


async def test_before_the_first_answer_it_says_where_it_connects_and_shows_no_number_row_33() -> None:
    lines = await drawn(None)
    text = "\n".join(lines)
    assert "connecting to the gateway at http://localhost:8020" in text
    assert "connecting to redis at localhost:6379/0" in text
    assert "postgres is not configured" in text
    assert " ms" not in text
    assert "%" not in text


async def test_what_nobody_looked_at_yet_is_unknown_and_not_healthy() -> None:
    lines = await drawn(HealthReport(gateway=reading(gateway())))
    assert "○ UNKNOWN" in lines[0]
    assert "○ engine   connecting" in line_of(lines, "engine")
    assert any("Not everything has been looked at yet" in line for line in lines)


async def test_the_truth_line_turns_amber_when_nobody_answers_or_nothing_arrives() -> None:
    clock = FixedClock()
    app = PaneApp(pane(clock))
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report()
        await pilot.pause()
        assert app.pane.content.truth() == ("as of 11:06:39 (0.6 s) · probes 3 of 3 answered", False)
        clock.advance(30)
        assert app.pane.content.truth()[1]
        app.pane.reading = health_report(answered=0)
        assert app.pane.content.truth()[1]


async def test_the_cursor_goes_from_dependency_to_dependency_to_finding_never_to_a_blank() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(56, 24)) as pilot:
        app.pane.reading = health_report()
        await pilot.pause()
        seen = [app.pane.content.group]  # type: ignore[attr-defined]
        for _ in range(20):
            await pilot.press("j")
            if app.pane.content.group != seen[-1]:  # type: ignore[attr-defined]
                seen.append(app.pane.content.group)  # type: ignore[attr-defined]
        assert seen[:6] == ["gateway", "engine", "redis", "postgres", "hit rate", "version"]
        assert seen[6:] == [("limits.immortal", "clinic_b / chat"), ("latency.p95", "engine"), "memory"]
        await pilot.press("k", "k")
        assert app.pane.content.explain_subject() == "clinic_b / chat"
        marked = [i for i in range(len(app.pane.rows)) if app.pane.content.is_marked(i)]
        assert len(marked) == 2
        await pilot.press("g")
        assert app.pane.content.group == "gateway"  # type: ignore[attr-defined]
        await pilot.press("G")
        assert app.pane.content.group == "memory"  # type: ignore[attr-defined]


async def test_a_finding_is_scrolled_into_view_whole() -> None:
    many = tuple(
        Finding(rule="r", severity="high", subject=f"s{i}", message=f"finding {i} " + "word " * 14) for i in range(12)
    )
    app = PaneApp(pane())
    async with app.run_test(size=(56, 16)) as pilot:
        app.pane.reading = health_report(findings=many)
        await pilot.press(*"j" * 9)
        group = [i for i in range(len(app.pane.rows)) if app.pane.content.is_marked(i)]
        seen = app.pane.visible_range()
        assert group[0] in seen
        assert group[-1] in seen


async def test_a_scroll_bar_that_appears_wraps_everything_anew_under_the_right_titles() -> None:
    many = tuple(
        Finding(rule="r", severity="high", subject=f"s{i}", message=f"finding {i} " + "word " * 14) for i in range(12)
    )
    app = PaneApp(pane())
    async with app.run_test(size=(56, 16)) as pilot:
        app.pane.reading = health_report(findings=many)
        await pilot.pause()
        await pilot.pause()
        width = app.pane.scrollable_content_region.width
        assert width == 51
        assert all(sum(len(text) for text, _ in row.pieces) <= width + 1 for row in app.pane.rows)
        lines = screen_lines(app)
        assert lines[1].index("p95") + 3 == line_of(lines, "gateway").index("61 ms") + 5


async def test_findings_here_are_those_of_the_line_under_the_cursor() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report()
        await pilot.pause()
        assert app.pane.content.findings_here() == list(health_report().findings), "not moved: the worst comes first"
        assert app.pane.content.explain_subject() == "clinic_b / chat"
        await pilot.press("j", "k")
        assert app.pane.content.findings_here() == [health_report().findings[0]]
        title = "Nothing is wrong with the gateway. Elsewhere: clinic_b / chat"
        assert app.pane.content.explain_subject() == title
        await pilot.press("j")
        assert [f.rule for f in app.pane.content.findings_here()] == ["latency.p95"]
        await pilot.press("G", "k")
        assert [f.subject for f in app.pane.content.findings_here()] == ["engine"]


async def test_a_route_is_explained_on_the_row_that_it_names_as_its_own() -> None:
    app = PaneApp(pane())
    route = Finding(rule="latency.p95", severity="medium", subject="route /api/chat", message="route /api/chat is slow")
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report(findings=(route,))
        await pilot.pause()
        await pilot.press("j", "k")
        assert app.pane.content.findings_here() == [route] and app.pane.content.explain_subject() == "gateway"


async def test_a_line_without_findings_is_explained_by_nothing_only_where_there_is_none() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report(findings=())
        await pilot.pause()
        assert app.pane.content.findings_here() == []
        assert app.pane.content.explain_subject() == "gateway"


async def test_copies_are_lines_for_a_shell_without_a_password() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report()
        await pilot.pause()
        assert dict(app.pane.content.copy_forms())["curl: health"] == "curl -sS http://localhost:8020/health"
        await pilot.press("j", "j")
        assert dict(app.pane.content.copy_forms())["redis-cli PING"] == "redis-cli -h localhost -p 6379 PING"
        await pilot.press("G", "k", "y")
        assert app.heard(CopyRequested)[0].text == SLOW.message
        assert dict(app.pane.content.copy_forms())["the finding"] == f"medium: {SLOW.message} (latency.p95)"


async def test_a_filter_keeps_the_findings_that_hold_it() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(80, 24)) as pilot:
        app.pane.reading = health_report()
        app.pane.set_filter("rule:latency")
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "engine p95" in text
        assert "clinic_b" not in text


async def test_an_effect_below_its_cause_does_not_name_it_again_but_where_the_cause_is_filtered_out_it_does() -> None:
    cause = (SLOW.rule, SLOW.subject)
    route = replace(
        SLOW,
        subject="route /api/chat",
        message="chat is slow; it began 28 s after the engine became slow",
        below_cause="chat is slow; it began 28 s after that",
        caused_by=cause,
    )
    app = PaneApp(pane())
    async with app.run_test(size=(100, 30)) as pilot:
        app.pane.reading = health_report(findings=(SLOW, route))
        await pilot.pause()
        assert "it began 28 s after that" in "\n".join(screen_lines(app))
        app.pane.set_filter("chat")
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        assert "28 s after the engine became slow" in text
        assert "engine p95" not in text


async def test_an_effect_stands_below_its_own_cause_and_not_below_what_follows_from_that_as_well() -> None:
    first = replace(SLOW, subject="bulk", message="many invalidations")
    rate = replace(SLOW, subject="hit rate", message="the rate fell", caused_by=(SLOW.rule, "bulk"))
    engine = replace(SLOW, subject="engine", message="the engine is slow", caused_by=(SLOW.rule, "hit rate"))
    other = replace(SLOW, subject="memory", message="memory grows", caused_by=(SLOW.rule, "bulk"))
    app = PaneApp(pane())
    async with app.run_test(size=(100, 40)) as pilot:
        app.pane.reading = health_report(findings=(first, rate, engine, other))
        await pilot.pause()
        lines = screen_lines(app)
        found = [one.message for one in (first, rate, engine, other)]
        at = [next(line.find("└") for line in lines if message in line) for message in found]
        assert at[0] == -1 and at[1] == at[3] == at[2] - 2, at


async def test_a_resize_wraps_the_findings_anew() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(120, 24)) as pilot:
        app.pane.reading = health_report()
        await pilot.pause()
        assert any("its counter has no TTL" in line for line in screen_lines(app))
        await pilot.resize_terminal(50, 24)
        await pilot.pause()
        assert not any("…" in line for line in screen_lines(app))
        assert any(line.strip("│ ").startswith("counter has no TTL") for line in screen_lines(app))


async def test_an_export_begins_with_the_verdict() -> None:
    app = PaneApp(pane())
    async with app.run_test(size=(56, 24)) as pilot:
        app.pane.reading = health_report()
        await pilot.pause()
        lines = app.pane.content.export_lines(app.pane.size.width)
    assert lines[0] == "✖ CRITICAL"
    assert any("clinic_b / chat never resets: its counter has no TTL (400 of 150)" in line for line in lines)
    assert lines[-1].startswith("as of")


def test_the_pictures_clock_is_the_fixed_clock() -> None:
    assert (FixedClock().wall(), FixedClock().mono()) == (WALL, MONO)


@pytest.mark.parametrize("size", [(80, 24), (140, 42)])
async def test_each_address_of_a_service_has_a_row_and_the_worst_is_first(size: tuple[int, int]) -> None:
    fault = Fault("refused", "nobody answers at 10.0.0.2:8000", "start it")
    down, well = ServiceState(status="error", fault=fault), ServiceState(status="healthy", latency_ms=12.0)
    each = (ServiceInstance("http://10.0.0.2:8000", down), ServiceInstance("http://10.0.0.1:8000", well))
    state = replace(gateway(), service=replace(down, instances=each))
    lines = await drawn(health_report(gateway=reading(state, fault=fault)), size)
    first = next(at for at, line in enumerate(lines) if "10.0.0.2:8000  error" in line)
    assert "nobody answers" in lines[first] and "10.0.0.1:8000  healthy  12 ms" in lines[first + 1]
    assert "gateway" in "".join(lines[first - 2 : first])


async def test_many_addresses_are_cut_where_none_is_worse() -> None:
    each = tuple(
        ServiceInstance(f"http://10.0.0.{at}:80", ServiceState(status="healthy", latency_ms=1.0)) for at in range(20)
    )
    service = ServiceState(status="healthy", latency_ms=1.0, instances=each)
    lines = await drawn(health_report(gateway=reading(replace(gateway(), service=service))), (140, 42))
    assert any("and 8 more, none of them worse" in line for line in lines)
