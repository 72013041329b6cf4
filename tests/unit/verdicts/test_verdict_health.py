"""Health, latency, hit rate, cache, feed and episodes: severities by the contract, no verdict without a measurement."""

import pytest
from msgspec import structs

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import CacheReport, FeedStatus, GroupTotals, KindTotals
from optimus_tui.contract.reading import Coverage, Fault, Reading
from optimus_tui.contract.services import (
    CacheMetrics,
    GatewayState,
    HealthReport,
    HitRate,
    Series,
    ServerState,
    ServiceState,
)
from optimus_tui.settings.model import Thresholds
from optimus_tui.tools.pages.format_value import measured_of
from optimus_tui.verdicts import episodes, health
from optimus_tui.verdicts.coherence import events
from optimus_tui.verdicts.coherence import keys as cache
from optimus_tui.verdicts.gateway import latency
from optimus_tui.verdicts.gateway.hit_rate import (
    FROM_GATEWAY,
    FROM_GATEWAY_LIFE,
    LookupTrack,
    find_hit_rate,
    find_rates,
    hit_rate,
    track_gateway,
    track_lookups,
)
from optimus_tui.verdicts.health import find_unmeasured
from optimus_tui.verdicts.hysteresis import NO_STATE, steady

BARS = Thresholds()


def read(value: object, fault: Fault | None = None) -> Reading:  # type: ignore[type-arg]
    return Reading(value=value, taken_at=0.0, taken_mono=0.0, fault=fault)


def gateway(status: str = "healthy", code: int | None = 200, **more: object) -> GatewayState:
    return GatewayState(service=ServiceState(status=status, status_code=code), **more)  # type: ignore[arg-type]


GOOD = health.Looks(
    gateway=read(gateway()),
    engine=read(ServiceState(status="connected", status_code=200)),
    server=read(ServerState(latency_ms=0.4)),
    postgres=read(ServiceState(status="not configured")),
)


def judged(looks: health.Looks, **more: object) -> HealthReport:
    fields = {"history": {}, "rate": None, "rate_history": Series(), "thresholds": BARS, **more}
    return health.judge(looks, **fields)  # type: ignore[arg-type]


def test_nothing_is_healthy_before_it_was_looked_at() -> None:
    assert judged(health.Looks()).overall == "unknown"
    assert judged(health.Looks(gateway=GOOD.gateway, engine=GOOD.engine)).overall == "unknown"
    assert judged(GOOD, limits_seen=False).overall == "unknown"
    assert judged(GOOD).overall == "healthy"


def test_what_is_bad_already_is_said_before_all_was_looked_at() -> None:
    assert judged(health.Looks(server=read(None, Fault("refused", "connection refused")))).overall == "critical"


@pytest.mark.parametrize(
    ("looks", "rule", "severity", "overall"),
    [
        ({"gateway": read(gateway("unhealthy", 503))}, "services.gateway", "critical", "critical"),
        ({"gateway": read(gateway("error", None))}, "services.gateway", "critical", "critical"),
        ({"gateway": read(gateway(), Fault("timeout", "no answer"))}, "services.gateway", "critical", "critical"),
        ({"gateway": read(None, Fault("refused", "refused"))}, "services.gateway", "critical", "critical"),
        ({"engine": read(ServiceState(status="disconnected"))}, "services.engine", "critical", "critical"),
        ({"engine": read(ServiceState(status="error", status_code=500))}, "services.engine", "critical", "critical"),
        ({"server": read(None, Fault("loading", "loading 4 %"))}, "server.unreachable", "critical", "critical"),
        ({"server": read(GOOD, Fault("refused", "refused"))}, "server.unreachable", "critical", "critical"),
        ({"server": read(None, Fault("auth", "wrong password"))}, "server.login", "high", "needs_attention"),
        ({"postgres": read(ServiceState(status="disconnected"))}, "services.postgres", "high", "needs_attention"),
        ({"postgres": read(ServiceState(status="unknown"))}, "services.postgres_unknown", "medium", "needs_attention"),
    ],
)
def test_a_dependency_that_fails_is_a_finding(looks: dict[str, object], rule: str, severity: str, overall: str) -> None:
    parts = {"gateway": GOOD.gateway, "engine": GOOD.engine, "server": GOOD.server, "postgres": GOOD.postgres, **looks}
    if rule.startswith("server"):
        parts["server"] = Reading(value=None, taken_at=0, taken_mono=0, fault=parts["server"].fault)  # type: ignore[attr-defined]
    found = judged(health.Looks(**parts))  # type: ignore[arg-type]
    assert [(f.rule, f.severity) for f in found.findings] == [(rule, severity)]
    assert found.overall == overall
    assert all((found.findings[0].message, found.findings[0].impact, found.findings[0].remedy))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("starved", "the gateway: not measured: no CPU for 1 s"), "gateway cannot be measured: no CPU for 1 s"),
        (Fault("timeout", "gateway: not measured within 3 s"), "gateway does not answer: not measured within 3 s"),
        (Fault("refused", "nobody answers at gateway:80"), "gateway does not answer: nobody answers at gateway:80"),
    ],
)
def test_a_finding_names_its_subject_once(fault: Fault, message: str) -> None:
    parts = {"engine": GOOD.engine, "server": GOOD.server, "postgres": GOOD.postgres}
    found = judged(health.Looks(gateway=read(None, fault), **parts))  # type: ignore[arg-type]
    assert [one.message for one in found.findings] == [message]


@pytest.mark.parametrize("what", ["the AI engine", "AI engine", "engine"])
def test_whatever_a_fault_calls_the_engine_the_finding_names_it_once(what: str) -> None:
    late = health.Looks(gateway=GOOD.gateway, engine=read(None, Fault("timeout", f"{what}: not measured within 3 s")))
    assert [one.message for one in judged(late).findings] == ["engine does not answer: not measured within 3 s"]


def test_a_remedy_of_a_fault_begins_as_those_of_the_catalogue_do() -> None:
    away = Fault("refused", "nobody answers at gateway:80", "start it, or correct its address in the settings")
    found = judged(health.Looks(gateway=read(None, away), engine=GOOD.engine, server=GOOD.server))
    assert [one.remedy for one in found.findings] == ["Start it, or correct its address in the settings"]


def test_probes_that_answered_are_counted_and_not_configured_is_no_probe() -> None:
    assert (judged(GOOD).probed, judged(GOOD).answered) == (3, 3)
    half = health.Looks(gateway=read(gateway("unhealthy", 503)), engine=read(ServiceState(status="disconnected")))
    assert (judged(half).probed, judged(half).answered) == (2, 1)


def test_findings_of_other_subjects_count_and_the_worst_comes_first() -> None:
    low = Finding(rule="x", severity="low", subject="s", message="m")
    crit = Finding(rule="y", severity="critical", subject="s", message="m")
    assert judged(GOOD, others=[low]).overall == "healthy"
    assert [f.rule for f in judged(GOOD, others=[low, crit]).findings] == ["y", "x"]


@pytest.mark.parametrize(
    ("p95", "samples", "severity"), [(500, 31, None), (501, 31, "medium"), (1001, 31, "high"), (9000, 4, None)]
)
def test_latency_needs_samples_and_follows_the_contract(p95: float, samples: int, severity: str | None) -> None:
    found = latency.judge({"engine": Series(values=(p95,), p50=1, p95=p95, samples=samples)}, BARS)
    assert [f.severity for f in found] == ([severity] if severity else [])


def test_the_latency_finding_reads_as_the_screen_shows_it() -> None:
    found = latency.judge({"engine": Series(p95=840.0, samples=31)}, BARS)[0]
    assert found.message == "engine p95 840 ms is over 500 ms"
    assert (found.measured, found.threshold, found.unit, found.samples, found.window_seconds) == (
        840,
        500,
        "ms",
        31,
        600,
    )


@pytest.mark.parametrize(
    ("few", "severity", "message"),
    [
        ((20,) * 9 + (675,), "low", "1 of 10 checks of engine took 675 ms"),
        ((20, 20, 20, 700, 1500), "low", "2 of 5 checks of engine took over 500 ms, the slowest 1.5 s"),
        ((20, 20, 700, 700, 1500), "medium", "3 of 5 checks of engine took over 500 ms, the slowest 1.5 s"),
        ((20, 20, 1200, 1500, 1500), "high", "3 of 5 checks of engine took over 1.0 s, the slowest 1.5 s"),
    ],
)
def test_of_few_looks_the_slow_ones_are_counted(few: tuple[float, ...], severity: str, message: str) -> None:
    (found,) = latency.judge({"engine": Series(p50=20.0, samples=len(few), few=few)}, BARS)
    assert (found.rule, found.severity, found.message) == ("latency.few", severity, message)
    assert latency.judge({"engine": Series(p50=20.0, samples=4, few=(1.0, 2.0, 3.0, 500.0))}, BARS) == []


@pytest.mark.parametrize(
    ("looks", "signs"),
    [
        ((700.0,), ""),
        ((700.0, 690.0), "judged once 5 in a row were slow"),
        ((20.0, 20.0, 20.0, 700.0, 690.0), "judged once 5 in a row were slow"),
        ((700.0, 690.0, 20.0, 20.0, 20.0), ""),
        ((700.0, 20.0, 20.0, 20.0, 690.0), ""),
    ],
)
def test_of_few_looks_the_newest_that_are_all_slow_are_first_signs(looks: tuple[float, ...], signs: str) -> None:
    series = {"engine": Series(p50=20.0, samples=len(looks), few=tuple(sorted(looks)), latest=looks)}
    (found,) = latency.judge(series, BARS, watched=True)
    assert (found.severity, found.first_signs) == ("low", signs)
    assert found.message.endswith(signs)
    assert found.remedy.startswith("Wait for the next 3 checks: ") == bool(signs), found.remedy
    assert not any(one.first_signs for one in latency.judge(series, BARS)), "who looks once judges what there is"


def looked(*newest: float, p95: float) -> list[tuple[str, str]]:
    series = Series(p95=p95, samples=300, latest=newest)
    return [(f.rule, f.severity) for f in latency.judge({"engine": series}, BARS)]


def test_a_service_slow_in_each_of_the_last_five_looks_is_a_finding_at_once() -> None:
    assert looked(10, 700, 700, 700, 501, 700, p95=20) == [("latency.now", "medium")]
    assert looked(10, 1700, 1700, 1700, 1001, 1700, p95=20) == [("latency.now", "high")]
    assert looked(700, 700, 500, 700, 700, p95=20) == [], "one quick look in five"
    assert looked(700, 700, 700, 700, p95=20) == [], "four looks"
    series = Series(p95=20, samples=300, latest=(840.0, 820.0, 840.0, 860.0, 1900.0))
    (found,) = latency.judge({"engine": series}, BARS)
    assert found.message == "engine p50 840 ms: each of the last 5 checks took over 500 ms"
    assert (found.measured, found.threshold, found.samples) == (840, 500, 5)
    assert measured_of(found) == "840 ms, p50 of 5 checks", "the same figure as the sentence's and as the proof's"


def test_what_is_little_over_the_bar_is_written_with_the_decimals_that_tell_them_apart() -> None:
    (now,) = latency.judge({"gateway": Series(latest=(1020.0,) * 5, samples=100, p95=20.0)}, Thresholds(), watched=True)
    (few,) = latency.judge(
        {"gateway": Series(few=(10.0, 1002.0, 1020.0), samples=3)}, Thresholds(latency_good_ms=1000.0)
    )
    assert "p50 1.02 s: each of the last 5 checks took over 1.0 s" in now.message
    assert "over 1.0 s, the slowest 1.02 s" in few.message


def test_a_slow_dependency_has_one_finding_the_worse_of_the_two() -> None:
    assert looked(*[700.0] * 5, p95=800) == [("latency.p95", "medium")]
    assert looked(*[1200.0] * 5, p95=800) == [("latency.now", "high")]
    assert looked(*[700.0] * 5, p95=1200) == [("latency.p95", "high")]


def test_a_cured_service_is_no_alarm_after_fifteen_quick_looks_though_its_p95_remembers() -> None:
    assert looked(*[20.0] * 15, p95=1200) == [("latency.p95", "low")]
    assert looked(*[20.0] * 14, p95=1200) == [("latency.p95", "high")]
    assert looked(501.0, *[20.0] * 14, p95=800) == [("latency.p95", "medium")]


def server(hits: int | None, misses: int | None, own: tuple[int, int] = (0, 0), run: str = "a") -> ServerState:
    return ServerState(
        latency_ms=1, run_id=run, keyspace_hits=hits, keyspace_misses=misses, own_hits=own[0], own_misses=own[1]
    )


def track(*looks: ServerState) -> LookupTrack:
    state = LookupTrack()
    for n, look in enumerate(looks):
        state = track_lookups(state, look, n * 20.0)
    return state


def test_the_gateways_own_figure_comes_first() -> None:
    rate = hit_rate(gateway(cache=CacheMetrics(0.85, 1247)), track(server(1, 99)))
    assert rate == HitRate(0.85, FROM_GATEWAY, 1247)


def test_without_lookups_the_rate_is_unknown_not_zero() -> None:
    assert hit_rate(None, track(server(0, 0))) is None
    assert hit_rate(None, track(server(None, None))) is None
    assert hit_rate(gateway(cache=CacheMetrics(None, None)), LookupTrack()) is None
    assert find_hit_rate(None, server(0, 0), BARS) == []


def test_our_own_lookups_are_left_out_row_29() -> None:
    rate = hit_rate(None, track(server(100, 100), server(100_150, 150, (100_000, 0))))
    assert rate is not None
    assert (rate.value, rate.source) == (0.5, "redis INFO without ours, last 20 s")
    assert hit_rate(None, track(server(0, 0), server(5000, 40, (5000, 40)))) is None


def test_what_redis_counted_before_our_first_look_is_not_ours_to_judge() -> None:
    assert hit_rate(None, track(server(800, 200))) is None, "one look knows no growth"
    assert hit_rate(None, track(server(800, 200), server(810, 209))) is None, "19 look-ups are too few"
    rate = hit_rate(None, track(server(800, 200), server(810, 210)))
    assert rate is not None
    assert (rate.value, rate.samples, rate.window_seconds) == (0.5, 20, 20.0)


def counted(hits: int, misses: int) -> CacheMetrics:
    return CacheMetrics(round(hits / (hits + misses), 4), 1247, hits, misses)


def published(*looks: CacheMetrics, step: float = 20.0) -> HitRate | None:
    state = LookupTrack()
    for n, look in enumerate(looks):
        state = track_gateway(state, look, n * step)
    return hit_rate(gateway(cache=looks[-1]), LookupTrack(), state)


def test_a_gateway_that_counts_since_its_start_is_judged_by_the_last_ten_minutes() -> None:
    rate = published(counted(90_000, 10_000), counted(90_010, 10_090))
    assert rate == HitRate(0.1, "gateway, last 20 s", 1247, 100, 20.0)
    (found,) = find_hit_rate(rate, None, BARS)
    assert (found.severity, found.samples, found.window_seconds) == ("high", 100, 20.0)
    assert found.message == "hit rate 10 % is below 60 % (gateway, last 20 s)"


def test_looks_older_than_ten_minutes_no_longer_count() -> None:
    looks = [counted(1000, 1000)] + [counted(1000 + 100 * n, 1000) for n in range(1, 8)]
    rate = published(*looks, step=200.0)
    assert rate is not None
    assert (rate.value, rate.samples, rate.window_seconds) == (1.0, 300, 600.0)
    assert rate.source == "gateway, last 10 min"


def test_a_restarted_gateway_starts_its_rate_anew() -> None:
    assert published(counted(900, 100), counted(5, 15)) == HitRate(0.25, FROM_GATEWAY_LIFE, 1247, 20)
    rate = published(counted(900, 100), counted(5, 15), counted(25, 15))
    assert rate is not None
    assert (rate.value, rate.samples) == (1.0, 20)


def test_one_look_shows_the_gateways_own_figure_and_few_lookups_are_shown_but_not_judged() -> None:
    assert published(counted(600, 400)) == HitRate(0.6, FROM_GATEWAY_LIFE, 1247, 1000)
    few = published(counted(1, 18))
    assert few is not None and few.samples == 19
    assert find_hit_rate(few, None, BARS) == []
    assert [f.severity for f in find_hit_rate(published(counted(1, 19)), None, BARS)] == ["high"]
    (found,) = find_hit_rate(published(counted(13, 7)), None, BARS)
    assert found.severity == "low" and found.message.endswith("only 20 look-ups: it may be chance")
    assert [f.severity for f in find_hit_rate(published(counted(65, 35)), None, BARS)] == ["medium"]


def test_a_restarted_server_starts_the_rate_anew_row_34() -> None:
    state = track(server(900, 100, (500, 0)), server(30, 30, (510, 0), run="b"), server(60, 60, (520, 0), run="b"))
    rate = hit_rate(None, state)
    assert rate is not None
    assert rate.value == 20 / 50


def test_a_good_published_rate_and_bad_counts_of_now_are_shown_as_a_conflict_and_the_counts_decide() -> None:
    published, now = HitRate(0.9, FROM_GATEWAY), HitRate(0.28, "the gateway's counters over 2 min", None, 400)
    rules = {one.rule: one for one in find_rates(published, now, None, BARS)}
    assert {rule: one.severity for rule, one in rules.items()} == {
        "cache.hit_rate": "high",
        "cache.hit_rate_conflict": "medium",
    }
    assert "90 %" in rules["cache.hit_rate_conflict"].message and "28 %" in rules["cache.hit_rate_conflict"].message


def test_a_low_rate_since_the_start_that_has_recovered_is_no_conflict() -> None:
    found = find_rates(HitRate(0.4, FROM_GATEWAY_LIFE, None, 900), HitRate(0.9, "now", None, 400), None, BARS)
    assert [(one.rule, one.severity) for one in found] == [("cache.hit_rate", "low")]


@pytest.mark.parametrize(("value", "severity"), [(0.7, None), (0.699, "medium"), (0.6, "medium"), (0.599, "high")])
def test_the_hit_rate_is_judged_by_the_contract(value: float, severity: str | None) -> None:
    found = find_hit_rate(HitRate(value, "gateway"), None, BARS)
    assert [f.severity for f in found] == ([severity] if severity else [])


def test_a_rate_nobody_may_measure_is_a_finding_with_its_remedy_row_40() -> None:
    denied = ServerState(latency_ms=1, info_fault=Fault("denied", "INFO is not allowed for user observer", "+info"))
    found = find_hit_rate(None, denied, BARS)[0]
    assert (found.rule, found.severity, found.remedy) == ("cache.hit_rate_unknown", "medium", "+info")
    assert find_hit_rate(HitRate(0.9, "gateway"), denied, BARS) == []


def cached(keys: int, without: int = 0, coherence: int = 0, complete: bool = True) -> CacheReport:
    totals = GroupTotals(
        kind=b"\x1bkind", tenant=None, keys=keys, without_ttl=without, bytes_used=None, bytes_exact=False, histogram=()
    )
    return CacheReport(
        kinds=(KindTotals(totals, ()),),
        keys=keys,
        coherence_keys=coherence,
        coverage=Coverage(keys, keys, complete),
        version=1,
    )


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (cached(0), []),
        (cached(1000, coherence=500), []),
        (cached(99, coherence=0), []),
        (cached(99, coherence=99), []),
        (cached(30, coherence=29), []),
        (cached(1001, coherence=500), [("cache.large", "low")]),
        (cached(10, 3, 5), [("cache.no_ttl", "low")]),
        (cached(100, coherence=9), [("coherence.low_coverage", "medium")]),
        (cached(100, coherence=10), []),
        (cached(100, coherence=81), [("coherence.high_overhead", "medium")]),
        (cached(100, coherence=0, complete=False), []),
    ],
)
def test_cache_keys_are_judged_by_the_contract(report: CacheReport, expected: list[tuple[str, str]]) -> None:
    found = cache.judge(report, BARS).findings
    assert [(f.rule, f.severity) for f in found] == expected
    assert all(f.message.isprintable() for f in found)


def feed_rules(status: FeedStatus | None, mono: float = 100.0) -> list[str]:
    return [f.rule for f in events.judge(status, mono=mono)]


def test_the_feed_is_judged_by_its_link_not_by_its_silence() -> None:
    assert feed_rules(None) == []
    assert feed_rules(FeedStatus(state="connecting")) == []
    assert feed_rules(FeedStatus(state="live", verified_mono=99.0, last_event_mono=90.0)) == []
    assert feed_rules(FeedStatus(state="live", verified_mono=96.0)) == ["feed.down"]
    assert feed_rules(FeedStatus(state="down")) == ["feed.down"]
    assert feed_rules(FeedStatus(state="denied")) == ["feed.denied"]
    assert feed_rules(FeedStatus(state="live", verified_mono=99.0, dropped=2)) == ["feed.dropped"]


def test_ten_minutes_without_an_event_is_said_with_the_links_state_row_65() -> None:
    status = FeedStatus(state="live", verified_mono=999.0, last_event_mono=1000.0 - 601)
    found = events.judge(status, mono=1000.0)
    assert found[0].message == "last event 10 min ago, link verified 1.0 s ago"
    assert found[0].severity == "low"


def test_only_a_missing_right_is_unmeasured_an_outage_is_not_row_40() -> None:
    assert find_unmeasured("rate limits", Fault("refused", "x"), rule="limits.unmeasured") == []
    found = find_unmeasured("rate limits", Fault("denied", "SCAN is not allowed", "+scan"), rule="limits.unmeasured")
    assert (found[0].severity, found[0].remedy) == ("medium", "+scan")


F = Finding(rule="r", severity="high", subject="s", message="m")


def test_an_episode_keeps_its_beginning_and_flapping_is_one_episode() -> None:
    state, first = episodes.track(episodes.NO_EPISODES, [F], 1000.0, 0.0)
    state, second = episodes.track(state, [F], 1002.0, 2.0)
    state, gone = episodes.track(state, [], 1004.0, 4.0)
    state, back = episodes.track(state, [F], 1030.0, 30.0)
    assert [f.since for f in (*first, *second, *back)] == [1000.0] * 3
    assert gone == ()
    state, _ = episodes.track(state, [], 1100.0, 100.0)
    assert state == {}
    _, later = episodes.track(state, [F], 1102.0, 102.0)
    assert later[0].since == 1102.0


def test_a_clock_set_anew_ends_no_episode_row_28() -> None:
    state, _ = episodes.track(episodes.NO_EPISODES, [F], 1000.0, 0.0)
    _, after = episodes.track(state, [F], 1000.0 - 3600, 2.0)
    assert after[0].since == 1000.0


def test_another_subject_is_another_episode() -> None:
    state, _ = episodes.track(episodes.NO_EPISODES, [F], 1000.0, 0.0)
    other = Finding(rule="r", severity="high", subject="other", message="m")
    _, found = episodes.track(state, [F, other], 1010.0, 10.0)
    assert [f.since for f in found] == [1000.0, 1010.0]


def test_what_was_proved_to_have_ended_and_comes_again_does_not_have_its_old_beginning() -> None:
    past = structs.replace(F, severity="low", message="past: m", proved_seconds=45.0)
    state, _ = episodes.track(episodes.NO_EPISODES, [F], 1000.0, 0.0)
    state, soon = episodes.track(state, [past], 1010.0, 10.0)
    state, flapped = episodes.track(state, [F], 1020.0, 20.0)
    assert soon[0].since == flapped[0].since == 1000.0, "it truly went on: flapping is one episode"
    for second in range(30, 100, 10):
        state, (ended,) = episodes.track(state, [past], 1000.0 + second, float(second))
        assert ended.since == 1000.0
    state, again = episodes.track(state, [F], 1100.0, 100.0)
    assert again[0].since == 1100.0
    _, on = episodes.track(state, [F], 1110.0, 110.0)
    assert on[0].since == 1100.0


def test_what_is_past_stays_past_until_something_new_comes() -> None:
    """Few requests after the remedy decided nothing, and the old refusals became an alarm again."""
    past = structs.replace(F, severity="low", message="past: m; none of the last 73", ended="none of the last 73")
    quiet = structs.replace(F, proved_seconds=24.0)
    state, (first,) = episodes.track(episodes.NO_EPISODES, [quiet], 1000.0, 0.0)
    assert first.severity == F.severity, "it was never told as past"
    state, _ = episodes.track(state, [past], 1010.0, 10.0)
    for second in (20, 30):
        state, (still,) = episodes.track(state, [quiet], 1000.0 + second, float(second))
        assert (still.severity, still.message) == ("low", "past: m; not again in the last 24 s")
    state, (again,) = episodes.track(state, [F], 1040.0, 40.0)
    assert again.severity == F.severity
    _, (on,) = episodes.track(state, [quiet], 1050.0, 50.0)
    assert on.severity == F.severity, "it came again since it was past"


def test_what_is_past_has_the_figures_of_its_worst_however_its_window_slides() -> None:
    """A window forgets: 507 refusals became 372 and looked like a repair."""

    def refused(count: int, share: float) -> Finding:
        words = f"{count} requests of acme were refused (429)"
        return Finding(rule="limits.refused", severity="high", subject="acme", message=words, measured=share,
                       threshold=0.1, unit="share", samples=count)  # fmt: skip

    state, _ = episodes.track(episodes.NO_EPISODES, [refused(507, 0.47)], 1000.0, 0.0)
    state, (less,) = episodes.track(state, [refused(430, 0.44)], 1002.0, 2.0)
    assert less.message.startswith("430"), "while it lasts, the present figure"
    for second, count in ((4.0, 372), (30.0, 81)):
        past = latency.as_past(refused(count, 0.4), "none of the last 60 requests (24 s)")
        state, (told,) = episodes.track(state, [past], 1000.0 + second, second)
        assert told.message == f"past: {refused(507, 0.47).message}; none of the last 60 requests (24 s)"
    state, (again,) = episodes.track(state, [refused(33, 0.2)], 1050.0, 50.0)
    assert again.message.startswith("33")
    _, (told,) = episodes.track(state, [latency.as_past(refused(20, 0.2), "none")], 1052.0, 52.0)
    assert told.message == f"past: {refused(33, 0.2).message}; none", "another trouble"


@pytest.mark.parametrize("number", [5, 6, 30])
def test_five_slow_checks_in_a_row_are_judged_at_once_however_few_were_made(number: int) -> None:
    """A note said "judged once 5 in a row were slow", and six were only "seen in one window so far"."""
    looks = (700.0,) * number
    series = Series(p50=700.0, p95=700.0, samples=number, few=looks if number < 20 else (), latest=looks)
    found = latency.judge({"engine": series}, BARS, watched=True)
    _, (shown,) = steady(NO_STATE, found, 0.0, lambda _: False)
    assert (shown.rule, shown.severity, shown.first_signs) == ("latency.now", "medium", "")


def test_first_signs_of_few_checks_name_both_what_judges_them_and_when() -> None:
    looks = (20.0, 20.0, 700.0, 700.0, 700.0)
    series = {"engine": Series(p50=700.0, samples=5, few=tuple(sorted(looks)), latest=looks)}
    state, (note,) = steady(NO_STATE, latency.judge(series, BARS, watched=True), 0.0, lambda _: False, 1_000.0)
    assert note.severity == "low" and note.first_signs == "judged at 00:16:50"
    assert note.message.endswith("; judged once 5 in a row were slow, or at 00:16:50")
    _, (shown,) = steady(state, latency.judge(series, BARS, watched=True), 10.0, lambda _: False, 1_010.0)
    assert shown.severity == "medium" and "judged" not in shown.message and not shown.first_signs
