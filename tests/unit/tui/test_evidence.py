"""The figures beside a finding in its explanation: what its remedy tells people to compare stands there."""

from types import SimpleNamespace
from typing import Any

from msgspec.structs import replace

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import FeedEvent
from optimus_tui.contract.services import HealthReport, Series, ServerState
from optimus_tui.settings.model import Settings
from optimus_tui.tui.dashboard.evidence import figures_beside
from optimus_tui.tui.dialogs.explain import finding_lines
from optimus_tui.tui.panes.feed.store import FeedStore
from tests.tui.pictures import counter, limits_report, reading


def dashboard(**more: Any) -> Any:
    """Return a dashboard with these readings, by the name of the pane."""
    panes = {"limits": SimpleNamespace(reading=None), "feed": SimpleNamespace(store=FeedStore())} | more
    return SimpleNamespace(health=None, settings=Settings(), pane=panes.__getitem__)


def found(rule: str, subject: str) -> Finding:
    return Finding(rule=rule, severity="high", subject=subject, message="it is wrong", remedy="Compare.")


def test_a_latency_stands_beside_those_of_the_other_dependencies_and_what_has_none_is_unknown() -> None:
    here = dashboard()
    assert figures_beside(here, found("latency.p95", "route /a")) == "", "before the first report"
    server = reading(ServerState(latency_ms=0.6))
    here.health = HealthReport(latency={"gateway": Series(p50=22.0, samples=30), "redis": Series()}, server=server)
    beside = figures_beside(here, found("latency.p95", "route /a"))
    assert beside == "gateway 22 ms · engine unknown · redis 0.6 ms (last check): p50 of their checks in 10 min"
    told = " ".join(str(line) for line in finding_lines(found("latency.p95", "route /a"), 200, beside=beside))
    assert f"remedy     Compare. beside it  {beside}" in told


def test_a_used_up_limit_stands_beside_what_its_tenant_has_used_of_the_others() -> None:
    limits = limits_report([counter("acme", "chat", 153), counter("acme", "export", 3), counter("other", "chat", 9)])
    here = dashboard(limits=SimpleNamespace(reading=reading(limits)))
    told = figures_beside(here, found("limits.over", "acme / chat"))
    assert told.startswith("chat 153") and "export 3" in told and "other" not in told and "9" not in told
    assert told.endswith("requests of acme in its present windows")
    assert figures_beside(here, found("limits.over", "several counters")) == ""
    over = next(row for row in limits.rows if row.counter.operation == b"chat" and row.state == "over")
    assert figures_beside(here, over) == told, "the counter's own row has the same figures beside it"
    assert figures_beside(here, replace(over, state="ok")) == figures_beside(here, None) == ""


def test_bulk_invalidations_stand_beside_whose_answers_were_dropped_most() -> None:
    here = dashboard()
    assert figures_beside(here, found("cache.bulk", "events")) == "", "nothing was heard"
    tenants = ["acme", "clinic_b", "acme"]
    texts = [
        b'{"type":"bulk_invalidation","tenant_id":"%s","timestamp":"2026-12-01T05:00:00Z"}' % one.encode()
        for one in tenants
    ]
    here.pane("feed").store.add(
        FeedEvent(seq=at, received_at=1.0, channel=b"c", length=len(text), payload=text)
        for at, text in enumerate(texts, 1)
    )
    told = figures_beside(here, found("cache.bulk", "events"))
    assert told == "acme 2 · clinic_b 1: bulk invalidations among the last 3 events of the feed"


def test_the_patterns_that_bulk_invalidations_named_are_counted_too() -> None:
    here = dashboard()
    texts = [
        b'{"type":"bulk_invalidation","tenant_id":"acme","timestamp":"2026-12-01T05:00:00Z","pattern":"cache:%s:acme:*"}'
        % kind
        for kind in (b"conversation", b"profile", b"conversation")
    ]
    here.pane("feed").store.add(
        FeedEvent(seq=at, received_at=1.0, channel=b"c", length=len(text), payload=text)
        for at, text in enumerate(texts, 1)
    )
    told = figures_beside(here, found("cache.bulk", "events"))
    assert told.endswith("; they named cache:conversation:acme:* 2 · cache:profile:acme:* 1")
