"""Findings that come and go with each window: raised, held and cleared by the recent windows; hard faults at once."""

import pytest
from msgspec.structs import replace

from optimus_tui.contract.finding_rules import (
    CACHE_HIT_RATE,
    CATALOGUE,
    ERRORS_RATE,
    LATENCY_NOW,
    LATENCY_P95,
    LIMITS_IMMORTAL,
    LIMITS_OVER,
    SERVER_UNREACHABLE,
    SERVICES_ENGINE,
    SERVICES_GATEWAY,
)
from optimus_tui.contract.findings import Finding, Severity
from optimus_tui.verdicts.hysteresis import NO_STATE, State, steady, without_windows
from optimus_tui.wording.numbers import clock


class Watch:
    """Judges one window after the other; ``seen`` is what a window shows in the end."""

    def __init__(self, seconds: float = 10.0) -> None:
        self.seconds, self.mono = seconds, 0.0
        self.state: State = NO_STATE
        self.blind = False

    def window(self, *findings: Finding) -> list[tuple[str, str]]:
        """Look twice within a window, and return rule and severity of what is shown."""
        for _ in range(2):
            self.state, shown = steady(self.state, findings, self.mono, lambda _: self.blind)
            self.mono += self.seconds / 2
        self.shown = shown
        return [(one.rule, one.severity) for one in shown]


def finding(rule: str, severity: Severity = "high", subject: str = "hit rate") -> Finding:
    return Finding(rule=rule, severity=severity, subject=subject, message=f"{subject} is over", measured=1.0)


RATE, OVER = finding(CACHE_HIT_RATE), finding(LIMITS_OVER, subject="acme / chat")


def test_what_flaps_is_raised_once_and_held_with_the_number_of_windows() -> None:
    watch = Watch()
    assert watch.window(RATE) == [(CACHE_HIT_RATE, "low")], "one window is not enough"
    assert watch.shown[0].message == "hit rate is over; seen in one window so far"
    assert watch.window(RATE) == [(CACHE_HIT_RATE, "high")]
    assert watch.shown[0].message == "hit rate is over"
    watch.window(RATE)
    for _ in range(4):
        assert watch.window() == [(CACHE_HIT_RATE, "high")] and watch.shown[0].held
        assert watch.window(RATE) == [(CACHE_HIT_RATE, "high")] and not watch.shown[0].held
    assert watch.shown[0].message == "hit rate is over; seen in 3 of the last 5 windows"
    for _ in range(2):
        watch.window(RATE)
    assert watch.shown[0].message == "hit rate is over; seen in 4 of the last 5 windows"


def test_first_signs_say_when_they_are_judged_until_their_window_has_ended() -> None:
    state, began = NO_STATE, 1_795_000_000.0

    def look(seconds: float, *findings: Finding) -> list[tuple[str, str, str]]:
        nonlocal state
        state, shown = steady(state, findings, 100.0 + seconds, lambda _: False, began + seconds)
        return [(one.severity, one.first_signs, one.message) for one in shown]

    when = f"judged at {clock(began + 10)}"
    assert look(0.0, RATE) == [("low", when, f"hit rate is over; seen in one window so far, {when}")]
    last = f"last at {clock(began)}"
    assert look(2.0) == [("low", when, f"gone for now, seen in one window so far, {last}, {when}: hit rate is over")], (
        "it does not come and go with each look"
    )
    note = replace(RATE, severity="low")
    assert look(4.0, note) == [("low", when, note.message)], "a note about the same is not said twice"
    assert look(6.0, replace(note, proved_seconds=20.0)) == [("low", "", note.message)], "it is proved to have ended"
    assert look(12.0) == [], "its window has ended, and it was not over again"
    assert look(22.0, RATE) == [("high", "", "hit rate is over; seen in 2 of the last 3 windows")], "now it is judged"
    assert look(24.0)[0][:2] == ("high", ""), "what was raised is no first sign"
    held = f"comes and goes, seen in 2 of the last 3 windows, last at {clock(began + 22)}: hit rate is over"
    assert look(26.0)[0][2] == held, "it is not gone, because the present window has it; its figure says of when it is"
    assert without_windows(held) == "hit rate is over"


def test_what_ended_is_held_for_as_long_as_two_windows_were_over() -> None:
    watch = Watch()
    for _ in range(6):
        watch.window(RATE)
    told = [(watch.window(), watch.shown) for _ in range(5)]
    assert [[severity for _, severity in windows] for windows, _ in told] == [["high"], ["high"], ["high"], [], []]
    assert told[0][1][0].message == "gone for now, seen in 4 of the last 5 windows: hit rate is over"
    assert not watch.state, "nothing is kept of it"


def test_what_was_over_once_is_not_held() -> None:
    watch = Watch(60.0)
    assert watch.window(OVER) == [(LIMITS_OVER, "high")], "a full counter is certain: it rises at once"
    assert watch.window() == []


def test_a_full_counter_that_comes_back_in_each_window_stays() -> None:
    watch = Watch(60.0)
    for _ in range(4):
        watch.window(OVER)
    watch.state, shown = steady(watch.state, [], watch.mono, lambda _: False)
    assert [one.severity for one in shown] == ["high"], "the new window has just begun"


def test_the_used_up_limit_of_a_counter_that_got_its_ttl_back_is_not_held() -> None:
    never, watch = finding(LIMITS_IMMORTAL, subject=OVER.subject), Watch(60.0)
    watch.window(never)
    for _ in range(2):
        assert watch.window(OVER) == [(LIMITS_OVER, "high")] and not watch.shown[0].held
    assert watch.window() == [], "its count was of before: no traffic fills it in each window"
    watch.window(OVER)
    assert watch.window() == [(LIMITS_OVER, "high")], "what fills it again is held as always"


@pytest.mark.parametrize("rule", [SERVER_UNREACHABLE, SERVICES_ENGINE, SERVICES_GATEWAY, LIMITS_IMMORTAL])
def test_a_hard_fault_is_shown_and_cleared_at_once(rule: str) -> None:
    assert CATALOGUE[rule].window_seconds is None
    fault, watch = finding(rule, "critical"), Watch()
    assert watch.window(fault) == [(rule, "critical")]
    assert watch.window() == [] and not watch.state


def test_what_is_critical_or_rests_on_many_samples_needs_no_second_window() -> None:
    assert Watch().window(replace(RATE, samples=100)) == [(CACHE_HIT_RATE, "high")]
    assert Watch().window(replace(RATE, samples=99)) == [(CACHE_HIT_RATE, "low")]
    assert Watch().window(replace(RATE, severity="critical")) == [(CACHE_HIT_RATE, "critical")]


def test_windows_in_which_nothing_was_judged_count_neither_way() -> None:
    watch = Watch()
    for _ in range(5):
        watch.window(RATE)
    watch.blind = True
    for _ in range(5):
        assert watch.window() == [], "it is not known, so it is not shown"
    watch.blind = False
    assert watch.window() == [(CACHE_HIT_RATE, "high")], "4 of the last 5 that were judged"


def test_rules_of_one_group_are_one_trouble() -> None:
    watch, engine = Watch(), "engine"
    p95, now = finding(LATENCY_P95, "medium", engine), finding(LATENCY_NOW, "high", engine)
    watch.window(now)
    watch.window(p95)
    watch.window(now)
    assert watch.window() == [(LATENCY_NOW, "high")], "the last one that was seen is held"
    assert watch.window(replace(p95, severity="low")) == [(LATENCY_NOW, "high")], "a note ends nothing"


def test_a_note_stays_a_note() -> None:
    note = replace(RATE, severity="low")
    watch = Watch()
    assert watch.window(note) == [(CACHE_HIT_RATE, "low")] and not watch.state


@pytest.mark.parametrize(("proved", "held"), [(None, 3), (12.0, 2), (24.0, 1), (34.0, 0)])
def test_windows_in_which_the_newest_requests_prove_that_it_has_ended_were_not_over(
    proved: float | None, held: int
) -> None:
    watch = Watch()
    for _ in range(5):
        watch.window(finding(ERRORS_RATE))
    past = replace(finding(ERRORS_RATE, "low"), proved_seconds=proved)
    shown = [watch.window(past) for _ in range(5)]
    assert [found == [(ERRORS_RATE, "high")] for found in shown] == [True] * held + [False] * (5 - held)


def test_a_limit_has_ended_when_it_was_not_full_for_a_whole_window() -> None:
    watch = Watch(seconds=60.0)
    for _ in range(5):
        watch.window(OVER)
    assert watch.window() == [(LIMITS_OVER, "high")] and watch.shown[0].held
    assert watch.window() == []


def test_what_each_window_had_does_not_come_and_go() -> None:
    watch = Watch()
    watch.window(RATE)
    watch.window(RATE)
    watch.state, _ = steady(watch.state, (RATE,), watch.mono, lambda _: False)
    watch.state, (held,) = steady(watch.state, (), watch.mono + 1, lambda _: False)
    assert held.message == "gone for now, seen in each of the last 3 windows: hit rate is over"
