"""What a proof settled is shown as settled until it comes again, and what comes again ends that at once."""

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from optimus_tui.contract import incident_events as happened
from optimus_tui.contract.findings import Finding
from optimus_tui.contract.incident import ActionRecord, KeptReceipt
from optimus_tui.contract.services import HealthReport
from optimus_tui.tui.incidents.lone_proof import LoneProofs
from optimus_tui.tui.incidents.proved import SettledFindings
from tests.unit.workflow.driver import Play, found, outcome, stamp

FAILED = Finding(
    rule="errors.rate", severity="high", subject="gateway", message="20 % failed", unit="share",
    measured=0.2, threshold=0.05, samples=500, window_seconds=600.0,
)  # fmt: skip
SLOW = Finding(
    rule="latency.p95", severity="high", subject="route /api/chat", message="p95 1.7 s", unit="ms",
    measured=1700.0, threshold=500.0, samples=500, window_seconds=600.0,
)  # fmt: skip


class Watched:
    """A dashboard after a remedy for one finding was proved, whose reports follow each other."""

    def __init__(self, rule: str = "services.engine", subject: str = "engine", **receipt: Any) -> None:
        play = Play()
        play.run("health", outcome(found(rule, "critical", subject)))
        done = KeptReceipt(action_id="a", kind="remedy", tenant="", outside=True, **receipt)
        play.tell(happened.ActionDone(at=stamp(), receipt=done, rules=(rule,)))
        play.tell(happened.ChecksAsked(at=stamp(), action_id="a"))
        play.tell(happened.CheckFinished(at=stamp(), action_id="a", step="health", outcome=outcome()))
        (record,) = play.state.action_records
        assert record.proved is not None
        self.record: ActionRecord = record
        self.proof = record.proved.wall
        self.wall = self.proof
        self.dashboard: Any = SimpleNamespace(
            health=HealthReport(), context=SimpleNamespace(clock=SimpleNamespace(wall=lambda: self.wall))
        )
        self.settled = SettledFindings(self.dashboard)
        self.words()

    def words(self, *findings: Finding, after: float = 2.0) -> str:
        """Return what is said of the first finding in a report that comes so many seconds later."""
        self.wall += after
        self.dashboard.health = HealthReport(findings=findings)
        said = [self.settled.words([self.record], one) for one in findings or (FAILED,)]
        return said[0] if findings else ""


def test_a_figure_that_reaches_back_is_settled_while_it_falls() -> None:
    watched = Watched()
    for share, count in ((0.2, 500), (0.15, 660), (0.12, 820)):
        said = watched.words(replace(FAILED, measured=share, samples=count))
        assert said.startswith("some of its figures are from before you acted at "), "only its cause was proved fixed"


def test_more_failures_than_at_the_proof_end_that_at_once_and_for_good() -> None:
    watched = Watched()
    assert watched.words(FAILED)
    assert watched.words(replace(FAILED, measured=0.21, samples=500)), "five more of a hundred may be rounding"
    assert watched.words(replace(FAILED, measured=0.22, samples=560)) == "", "23 requests failed since"
    assert watched.words(replace(FAILED, measured=0.20, samples=600)) == "", "until it is proved anew"


def test_a_share_that_rises_only_because_other_traffic_has_become_less_is_no_new_fault() -> None:
    watched = Watched()
    assert watched.words(replace(FAILED, measured=0.1, samples=1_000))
    assert watched.words(replace(FAILED, measured=0.2, samples=500)), "the same hundred failures"


def test_a_latency_that_was_good_again_and_grows_ends_it() -> None:
    watched = Watched()
    assert watched.words(SLOW)
    assert watched.words(replace(SLOW, measured=900.0))
    watched.words()
    assert watched.words(replace(SLOW, measured=520.0)), "it comes and goes at its threshold"
    assert watched.words(replace(SLOW, measured=700.0)) == ""


@pytest.mark.parametrize("rule", ["latency.now", "latency.p95", "latency.half"])
def test_all_rules_of_one_fault_are_settled_by_its_proof(rule: str) -> None:
    watched = Watched("latency.now", "engine")
    held = replace(SLOW, rule=rule, subject="engine", held=True, since=watched.proof - 60, window_seconds=10.0)
    assert watched.words(held).startswith("fixed at ")
    assert watched.words(replace(held, subject="redis")) == "", "that was not proved"


def test_what_is_held_since_the_remedy_and_was_not_there_at_the_proof_is_settled() -> None:
    held = replace(FAILED, held=True, window_seconds=30.0)
    watched = Watched()
    assert watched.words(replace(held, since=watched.proof - 1)).startswith("fixed at ")
    after = replace(held, subject="x", since=watched.proof + 1)
    assert watched.words(after).startswith("some of its figures are from before you acted"), "its window reaches back"
    assert watched.words(replace(after, window_seconds=1.0)) == "", "it began after the proof"


def test_effects_of_the_restart_that_fixed_it_are_settled_once_they_are_over() -> None:
    held = replace(SLOW, rule="latency.now", subject="redis", held=True, window_seconds=10.0)
    restarted, other = Watched("server.stuck", "server", restarts="redis"), Watched("server.stuck", "server")
    assert restarted.words(replace(held, since=restarted.proof - 1)).startswith("fixed at ")
    assert other.words(replace(held, since=other.proof - 1)) == ""


def test_what_is_there_again_with_new_figures_stays_unsettled_while_it_is_held_later() -> None:
    watched = Watched()
    held = replace(FAILED, held=True, window_seconds=1.0, since=watched.proof - 60)
    assert watched.words(held).startswith("fixed at ")
    again = replace(FAILED, window_seconds=1.0, since=watched.proof - 60)
    assert watched.words(again, after=90.0) == ""
    assert watched.words(held) == "", "it came again after the proof"


def test_what_lasts_longer_than_the_proof_is_settled_once_it_is_over() -> None:
    watched = Watched()
    new = replace(FAILED, window_seconds=1.0, since=watched.proof - 1)
    watched.wall = watched.proof
    first = SettledFindings(watched.dashboard)
    watched.settled = first
    watched.dashboard.health = HealthReport(findings=(new,))
    assert first.words([watched.record], new) == "", "its figures are of after the remedy"
    assert watched.words(replace(new, held=True)).startswith("fixed at ")


def test_a_counter_that_is_full_again_soon_after_its_reset_is_not_settled() -> None:
    watched = Watched("limits.over", "acme / chat")
    full = Finding(
        rule="limits.over", severity="high", subject="acme / chat", message="full", since=watched.proof - 20,
        measured=150.0, threshold=150.0, unit="requests", window_seconds=60.0,
    )  # fmt: skip
    assert watched.words(full, after=10.0) == "", "its episode goes on, but it was away at the proof"


def test_what_was_away_and_is_there_again_is_new_at_once_but_an_effect_may_show_late() -> None:
    watched = Watched("errors.rate", "gateway")
    assert watched.words(replace(FAILED, measured=0.052, samples=500)), "it comes and goes at its threshold"
    again = Watched("errors.rate", "gateway")
    assert again.words(FAILED) == "", "100 of 500 where at most 25 can have been before"
    assert Watched("services.engine", "engine").words(FAILED), "the window holds the outage"
    assert Watched("events.flood", "coherence feed").words(SLOW), "twenty requests are judged after the storm"


def test_what_a_repair_leaves_is_no_finding_of_before_it() -> None:
    never = Finding(rule="limits.immortal", severity="critical", subject="acme / chat", message="never resets")
    full = Finding(rule="limits.over", severity="high", subject="acme / chat", message="used up")
    begun: list[Any] = []
    dashboard: Any = SimpleNamespace(
        health=HealthReport(findings=(full,)),
        run_in_background=lambda _group, _work, *arguments, name: begun.append(arguments[-1]),
    )
    done = KeptReceipt(action_id="a", kind="repair_counter", tenant="acme")
    LoneProofs(dashboard).follow(done, never, (never,))
    LoneProofs(dashboard).follow(done, never)
    assert begun == [(never,), (full,)], "the next reading may be there before the proof has begun"


def test_what_was_is_what_the_proof_began_with_however_the_window_slides() -> None:
    watched = Watched()
    aim = next(one for check in watched.record.checks if check.before for one in check.before.findings)
    engine = replace(FAILED, rule=aim.rule, subject=aim.subject, message="engine failed 3 of 21 checks", held=True)
    assert watched.words(engine).startswith("fixed at ")
    assert watched.settled.was(engine) == aim.message, "the words of the proof"
    assert watched.words(FAILED)
    for message in ("12 % failed", "past: 9 % failed; 0 % of the last 50 requests"):
        assert watched.words(replace(FAILED, message=message))
        assert watched.settled.was(FAILED) == FAILED.message, "an effect keeps what was seen first"


def test_what_a_window_saw_of_before_the_act_is_no_trouble_that_comes_and_goes() -> None:
    watched = Watched()
    late = replace(FAILED, held=True, since=watched.proof + 26, message="comes and goes, seen in 2 of the last 3")
    assert watched.words(late, after=30.0).startswith("some of its figures are from before you acted")
