"""What a restart that was done from here does to alerts: it is named, and it is no alarm for a bounded time."""

from msgspec import structs

from optimus_tui.contract.finding_causes import EFFECT_SECONDS, FILLING_SECONDS, RESTART, effect_seconds
from optimus_tui.contract.finding_rules import (
    BREAKER_OPEN,
    CACHE_BULK,
    CACHE_HIT_RATE,
    ERRORS_RATE,
    LATENCY_P95,
    LIMITS_OVER,
    SERVICES_ENGINE,
    SERVICES_FLAPPING,
)
from optimus_tui.contract.findings import Finding, Notice, Severity
from optimus_tui.verdicts import alerts
from optimus_tui.verdicts.own_acts import OwnAct, act_behind
from optimus_tui.verdicts.side_effects import found_lately, side_effects


def found(rule: str, subject: str, severity: Severity = "high", window: float | None = None) -> Finding:
    return Finding(rule=rule, severity=severity, subject=subject, message=f"{subject} is bad", window_seconds=window)


DOWN = found(SERVICES_ENGINE, "engine", "critical")
FAILING = found(ERRORS_RATE, "gateway", window=60.0)
CIRCUIT = found(BREAKER_OPEN, "ai_engine")
FULL = found(LIMITS_OVER, "acme / chat")


class Watch:
    """A reducer that has settled, with clocks that only ``see`` moves."""

    def __init__(self, *first: Finding) -> None:
        self.mono, self.state, self.acts = 0.0, alerts.Alerts(), list[OwnAct]()
        self.see(*first)
        self.see(*first, after=10.0)

    def see(self, *findings: Finding, after: float = 2.0) -> list[Notice]:
        self.mono += after
        self.state, said = alerts.step(self.state, findings, now=1e9 + self.mono, mono=self.mono, acts=self.acts)
        return list(said)

    def kinds(self, *findings: Finding, after: float = 2.0) -> list[str]:
        return [one.kind for one in self.see(*findings, after=after)]

    def restart(self, service: str = "engine") -> None:
        self.act(RESTART, service)

    def act(self, kind: str, subject: str, *, ago: float = 0.0) -> None:
        wall = 1e9 + self.mono - ago
        before = found_lately(self.state, wall)
        self.acts.append(OwnAct(kind=kind, subject=subject, began=wall, ended=wall, mono=self.mono, before=before))

    def expected(self) -> set[tuple[str, str]]:
        return set(side_effects(self.state, self.acts, self.mono))


def test_what_follows_from_a_restart_is_told_once_as_that_and_rings_no_bell() -> None:
    watch = Watch()
    watch.restart()
    said = watch.see(DOWN, FAILING, CIRCUIT)
    assert {one.kind for one in said} == {"expected"} and not any(one.rings for one in said)
    assert watch.expected() == {(one.rule, one.subject) for one in (DOWN, FAILING, CIRCUIT)}
    assert watch.kinds(DOWN, FAILING, CIRCUIT) == []
    assert watch.kinds(FAILING, after=10.0) == []
    assert watch.kinds(after=400.0) == [], "what was no alarm is not called cleared"


def test_what_lasts_longer_than_a_restart_takes_is_an_alarm_once() -> None:
    watch = Watch()
    watch.restart()
    assert watch.kinds(DOWN) == ["expected"]
    assert watch.kinds(DOWN, after=EFFECT_SECONDS - 5.0) == []
    assert watch.kinds(DOWN, after=6.0) == ["overdue"]
    assert watch.expected() == set() and watch.kinds(DOWN) == []
    watch.see(after=1.0)
    assert watch.kinds(after=alerts.HOLD_SECONDS + 1.0) == ["cleared"]


def test_figures_that_reach_back_to_the_restart_may_last_as_long_as_they_do() -> None:
    watch = Watch()
    watch.restart()
    assert watch.kinds(FAILING, after=20.0) == ["expected"]
    (effect,) = side_effects(watch.state, watch.acts, watch.mono).values()
    assert effect.until == watch.acts[0].ended + 150.0
    for window in (20.0, 95.0, 10.0):
        assert watch.kinds(structs.replace(FAILING, window_seconds=window), after=40.0) == []
        (again,) = side_effects(watch.state, watch.acts, watch.mono).values()
        assert again.until == effect.until, "what was promised holds until then, however the window changes"
    assert watch.kinds(FAILING, after=15.0) == ["overdue"]


def test_a_window_of_minutes_excuses_its_figures_while_it_reaches_back_and_no_longer() -> None:
    for since_act, window, seconds in (
        (20, 45, 150),
        (20, 220, 300),
        (299, 300, 300),
        (301, 300, 150),
        (900, 900, 150),
    ):
        assert effect_seconds(LATENCY_P95, float(window), float(since_act)) == seconds


def test_only_what_can_follow_from_the_restart_of_that_service_is_expected() -> None:
    watch = Watch()
    watch.restart("postgres")
    assert watch.kinds(CIRCUIT, FULL) == ["appeared", "appeared"]
    assert act_behind(DOWN, watch.acts, watch.mono) is not None, "the engine needs postgres"
    watch = Watch()
    watch.restart()
    assert watch.kinds(FULL) == ["appeared"] and watch.expected() == set()


def test_an_alarm_from_before_the_restart_stays_what_it_is() -> None:
    watch = Watch()
    assert watch.kinds(DOWN) == ["appeared"]
    watch.restart()
    assert watch.kinds(DOWN) == [] and watch.expected() == set()
    watch.see(after=1.0)
    assert watch.kinds(after=alerts.HOLD_SECONDS + 1.0) == ["cleared"]


def test_a_second_restart_is_told_anew_and_an_old_one_explains_nothing() -> None:
    watch = Watch()
    watch.restart()
    assert watch.kinds(DOWN) == ["expected"]
    watch.see(after=1.0)
    watch.see(after=alerts.HOLD_SECONDS + 1.0)
    assert watch.kinds(DOWN) == ["appeared"]
    watch = Watch()
    watch.restart()
    watch.see(DOWN)
    watch.restart()
    assert watch.kinds(DOWN) == ["expected"]


def test_what_began_before_the_restart_or_follows_from_an_older_trouble_is_not_called_its_effect() -> None:
    slow = found(LATENCY_P95, "engine")
    route = structs.replace(found(LATENCY_P95, "route /chat", window=60.0), caused_by=(slow.rule, slow.subject))
    other = structs.replace(route, subject="route /export")
    watch = Watch()
    watch.see(slow, route)
    watch.restart()
    assert watch.kinds(slow, route, other) == [] and watch.expected() == set()
    worse = structs.replace(slow, severity="critical")
    assert watch.kinds(worse, route) == ["expected"] and watch.expected() == {(slow.rule, slow.subject)}


def test_what_only_got_worse_with_a_restart_is_no_alarm_meanwhile_and_is_not_called_its_effect() -> None:
    note = found(LATENCY_P95, "route /chat", "low", window=60.0)
    watch = Watch()
    watch.see(note)
    watch.see(note)
    watch.restart()
    assert watch.kinds(structs.replace(note, severity="high")) == [] and watch.expected() == set()
    assert watch.kinds(structs.replace(note, severity="high"), after=155.0) == ["overdue"]


def test_what_is_again_as_bad_as_it_was_before_the_restart_is_that_alarm_again() -> None:
    slow = found(LATENCY_P95, "engine", "medium", window=60.0)
    watch = Watch(slow)
    watch.restart()
    assert watch.kinds(structs.replace(slow, severity="high")) == ["expected"] and len(watch.expected()) == 1
    assert watch.kinds(slow) == [] and watch.expected() == set()


def test_what_was_found_before_the_restart_is_no_effect_of_it_though_it_went_away_meanwhile() -> None:
    route = found(LATENCY_P95, "route /api/conversations", window=60.0)
    watch = Watch(route)
    watch.see(after=1.0)
    watch.see(after=alerts.HOLD_SECONDS + 61.0)
    watch.restart()
    assert watch.kinds(route, after=5.0) == [] and watch.expected() == set(), "no alarm yet, and not to blame on it"


def test_failed_checks_of_before_the_restart_are_not_called_its_effect() -> None:
    failed = structs.replace(found(SERVICES_FLAPPING, "engine"), caused_by=(DOWN.rule, DOWN.subject))
    watch = Watch()
    watch.see(DOWN, failed)
    watch.restart()
    watch.see(structs.replace(failed, caused_by=None, severity="critical"))
    assert watch.expected() == set()


def test_a_cache_that_was_cleared_from_here_fills_again_and_is_no_alarm_meanwhile() -> None:
    low, bulk = found(CACHE_HIT_RATE, "hit rate", window=30.0), found(CACHE_BULK, "bulk invalidations")
    watch = Watch()
    watch.act("invalidate_tenant", "clinic_a")
    assert sorted(watch.kinds(low, bulk, FULL)) == ["appeared", "appeared", "expected"]
    assert watch.expected() == {(low.rule, low.subject)}, "who drops answers again and again is somebody else"
    effect = side_effects(watch.state, watch.acts, watch.mono)[low.rule, low.subject]
    assert effect.until == effect.act.ended + FILLING_SECONDS + 30.0 and effect.act.subject == "clinic_a"
    for kind in ("repair_counter", "reset_counters", "expire_no_ttl", "block-client", "stop-publisher"):
        watch = Watch()
        watch.act(kind, "clinic_a")
        assert watch.kinds(low) == ["appeared"], f"{kind} drops no answers"


def test_a_cache_takes_longer_to_fill_than_a_service_to_serve_again() -> None:
    low = found(CACHE_HIT_RATE, "hit rate", window=30.0)
    watch = Watch()
    watch.restart()
    assert watch.kinds(low, after=35.0) == ["expected"], "it falls once the window has few answers of before"
    assert watch.kinds(low, after=60.0) == [] and watch.expected() == {(low.rule, low.subject)}
    assert watch.kinds(low, after=60.0) == ["overdue"] and watch.expected() == set()


def test_what_came_while_an_action_was_under_way_was_not_found_before_it() -> None:
    note, low = found(CACHE_HIT_RATE, "hit rate", "low", window=30.0), found(CACHE_HIT_RATE, "hit rate", window=30.0)
    watch = Watch()
    watch.see(note)
    watch.act("invalidate_tenant", "clinic_a", ago=4.0)
    assert watch.kinds(low) == ["expected"] and watch.expected() == {(low.rule, low.subject)}
