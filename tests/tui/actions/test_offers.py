"""``a`` on every pane: what can be done about the row, or why nothing can; what one that never arms says."""

from typing import Any

import pytest

from optimus_tui.contract.findings import Finding
from optimus_tui.contract.keyspace import (
    CacheReport,
    Counter,
    FeedEvent,
    GroupTotals,
    KindTotals,
    LimitRow,
    LimitsReport,
)
from optimus_tui.contract.reading import Coverage
from optimus_tui.settings.model import RedisTarget
from optimus_tui.tui.actions.questions import ArmDialog, finding_offers, offers_for, tenant_of
from optimus_tui.tui.dialogs.base import PickDialog
from tests.live.actions.driver import add_operator
from tests.realserver import RealServer
from tests.tui.driver import running, said, shown, typed, until


def row(tenant: bytes, operation: bytes = b"chat", state: Any = "immortal") -> LimitRow:
    key = b"rate_limit:" + tenant + b":" + operation
    counter = Counter(key=key, tenant=tenant, operation=operation, count=9, ttl_ms=None, immortal=True, taken_mono=0.0)
    return LimitRow(counter=counter, state=state)


def report(*rows: LimitRow) -> LimitsReport:
    return LimitsReport(
        rows=rows,
        tenants=(),
        total=len(rows),
        unparsed=0,  # type: ignore[arg-type]
        coverage=Coverage(1, 1, True),
        rules=None,
        findings=(),
    )


def immortal(subject: str) -> Finding:
    return Finding(rule="limits.immortal", severity="critical", subject=subject, message="never resets")


def test_a_finding_leads_to_the_bytes_behind_its_words_and_to_nobody_where_two_read_alike_row_12() -> None:
    (first, *_) = finding_offers(immortal("a\\xff / chat"), report(row(b"a\xff"), row(b"b")), None)
    assert (first.request.kind, first.request.tenant) == ("repair_counter", b"a\xff")
    alike = report(row(b"a\xff"), row(b"a\\xff"))
    assert finding_offers(immortal("a\\xff / chat"), alike, None) == []


def test_several_counters_are_offered_tenant_by_tenant_the_most_first() -> None:
    many = report(row(b"a"), row(b"b"), row(b"b", b"export"), row(b"c", state="over"))
    offers = finding_offers(immortal("several counters"), many, None)
    assert [(one.request.kind, one.request.tenant, one.request.operation) for one in offers] == [
        ("repair_counter", b"b", None),
        ("repair_counter", b"a", None),
    ]


@pytest.mark.parametrize(
    ("channel", "tenant"),
    [
        (b"cache_coherence:acme:eu", b"acme:eu"),
        (b"cache_coherence:\xff", b"\xff"),
        (b"cache_coherence:", b""),
        (b"other:acme", b""),
        (b"cache_coherence:" + b"x" * 496, b""),  # cut: it may be anybody's
    ],
)
def test_an_event_is_of_the_tenant_of_its_channel_whatever_its_payload_claims(channel: bytes, tenant: bytes) -> None:
    payload = b'{"type":"x","tenant_id":"victim","timestamp":1}'
    event = FeedEvent(seq=1, received_at=0.0, channel=channel, payload=payload, length=len(payload))
    assert tenant_of(event, b"cache_coherence:") == tenant
    assert [one.request.tenant for one in offers_for(event, channels=b"cache_coherence:")] == (
        [tenant] if tenant else []
    )


async def test_a_offers_what_fits_the_row_on_every_pane_and_says_why_not_elsewhere(redis: RealServer) -> None:
    async with running(redis) as (pilot, dashboard):
        app: Any = pilot.app
        await (await dashboard.actions.open_service()).arm("test")

        async def offered(pane: str, wanted: str) -> None:
            dashboard.focus_on(pane)
            await pilot.press("a")
            await until(pilot, lambda: isinstance(app.screen, PickDialog))
            assert wanted in said(pilot)
            await pilot.press("escape")

        health: Any = dashboard.pane("health")
        await until(pilot, lambda: any(one.finding and one.finding.rule == "limits.immortal" for one in health.rows))
        health.move_to(0)
        dashboard.focus_on("health")
        await pilot.press("a")
        await until(pilot, lambda: "no built-in action fixes this" in shown(pilot))  # the worst: no gateway answers
        places = {one.finding.rule: place for place, one in enumerate(health.rows) if one.finding}
        health.move_to(places["limits.immortal"])
        await offered("health", "Repair chat of clinic_b")
        health.move_to(next(place for rule, place in places.items() if rule != "limits.immortal"))
        await pilot.press("a")
        await until(pilot, lambda: "no built-in action fixes this" in shown(pilot))
        dashboard.focus_on("cache")
        await pilot.press("a")
        await until(pilot, lambda: "no action for all tenants at once" in shown(pilot))
        await pilot.press("right", "down")
        for wanted in (
            "Set a TTL of 1 h on conversation of acme without one",
            "Unlink conversation of acme without TTL",
            "by prefix",
            "Invalidate the cache of acme",
        ):
            await offered("cache", wanted)
        redis.command("PUBLISH", "cache_coherence:acme:eu", '{"type":"x","tenant_id":"acme","timestamp":1}')
        dashboard.focus_on("feed")  # out of sight it keeps its events, but makes no rows of them
        await until(pilot, lambda: bool(dashboard.pane("feed").rows))
        await offered("feed", "Invalidate the cache of acme:eu")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"writable": False}, "test is read-only: set writable = true in [env.test]"),
        (
            {"operator_redis": RedisTarget(host="10.1.2.3")},
            "the connection to 10.1.2.3 is not encrypted: use rediss://",
        ),
        ({"operator_redis": RedisTarget(host="h", scheme="rediss", tls_verify=False)}, "certificate is not checked"),
    ],
)
async def test_the_menu_says_why_an_environment_never_arms(redis: RealServer, more: dict[str, Any], why: str) -> None:
    async with running(redis, **more) as (pilot, dashboard):
        dashboard.focus_on("limits")
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, PickDialog))
        assert why in said(pilot)


async def test_what_only_the_server_knows_is_said_where_one_arms(make_server: Any) -> None:
    first = make_server()
    first.command("SET", "rate_limit:clinic_b:chat", "400")
    replica = make_server(replicaof=f"127.0.0.1 {first.port}")
    nobody = add_operator(first, selectors=False)
    cases = ((replica, {}, "is a slave, not the primary"), (first, {"operator_redis": nobody}, "grant +unlink +expire"))  # type: ignore[var-annotated]
    for server, more, why in cases:
        async with running(server, **more) as (pilot, dashboard):
            app: Any = pilot.app
            dashboard.focus_on("limits")
            await pilot.press("a")
            await until(pilot, lambda app=app: isinstance(app.screen, ArmDialog))  # type: ignore[misc]
            assert " chat of clinic_b" in said(pilot), "it names the row and what can be done"
            await typed(pilot, "test")
            await pilot.press("enter")
            await until(pilot, lambda why=why, pilot=pilot: why in said(pilot))  # type: ignore[misc]
            assert dashboard.actions.service is not None and dashboard.actions.service.guard.armed is None


def test_keys_without_a_ttl_are_given_one_before_anything_is_unlinked() -> None:
    groups = tuple(
        GroupTotals(
            kind=b"conv", tenant=tenant, keys=9, without_ttl=count, bytes_used=None, bytes_exact=False, histogram=(9,)
        )
        for tenant, count in ((b"acme", 2), (b"beta", 7), (b"none", 0))
    )
    read = CacheReport(
        kinds=(KindTotals(groups[0], groups),), keys=27, coherence_keys=0, coverage=Coverage(27, 27, True), version=1
    )
    finding = Finding(rule="cache.no_ttl", severity="low", subject="cache keys", message="9 cache keys without TTL")
    offers = finding_offers(finding, None, read)
    assert [(one.request.kind, one.request.tenant) for one in offers] == [
        ("expire_no_ttl", b"beta"),
        ("expire_no_ttl", b"acme"),
        ("unlink_no_ttl", b"beta"),
        ("unlink_no_ttl", b"acme"),
    ]
    assert offers[0].name == "Set a TTL of 1 h on conv of beta without one"
    assert offers_for(groups[0])[0].request.kind == "expire_no_ttl"
