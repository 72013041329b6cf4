"""What is said, and how often: the alert reducer over invented reports, on clocks that the test moves."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optimus_tui.contract.findings import SEVERITIES, AlertEpisode, Finding, Mute, Notice
from optimus_tui.contract.reading import Fault, Reading
from optimus_tui.contract.services import GatewayState, HealthReport, HitRate, ServerState, ServiceState
from optimus_tui.settings.files import check_file
from optimus_tui.settings.table import SettingsError
from optimus_tui.verdicts import alerts
from optimus_tui.verdicts.alert_history import MAX_EPISODES, merge
from optimus_tui.verdicts.alerts import (
    HOLD_SECONDS,
    LONGEST_WINDOW_HOLD,
    SETTLE_SECONDS,
    in_force,
    unjudged,
)

CHAT = "clinic_b / chat"
WALL = 1_795_000_000.0


def found(rule: str = "limits.over", severity: str = "high", subject: str = CHAT, **more: Any) -> Finding:
    fields: dict[str, Any] = {"message": f"{subject} has used up its limit: 150 of 150", **more}
    return Finding(rule=rule, severity=severity, subject=subject, **fields)  # type: ignore[arg-type]


OVER, NEAR = found(), found("limits.near", "low")
IMMORTAL = found("limits.immortal", "critical", message=f"{CHAT} never resets: its counter has no TTL")
LARGE = found("cache.large", "medium", "cache keys")


class Watch:
    """A reducer with its clocks: ``see`` is one report, two seconds after the one before."""

    def __init__(self, *first: Finding, settle: bool = True) -> None:
        self.state, self.mono, self.wall = alerts.Alerts(), 1000.0, WALL
        self.mutes: dict[tuple[str, str], Mute] = {}
        self.blind: Callable[[Finding], bool] = lambda _: False
        self.first: tuple[Notice, ...] = ()
        if settle:
            self.see(*first)
            self.first = self.see(*first, after=SETTLE_SECONDS)

    def see(self, *findings: Finding, after: float = 2.0) -> tuple[Notice, ...]:
        self.mono, self.wall = self.mono + after, self.wall + after
        self.state, notices = alerts.step(
            self.state, findings, now=self.wall, mono=self.mono, unjudged=self.blind, mutes=self.mutes
        )
        return notices

    def kinds(self, *findings: Finding, after: float = 2.0) -> list[str]:
        return [notice.kind for notice in self.see(*findings, after=after)]

    def mute(self, finding: Finding, seconds: float | None = 900.0) -> Mute:
        until = None if seconds is None else self.wall + seconds
        one = Mute(
            rule=finding.rule, subject=finding.subject, reason="r", severity=finding.severity, at=self.wall, until=until
        )
        self.mutes[one.rule, one.subject] = one
        return one


# -- once an episode


def test_a_finding_is_said_once_however_often_it_is_judged() -> None:
    watch = Watch()
    assert watch.kinds(OVER) == ["appeared"]
    assert [watch.kinds(OVER) for _ in range(200)] == [[]] * 200
    assert len(watch.state.held) == 1 and watch.state.ended == ()


def test_what_stands_at_the_first_look_is_said_together_and_not_again() -> None:
    watch = Watch(settle=False)
    assert watch.kinds(OVER) == []
    assert watch.kinds(OVER, LARGE) == []
    assert watch.kinds(IMMORTAL, LARGE, after=SETTLE_SECONDS) == ["standing", "standing"]
    assert watch.kinds(IMMORTAL, LARGE) == []


def test_the_worst_is_said_first_and_what_cleared_last() -> None:
    watch = Watch(LARGE)
    watch.see(after=1)
    notices = watch.see(OVER, found("services.engine", "critical", "engine"), after=HOLD_SECONDS + 2)
    assert [(one.kind, one.severity) for one in notices] == [
        ("appeared", "critical"), ("appeared", "high"), ("cleared", "medium"),
    ]  # fmt: skip


def test_flapping_within_the_hold_time_is_silent_and_counted() -> None:
    watch = Watch()
    watch.see(OVER)
    for _ in range(10):
        assert watch.kinds(after=1) == []
        assert watch.kinds(OVER, after=HOLD_SECONDS - 1) == []
    (held,) = watch.state.held.values()
    assert held.episode.back == 10


def test_a_counter_that_fills_anew_in_each_window_is_one_episode() -> None:
    watch = Watch()
    full = found(window_seconds=60.0)
    said = [*watch.see(full)]
    for _ in range(20):
        said += watch.see(full, after=15)
        said += watch.see(after=1)
        said += watch.see(after=44)
        said += watch.see(full, after=1)
    assert [one.kind for one in said] == ["appeared"]
    assert watch.kinds(after=2) == []
    assert watch.kinds(after=min(60.0, LONGEST_WINDOW_HOLD) + HOLD_SECONDS) == ["cleared"]


def test_what_cleared_and_comes_again_is_a_new_episode() -> None:
    watch = Watch(OVER)
    watch.see()
    assert watch.kinds(after=HOLD_SECONDS) == ["cleared"]
    assert watch.kinds(after=1) == []
    assert watch.kinds(OVER) == ["appeared"]
    assert len(watch.state.ended) == 1 and watch.state.ended[0].end == "cleared"


def test_a_worsening_is_said_once_a_level() -> None:
    watch = Watch()
    medium, high = found("latency.now", "medium", "engine"), found("latency.p95", "high", "engine")
    assert watch.kinds(medium) == ["appeared"]
    assert watch.kinds(high) == ["worsened"]
    assert [watch.kinds(one) for one in (medium, high, medium, high)] == [[]] * 4


@pytest.mark.parametrize(("first", "then", "rings"), [("medium", "high", False), ("high", "critical", True)])
def test_the_bell_is_for_the_first_word_and_for_what_becomes_critical(first: str, then: str, rings: bool) -> None:
    watch = Watch()
    (notice,) = watch.see(found(severity=first))
    assert notice.rings
    (notice,) = watch.see(found(severity=then))
    assert notice.kind == "worsened" and notice.rings is rings


def test_a_low_finding_is_kept_and_says_nothing_until_it_is_more_and_then_it_is_new_to_the_reader() -> None:
    watch = Watch()
    assert watch.kinds(NEAR) == []
    (notice,) = watch.see(OVER)
    assert notice.kind == "appeared" and notice.rings
    assert len(watch.state.held) == 1, "near and over are one trouble of one counter"
    quiet = Watch(NEAR)
    assert quiet.first == () and quiet.kinds() == []
    assert quiet.kinds(after=HOLD_SECONDS + 1) == [], "what was never said is not called cleared"
    assert quiet.state.ended[0].finding == NEAR


def test_the_worst_value_is_kept_in_either_direction() -> None:
    watch = Watch()
    for value in (60.0, 90.0, 70.0):
        watch.see(found("latency.p95", "high", "engine", measured=value, threshold=50.0))
    for value in (0.5, 0.2, 0.4):
        watch.see(found("cache.hit_rate", "high", "hit rate", measured=value, threshold=0.6))
    kept = {one.finding.rule: one.episode.finding.measured for one in watch.state.held.values()}
    assert kept["cache.hit_rate"] == 0.2
    assert watch.state.held["latency", "engine"].episode.finding.measured == 90.0


# -- many at once


def many(rule: str, count: int) -> Finding:
    return found(rule, "high", "several counters", measured=float(count), threshold=0.0, unit="counters")


def test_single_findings_that_become_one_sum_are_not_called_cleared_nor_said_again() -> None:
    watch = Watch()
    singles = [found(subject=f"t{i} / chat") for i in range(5)]
    assert watch.kinds(*singles) == ["appeared"] * 5
    assert watch.kinds(many("limits.over", 6)) == []
    assert {one.end for one in watch.state.ended} == {"continued"}
    assert watch.kinds(*singles[:4]) == []
    assert watch.kinds(after=1) == []
    assert watch.kinds(after=HOLD_SECONDS + 1) == ["cleared"] * 4


def test_a_tenant_that_is_called_several_tenants_hides_no_other() -> None:
    watch = Watch()
    named = found("limits.tenant_share", subject="several tenants", measured=16.0, threshold=15.0)
    other = found("limits.tenant_share", subject="acme", measured=20.0, threshold=15.0)
    assert watch.kinds(named) == ["appeared"]
    assert watch.kinds(named, other) == ["appeared"]
    watch.see(named)
    assert watch.kinds(named, after=HOLD_SECONDS + 1) == ["cleared"]


# -- blind


def test_a_blind_source_clears_nothing_and_says_nothing() -> None:
    watch = Watch(OVER)
    watch.blind = lambda finding: finding.rule.startswith("limits")
    assert [watch.kinds(after=60) for _ in range(60)] == [[]] * 60
    (held,) = watch.state.held.values()
    assert held.episode.blind and held.episode.seen < watch.wall - 3000
    watch.blind = lambda _: False
    assert watch.kinds(OVER) == []
    (held,) = watch.state.held.values()
    assert not held.episode.blind and held.episode.back == 0, "being blind is not flapping"


def test_after_blindness_the_hold_time_runs_anew_before_it_has_cleared() -> None:
    watch = Watch(OVER)
    watch.blind = lambda _: True
    watch.see(after=3600)
    watch.blind = lambda _: False
    assert watch.kinds(after=1) == []
    assert watch.kinds(after=HOLD_SECONDS) == ["cleared"]


def look(value: Any, fault: Fault | None = None) -> Reading[Any]:
    return Reading(value=value, taken_at=WALL, taken_mono=1.0, fault=fault)


DOWN = Fault("refused", "nobody answers")
SEEING = HealthReport(
    gateway=look(GatewayState(service=ServiceState(status="healthy", status_code=200))),
    engine=look(ServiceState(status="connected", status_code=200)),
    server=look(ServerState(latency_ms=1.0, run_id="r")),
    hit_rate=HitRate(0.9, "gateway", 10, 100, 60.0),
)


@pytest.mark.parametrize(
    ("finding", "blinding"),
    [
        (found("latency.p95", subject="engine"), {"engine": look(ServiceState(status="disconnected"), DOWN)}),
        (found("latency.now", subject="redis"), {"server": look(None, DOWN)}),
        (found("cache.hit_rate", subject="hit rate"), {"hit_rate": None}),
        (found("cache.hit_rate", subject="hit rate"), {"hit_rate": HitRate(0.9, "gateway", 10, 3, 60.0)}),
        (OVER, {"server": look(None, DOWN)}),
        (OVER, {"findings": (found("limits.unmeasured", subject="rate limits"),)}),
        (OVER, {"findings": (found("limits.partial", subject="rate limits"),)}),
        (found("server.refuses_writes", subject="redis"), {"server": look(None, DOWN)}),
        (found("server.replica_link", subject="redis"), {"findings": (found("server.info_unknown", subject="redis"),)}),
        (found("server.memory", subject="redis"), {"findings": (found("server.info_senseless", subject="redis"),)}),
        (found("errors.rate", subject="gateway"), {"findings": (found("metrics.several_processes"),)}),
        (LARGE, {"findings": (found("cache.unmeasured", subject="cache keys"),)}),
        (found("feed.dropped", subject="coherence feed"), {"findings": (found("feed.down"),)}),
        (found("events.flood", subject="coherence feed"), {"findings": (found("feed.denied"),)}),
    ],
    ids=lambda one: one.rule if isinstance(one, Finding) else "",
)
def test_without_its_source_a_finding_cannot_be_judged(finding: Finding, blinding: dict[str, Any]) -> None:
    assert not unjudged(SEEING)(finding)
    fields = {name: getattr(SEEING, name) for name in SEEING.__struct_fields__}
    assert unjudged(HealthReport(**{**fields, **blinding}))(finding)


def test_an_engine_that_answers_again_has_cleared_though_others_are_blind() -> None:
    down = HealthReport(server=look(None, DOWN))
    assert not unjudged(down)(found("services.engine", subject="engine"))


# -- clocks


@pytest.mark.parametrize("jump", [-86_400.0, -3600.0, 3600.0, 86_400.0])
def test_a_wall_clock_that_is_set_anew_begins_ends_and_repeats_nothing_row_28(jump: float) -> None:
    watch = Watch(OVER)
    watch.wall += jump
    assert watch.kinds(OVER) == []
    assert watch.kinds(after=1) == []
    watch.wall -= 2 * jump
    assert watch.kinds(OVER) == []
    (held,) = watch.state.held.values()
    assert held.episode.lasted == pytest.approx(SETTLE_SECONDS + 5)
    watch.see()
    assert watch.kinds(after=HOLD_SECONDS) == ["cleared"]


# -- mutes


def test_a_muted_finding_says_nothing_neither_comes_nor_goes() -> None:
    watch = Watch()
    watch.mute(OVER)
    assert watch.kinds(OVER) == []
    assert watch.kinds(after=1) == []
    assert watch.kinds(after=HOLD_SECONDS + 1) == []
    assert watch.state.ended[0].end == "cleared"


def test_a_mute_is_for_one_rule_and_one_subject() -> None:
    watch = Watch()
    watch.mute(OVER)
    assert watch.kinds(OVER, found(subject="clinic_b / export"), LARGE) == ["appeared", "appeared"]


def test_a_mute_ends_by_itself_and_what_still_stands_is_said_again() -> None:
    watch = Watch(OVER)
    watch.mute(OVER, 900)
    assert watch.kinds(OVER, after=890) == []
    (notice,) = watch.see(OVER, after=20)
    assert notice.kind == "still" and notice.rings
    assert watch.kinds(OVER) == []


def test_a_muted_medium_that_becomes_critical_is_said_again_and_once() -> None:
    watch = Watch()
    medium = found("services.gateway", "medium", "gateway")
    critical = found("services.gateway", "critical", "gateway")
    watch.mute(medium)
    assert watch.kinds(medium) == []
    (notice,) = watch.see(critical)
    assert notice.kind == "worsened" and notice.rings
    assert [watch.kinds(one) for one in (medium, critical, medium, critical)] == [[]] * 4


def test_a_muted_critical_is_silent_and_a_muted_medium_that_becomes_high_too() -> None:
    watch = Watch()
    watch.mute(IMMORTAL)
    watch.mute(found("latency.p95", "medium", "engine"))
    assert watch.kinds(IMMORTAL, found("latency.p95", "high", "engine")) == []


def test_a_mute_lifted_by_hand_is_not_answered_with_an_alarm() -> None:
    watch = Watch(OVER)
    one = watch.mute(OVER)
    watch.see(OVER)
    watch.mutes.clear()
    watch.state = alerts.forget_mute(watch.state, one)
    assert watch.kinds(OVER) == []


def test_a_mute_until_it_clears_ends_when_it_has_cleared_and_not_while_a_start_still_looks() -> None:
    watch = Watch(OVER)
    watch.mute(OVER, None)
    assert watch.kinds(OVER, after=86_400) == []
    assert alerts.outlived(watch.state, watch.mutes, watch.mono) == ()
    assert watch.kinds(NEAR, after=60) == []
    assert alerts.outlived(watch.state, watch.mutes, watch.mono) == (), "near is the same trouble"
    watch.see()
    watch.see(after=HOLD_SECONDS)
    assert alerts.outlived(watch.state, watch.mutes, watch.mono) == tuple(watch.mutes.values())
    fresh = Watch()
    assert alerts.outlived(fresh.state, watch.mutes, fresh.mono) == ()
    fresh.see(after=HOLD_SECONDS)
    assert alerts.outlived(fresh.state, watch.mutes, fresh.mono) == tuple(watch.mutes.values())


@pytest.mark.parametrize(("jump", "said"), [(3600.0, True), (-600.0, True), (-30.0, False), (30.0, False)])
def test_a_clock_that_is_set_ends_a_mute_sooner_and_never_later_row_28(jump: float, said: bool) -> None:
    watch = Watch(OVER)
    watch.mute(OVER, 900)
    watch.see(OVER)
    watch.wall += jump
    assert bool(watch.see(OVER)) is said


def test_of_two_mutes_the_later_one_holds() -> None:
    watch = Watch()
    first = watch.mute(OVER, 28_800)
    watch.wall += 10
    second = watch.mute(OVER, 900)
    assert in_force([second, first], watch.wall) == {(OVER.rule, OVER.subject): second}


# -- the history


def episode(since: float, seen: float, **more: Any) -> AlertEpisode:
    return AlertEpisode(**{"finding": OVER, "severity": "high", "since": since, "seen": seen, **more})


def test_two_watchers_of_one_trouble_make_one_episode() -> None:
    mine = episode(WALL, WALL + 60, lasted=60.0, end="cleared", back=1)
    theirs = episode(WALL - 100, WALL + 55, lasted=155.0)
    (one,) = merge([mine], [theirs])
    assert (one.since, one.seen, one.lasted, one.end, one.back) == (WALL - 100, WALL + 60, 155.0, "cleared", 1)
    assert merge([one], [mine], [theirs]) == (one,)


@pytest.mark.parametrize("end", ["", "cleared"])
def test_a_clock_that_was_set_back_makes_no_second_episode_and_the_later_state_counts_row_28(end: Any) -> None:
    kept = episode(WALL, WALL + 8, lasted=8.0)
    now = episode(WALL, WALL - 3560, lasted=40.0, end=end)
    assert merge([now], [kept]) == merge([kept], [now]) == (now,)


def test_a_later_trouble_of_the_same_name_stays_its_own_and_the_newest_is_first() -> None:
    early, late = episode(WALL, WALL + 60, end="cleared"), episode(WALL + 120, WALL + 130)
    assert merge([early, late]) == (late, early)


def test_the_history_does_not_grow_without_end() -> None:
    rows = [episode(WALL + 100 * i, WALL + 100 * i + 1, end="cleared") for i in range(MAX_EPISODES + 50)]
    kept = merge(rows)
    assert len(kept) == MAX_EPISODES and kept[0] == rows[-1]


# -- whatever comes


ANY = st.builds(
    found,
    st.sampled_from(["limits.over", "limits.near", "limits.immortal", "cache.large", "latency.now", "latency.p95"]),
    st.sampled_from(SEVERITIES),
    st.sampled_from([CHAT, "engine", "several counters"]),
    threshold=st.sampled_from([0.0, 1.0, None, "x"]),
    measured=st.sampled_from([0.0, 2.0, None, "y"]),
)
STEPS = st.lists(st.tuples(st.lists(ANY, max_size=4), st.sampled_from([0.5, 2.0, 31.0, 200.0]), st.booleans()))


@given(STEPS)
def test_between_two_words_of_one_trouble_it_was_worse_or_gone_whatever_comes(steps: Any) -> None:
    watch = Watch()
    told: dict[tuple[str, str], int] = {}
    for findings, after, blind in steps:
        watch.blind = lambda _, blind=blind: blind  # type: ignore[misc]
        before = set(watch.state.held)
        for notice in watch.see(*findings, after=after):
            key = alerts.key_of(notice.finding)
            level = SEVERITIES.index(notice.severity)
            if notice.kind == "cleared":
                assert not blind and key in before
                told.pop(key, None)
            else:
                assert level >= 1 and level > told.get(key, -1)
                told[key] = level
        told = {key: level for key, level in told.items() if key in watch.state.held}


@pytest.mark.parametrize("wrong", ["loud", "", 1, True])
def test_a_bell_that_is_none_of_the_three_is_named_with_those_that_are(wrong: object) -> None:
    for good in ("unfocused", "always", "never"):
        check_file({"bell": good, "env": {"prod": {"bell": good}}}, "optimus.toml")
    with pytest.raises(SettingsError, match=r"^optimus.toml: bell must be "):
        check_file({"bell": wrong}, "optimus.toml")
