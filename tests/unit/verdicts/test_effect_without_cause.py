"""An effect that stands alone because its cause ended is no news: for each pair that the table of causes allows."""

from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from optimus_tui.contract.finding_causes import LINKS, Link
from optimus_tui.contract.findings import Finding, Mute, Notice, Severity
from optimus_tui.verdicts.alerts import SETTLE_SECONDS, Alerts, step
from optimus_tui.verdicts.causes import relate

SPAN = 90.0
"""Seconds that the effect's figures reach back."""


class Pair(NamedTuple):
    """A cause and its effect, both as they are found."""

    cause: Finding
    effect: Finding


def pair_of(link: Link, cause: str, effect: str) -> Pair:
    about, effect_about = (*link.about, "acme / chat")[0], (*link.effect_about, "gateway")[0]
    if link.same_tenant:
        effect_about = "acme"
    return Pair(
        Finding(rule=cause, severity="high", subject=about, message="the cause", since=900.0),
        Finding(
            rule=effect, severity="high", subject=effect_about, message="the effect", since=930.0, window_seconds=SPAN
        ),
    )


PAIRS = [pair_of(link, *rules) for link in LINKS for rules in product(link.causes, link.effects)]
PAIRS = [pair for pair in PAIRS if (pair.cause.rule, pair.cause.subject) != (pair.effect.rule, pair.effect.subject)]


class Watch:
    """The reducer after it has settled with nothing wrong; ``see`` is one report two seconds after the one before."""

    def __init__(self) -> None:
        self.now, self.mutes = 1000.0, dict[tuple[str, str], Mute]()
        self.state, _ = step(Alerts(), [], now=self.now, mono=self.now)
        self.see(after=SETTLE_SECONDS)

    def see(self, *findings: Finding, after: float = 2.0) -> list[tuple[str, str]]:
        return [(one.kind, one.finding.rule) for one in self.notices(*findings, after=after)]

    def notices(self, *findings: Finding, after: float = 2.0) -> tuple[Notice, ...]:
        self.now += after
        self.state, notices = step(self.state, relate(findings), now=self.now, mono=self.now, mutes=self.mutes)
        return notices

    def mute(self, one: Finding) -> None:
        self.mutes[one.rule, one.subject] = Mute(
            rule=one.rule, subject=one.subject, reason="seen", severity=one.severity, at=self.now, until=None
        )


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair.cause.rule}>{pair.effect.rule}")
def pair(request: pytest.FixtureRequest) -> Pair:
    found: Pair = request.param
    return found


def test_an_effect_that_outlives_its_cause_is_no_news_and_keeps_its_beginning(pair: Pair) -> None:
    watch = Watch()
    assert watch.see(*pair) == [("appeared", pair.cause.rule)]
    said = [one for _ in range(int(SPAN / 2)) for one in watch.see(pair.effect)]
    assert said in ([], [("cleared", pair.cause.rule)])
    (alone,) = [one for one in watch.state.held.values() if one.present]
    assert (alone.finding.rule, alone.episode.since) == (pair.effect.rule, 930.0)


def test_it_is_no_news_that_it_ends_either(pair: Pair) -> None:
    watch = Watch()
    watch.see(*pair)
    watch.see(pair.effect)
    said = [one for _ in range(50) for one in watch.see(after=8.0)]
    assert said == [("cleared", pair.cause.rule)]


def test_an_effect_that_is_noticed_only_when_its_cause_has_just_ended_is_no_news(pair: Pair) -> None:
    watch = Watch()
    watch.see(pair.cause)
    assert watch.see() == []
    assert watch.see(pair.effect) == []


def test_one_that_became_graver_than_its_cause_was_is_said(pair: Pair) -> None:
    watch = Watch()
    watch.see(*pair)
    (notice,) = watch.notices(replace(pair.effect, severity="critical"))
    assert (notice.finding.rule, notice.severity, notice.rings) == (pair.effect.rule, "critical", True)


def test_one_that_is_still_there_when_its_figures_no_longer_reach_back_is_said_once(pair: Pair) -> None:
    watch = Watch()
    watch.see(*pair)
    said = [one for _ in range(100) for one in watch.see(pair.effect, after=8.0)]
    assert said == [("cleared", pair.cause.rule), ("outlasted", pair.effect.rule)]


def test_a_mute_of_the_effect_outlives_the_cause(pair: Pair) -> None:
    watch = Watch()
    watch.see(*pair)
    watch.mute(pair.effect)
    said = [one for _ in range(100) for one in watch.see(pair.effect, after=8.0)]
    assert said == [("cleared", pair.cause.rule)]


@pytest.mark.parametrize("severity", ["medium", "high"])
def test_a_cause_that_was_muted_spoke_for_nobody(severity: Severity) -> None:
    pair = PAIRS[0]
    watch = Watch()
    watch.mute(pair.cause)
    effect = replace(pair.effect, severity=severity)
    assert watch.see(pair.cause, effect) == [("appeared", effect.rule)]
    assert watch.see(effect) == []


def test_another_subject_that_comes_when_a_cause_has_ended_is_news() -> None:
    over = next(one for one in PAIRS if one.cause.rule == "limits.over")
    watch = Watch()
    watch.see(*over)
    other = replace(over.effect, subject="shop")
    assert watch.see(over.effect, other) == [("appeared", other.rule)]


def test_the_same_trouble_a_long_time_after_is_news() -> None:
    pair = PAIRS[0]
    watch = Watch()
    watch.see(*pair)
    for _ in range(200):
        watch.see()
    later = replace(pair.effect, since=watch.now)
    assert watch.see(later) == [("appeared", pair.effect.rule)]
