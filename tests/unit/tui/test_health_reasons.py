"""Why a finding of the health pane is no alarm now: the reason stands there whole, however narrow the pane is."""

from collections.abc import Hashable

import pytest
from msgspec.structs import replace
from rich.cells import cell_len

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.reading import Reading
from optimus_tui.contract.services import HealthReport, HitRate, ServiceState
from optimus_tui.contract.signals import GoldenSignals, Signals
from optimus_tui.settings.model import Settings
from optimus_tui.tui.dialogs.explain import finding_lines as explained
from optimus_tui.tui.panes.health.finding_lines import QuietReason, finding_lines, reason_of
from optimus_tui.tui.panes.health.lines import dependency_lines
from optimus_tui.verdicts.hysteresis import NOT_NOW
from optimus_tui.wording.truth import act_words, side_effect_words

NOW = 1_700_000_000.0
SLOW = Finding(
    rule="latency.p95",
    severity="high",
    subject="route /api/conversations/{conversation_id}/messages",
    message="route /api/conversations/{conversation_id}/messages p95 1.7 s is over 1.0 s",
    since=NOW - 90,
    samples=400,
)


@pytest.mark.parametrize("width", [36, 48, 60, 72, 140])
def test_a_reason_is_never_cut(width: int) -> None:
    reason = "fixed at 16:38:46, being watched"
    lines = finding_lines(
        HealthReport(findings=(SLOW,)), width, NOW, {(SLOW.rule, SLOW.subject): QuietReason(reason, "fixed")}
    )
    texts = ["".join(text for text, _ in line.pieces) for line in lines if line.finding]
    assert all(cell_len(text) <= width for text in texts), texts
    shown = " ".join(" ".join(texts).split())
    assert shown.startswith("✓ fixed was: route") and reason.removeprefix("fixed ") in shown


def test_a_held_finding_that_is_proved_fixed_says_what_it_was_and_not_how_many_windows_had_it() -> None:
    held = replace(SLOW, held=True, message=f"{NOT_NOW}seen in 5 of the last 5 windows: {SLOW.message}")
    fixed: dict[Hashable, QuietReason] = {
        (SLOW.rule, SLOW.subject): QuietReason("fixed at 16:38:46, being watched", "fixed")
    }
    first, *_ = finding_lines(HealthReport(findings=(held,)), 140, NOW, fixed)
    told = "".join(text for text, _ in first.pieces)
    assert told.startswith(f"✓ fixed  was: {SLOW.message}") and "windows" not in told
    effect = replace(
        held, caused_by=("events.flood", "feed"), below_cause=f"{held.message}; it began 9 s after its cause"
    )
    first, *_ = finding_lines(HealthReport(findings=(effect,)), 140, NOW, fixed)
    assert "windows" not in "".join(text for text, _ in first.pieces), "an effect neither"
    muted: dict[Hashable, QuietReason] = {(SLOW.rule, SLOW.subject): QuietReason("muted")}
    first, *_ = finding_lines(HealthReport(findings=(held,)), 140, NOW, muted)
    assert first.pieces[1][0].startswith(NOT_NOW)


def shown(finding: Finding, reason: QuietReason, width: int = 200, **report: object) -> str:
    """Return what the pane says of one finding."""
    whole = HealthReport(findings=(finding,), **report)  # type: ignore[arg-type]
    lines = finding_lines(whole, width, NOW, {(finding.rule, finding.subject): reason})
    return " ".join("".join(text for text, _ in line.pieces) for line in lines)


def test_what_is_fixed_is_told_as_it_was_and_as_it_is_now_without_a_later_beginning() -> None:
    fixed = QuietReason("fixed at 16:38:46, being watched", "fixed")
    failed = Finding(rule="services.flapping", severity="high", subject="engine", since=NOW,
                     message="engine failed 14 of 24 checks in 1 min")  # fmt: skip
    engine = Reading(value=ServiceState(status="connected", latency_ms=8.0), taken_at=NOW, taken_mono=0.0)
    told = shown(failed, fixed, engine=engine)
    assert told.startswith("✓ fixed  was: engine failed 14 of 24 checks in 1 min → now connected, 8.0 ms")
    assert "at 16:38:46, being watched" in told and "since" not in told
    low = Finding(rule="cache.hit_rate", severity="high", subject="hit rate", message="hit rate 25 % is below 40 %")
    assert "was: hit rate 25 % is below 40 % → now 91 %" in shown(low, fixed, hit_rate=HitRate(0.91, "gateway", 9))
    assert shown(SLOW, fixed).startswith(f"✓ fixed  was: {SLOW.message} · at"), "no figure of now is made up"


def test_a_side_effect_is_called_settling_in_its_row_and_no_line_about_it_is_green() -> None:
    low = Finding(rule="cache.hit_rate", severity="high", subject="hit rate", message="hit rate 25 % is below 40 %")
    words = side_effect_words(low.rule, act_words("restart", "engine"), NOW, NOW + 50, reaches_back=True)
    assert words == (
        "side effect of your restart of the engine at 22:13:20; cached answers come back by themselves: "
        "wait until 22:14:10"
    )
    cleared = side_effect_words(low.rule, act_words("invalidate_tenant", "acme"), NOW, NOW + 50, reaches_back=True)
    for said, is_restart in ((words, True), (cleared, False)):
        told = " ".join(line.plain for line in explained(low, 140, proved=said))
        assert ("a write that got no answer drops cached answers" in told) == is_restart, (
            "a cleared cache loses no write"
        )
    restart = act_words("restart", "engine")
    for begin, said in (
        (NOW - 5, "some of its figures are from before your restart"),
        (NOW + 5, "side effect of your"),
    ):
        assert side_effect_words(SLOW.rule, restart, NOW, NOW + 50, reaches_back=begin < NOW).startswith(said), (
            "it may have been slow"
        )
    failed = side_effect_words("errors.rate", restart, NOW, NOW + 50, reaches_back=True)
    assert failed.startswith("side effect of your restart"), "failures that were not found before it are of it"
    told = shown(low, QuietReason(words, "settling"))
    assert told.startswith("○ settling  hit rate 25 %") and words in told and "HIGH" not in told
    report = HealthReport(hit_rate=HitRate(0.25, "gateway, last 30 s", 80))
    line = next(one for one in dependency_lines(report, Settings(), 140, 0.0, [low]) if one.group == "hit rate")
    text = "".join(text for text, _ in line.pieces)
    assert text.startswith("○ hit rate") and "settling" in text and "●" not in text


def test_nothing_is_called_fixed_whose_present_figure_is_still_bad_and_no_remark_settles() -> None:
    fixed = "fixed at 16:38:46, being watched"
    failed = Finding(rule="errors.rate", severity="high", subject="gateway", message="24 % failed", threshold=0.05)
    low = Finding(rule="cache.hit_rate", severity="high", subject="hit rate", message="low", threshold=0.4)
    for finding, share, kind in (
        (failed, 0.057, "settling"), (failed, 0.01, "fixed"), (failed, None, "fixed"),
        (low, 0.25, "settling"), (low, 0.8, "fixed"), (SLOW, None, "fixed"),
    ):  # fmt: skip
        rate = None if share is None else HitRate(share, "gateway", 9)
        report = HealthReport(hit_rate=rate, signals=GoldenSignals(total=Signals(failing_share=share)))
        reason = reason_of(fixed, finding, report)
        assert reason.kind == kind and "16:38:46" in reason.words, (finding.rule, share)
    assert "→ now 1 % failing" in shown(failed, reason, signals=GoldenSignals(total=Signals(failing_share=0.01)))
    remark = replace(SLOW, severity="low", message="past: route /api/chat was slow")
    assert reason_of("side effect of your restart", remark, HealthReport()).kind == "quiet"


def test_an_explanation_has_the_mark_of_the_row_and_no_cure_for_a_side_effect() -> None:
    low = Finding(rule="cache.hit_rate", severity="high", subject="hit rate", message="hit rate 25 % is below 40 %",
                  remedy="Stop the job.")  # fmt: skip
    words = side_effect_words(low.rule, act_words("restart", "engine"), NOW, NOW + 50, reaches_back=True)
    told = " ".join(" ".join(line.plain for line in explained(low, 78, proved=words)).split())
    assert told.startswith("○ settling hit rate 25 %") and f"nothing has to be done: {words}" in told
    assert "Stop the job" not in told and "HIGH" not in told
    assert explained(low, 78, proved="fixed at 16:38:46, being watched")[0].plain.startswith("✓ fixed")
    assert explained(low, 78)[0].plain.startswith("▲ HIGH")


def test_what_is_live_stands_above_what_is_fixed_and_of_that_the_cause_first() -> None:
    engine = Finding(
        rule="latency.p95", severity="medium", subject="engine", message="engine p95 829 ms is over 500 ms"
    )
    live = Finding(rule="cache.hit_rate", severity="medium", subject="hit rate", message="hit rate 55 % is below 60 %")
    below = replace(live, rule="latency.half", subject="route /x", message="half", caused_by=(live.rule, live.subject))
    fixed = QuietReason("fixed at 16:38:46, being watched", "fixed")
    quiet: dict[Hashable, QuietReason] = {(one.rule, one.subject): fixed for one in (SLOW, engine, below)}
    lines = finding_lines(HealthReport(findings=(SLOW, engine, live, below)), 200, NOW, quiet)
    assert list(dict.fromkeys(one.finding.subject for one in lines if one.finding)) == [
        "hit rate", "route /x", "engine", SLOW.subject,
    ]  # fmt: skip
