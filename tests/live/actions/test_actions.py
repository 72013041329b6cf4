"""Each action on a real server: exactly the planned keys, an honest outcome for each, a trail on disk."""

import json
import threading
from pathlib import Path

import pytest

from optimus_tui.contract.actions import ActionRequest, Refusal
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.history.audit.log import unquoted
from tests.live.actions.driver import armed, at_desk, carried_out, number, planned, put, refused, subscriber
from tests.realserver import RealServer


def _trail(folder: Path) -> list[str]:
    return [record["event"] for record in read(folder / "audit.jsonl")]


async def test_an_immortal_counter_gets_the_end_of_its_window_and_keeps_its_count(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, "rate_limit:acme:chat", value="400")
    put(server, "rate_limit:acme:list", ttl=30)
    put(server, "rate_limit:other:chat")
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "repair_counter", window_seconds=60)
        assert [(key.key, key.count, key.immortal) for key in plan.keys] == [(b"rate_limit:acme:chat", 400, True)]
        assert plan.skipped == 1
        receipt = await carried_out(action_service, plan)
    assert receipt.counts == {"done": 1} and receipt.verified and receipt.there_again == 0
    assert 20 < number(server, "TTL", "rate_limit:acme:chat") <= 60
    assert server.command("GET", "rate_limit:acme:chat") == b"$3\r\n400\r\n"
    assert number(server, "TTL", "rate_limit:other:chat") == -1
    events = ["armed", "planned", "confirmed", "intent", "result", "verified", "closed", "disarmed"]
    assert _trail(tmp_path) == events and verify(tmp_path / "audit.jsonl").problem is None


async def test_the_window_comes_from_the_settings_or_is_asked_for(server: RealServer, tmp_path: Path) -> None:
    from optimus_tui.contract.keyspace import LimitRules

    put(server, "rate_limit:acme:chat")
    async with at_desk(server.port, tmp_path) as action_service:
        answer = await action_service.plan(ActionRequest(kind="repair_counter", tenant=b"acme"))
        assert isinstance(answer, Refusal) and "window" in answer.message
        action_service._context.published = LimitRules(window_seconds=75, limits={"chat": 1})  # a dashboard read it
        assert (await planned(action_service, "repair_counter")).request.window_seconds == 75
    async with at_desk(
        server.port, tmp_path, limits=LimitRules(window_seconds=90, limits={"chat": 1})
    ) as action_service:
        assert (await planned(action_service, "repair_counter")).request.window_seconds == 90


async def test_before_redis_7_the_repair_runs_under_watch(server: RealServer, tmp_path: Path) -> None:
    from optimus_tui.actions.redis import key_actions

    put(server, "rate_limit:acme:chat", "rate_limit:acme:list")
    asked = pytest.MonkeyPatch()
    asked.setattr(key_actions, "knows_nx", lambda version: False)
    try:
        async with armed(server.port, tmp_path) as action_service:
            receipt = await carried_out(
                action_service, await planned(action_service, "repair_counter", window_seconds=60)
            )
    finally:
        asked.undo()
    assert receipt.counts == {"done": 2} and number(server, "TTL", "rate_limit:acme:list") > 50


@pytest.mark.parametrize("operation", [None, b"chat"])
async def test_a_reset_takes_this_tenants_counters_only(
    server: RealServer, tmp_path: Path, operation: bytes | None
) -> None:
    put(server, *(f"rate_limit:acme:op{index}" for index in range(5)), "rate_limit:acme:chat", ttl=600)
    put(server, "rate_limit:acme2:chat", "rate_limit:acme:eu:chat", "rate_limit::chat", "cache:conv:acme:1")
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "reset_counters", operation=operation)
        assert plan.neighbours == 1 and action_service.preview(plan).foreign == 0
        receipt = await carried_out(action_service, plan)
    assert receipt.counts == {"done": 6 if operation is None else 1}
    assert number(server, "DBSIZE") == (4 if operation is None else 9)


async def test_the_card_tells_count_types_ttls_bytes_and_a_gentler_way(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"rate_limit:acme:op{index}" for index in range(50)), ttl=600)
    put(server, "rate_limit:acme:chat", value="400")
    async with at_desk(server.port, tmp_path) as action_service:
        card = action_service.preview(await planned(action_service, "reset_counters"))
    assert (card.count, card.confirm, card.without_ttl, card.types) == (51, "test 51", 1, {"string": 51})
    assert len(card.samples) == 30 and card.samples[0].key == b"rate_limit:acme:chat"
    assert sum(card.histogram) == 50 and 590_000 < (card.ttl_min_ms or 0) <= 600_000
    assert card.bytes_estimated and not card.bytes_exact and 0 < card.seconds < 1
    assert card.gentler is not None and card.gentler.kind == "repair_counter"
    assert "acme's limits start again at 0" in card.effect and "cannot be undone" in card.undo


async def test_a_cache_key_that_gains_a_ttl_is_kept_row_68(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(250)), "cache:conv:other:1")
    put(server, "cache:conv:acme:short", ttl=60)
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "unlink_no_ttl", cache_kind=b"conv")
        assert plan.count == 250 and plan.skipped == 1
        server.command("EXPIRE", "cache:conv:acme:7", "900")
        server.command("UNLINK", "cache:conv:acme:8")
        receipt = await carried_out(action_service, plan)
    assert receipt.counts == {"done": 248, "changed": 1, "already gone": 1}
    assert number(server, "EXISTS", "cache:conv:acme:7") == 1 and number(server, "DBSIZE") == 3


async def test_a_cache_key_without_a_ttl_gets_an_hour_where_nobody_names_another(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, "cache:conv:acme:1", "cache:conv:acme:2")
    put(server, "cache:conv:acme:short", ttl=60)
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "expire_no_ttl")
        assert (plan.count, plan.request.window_seconds) == (2, 3600)
        assert (await carried_out(action_service, plan)).counts == {"done": 2}
    assert 3500 < number(server, "TTL", "cache:conv:acme:1") <= 3600
    assert number(server, "TTL", "cache:conv:acme:short") <= 60


async def test_a_key_that_changes_under_the_watch_is_tried_alone_and_then_left_row_68(
    server: RealServer, tmp_path: Path
) -> None:
    from optimus_tui.actions.redis import key_actions

    put(server, *(f"cache:conv:acme:{index}" for index in range(3)))
    looked = key_actions._look
    held = pytest.MonkeyPatch()

    async def meddled(wire: object, keys: list[bytes]) -> object:
        outcomes = await looked(wire, keys)  # type: ignore[arg-type]
        if b"cache:conv:acme:1" in keys:
            server.command("EXPIRE", "cache:conv:acme:1", "900")
        return outcomes

    held.setattr(key_actions, "_look", meddled)
    try:
        async with armed(server.port, tmp_path) as action_service:
            receipt = await carried_out(action_service, await planned(action_service, "unlink_no_ttl"))
    finally:
        held.undo()
    assert receipt.outcomes == ("done", "changed", "done")
    assert number(server, "TTL", "cache:conv:acme:1") > 800


async def test_a_recreated_key_is_acted_on_only_if_it_still_meets_the_condition_row_67(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(20)))
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "expire_no_ttl", window_seconds=600)
        server.command("UNLINK", "cache:conv:acme:3")
        put(server, "cache:conv:acme:3", ttl=5)
        receipt = await carried_out(action_service, plan)
    assert receipt.counts == {"done": 19, "changed": 1}
    assert number(server, "TTL", "cache:conv:acme:3") <= 5


async def test_new_keys_after_the_plan_stay_and_are_counted_row_69(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(30)), ttl=600)
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "unlink_prefix", prefix=b"1")
        assert plan.count == 11
        put(server, *(f"cache:conv:acme:1new{index}" for index in range(12)))
        receipt = await carried_out(action_service, plan)
    assert receipt.counts == {"done": 11} and receipt.new_since == 12
    assert number(server, "DBSIZE") == 19 + 12


async def test_an_invalidation_unlinks_and_tells_the_gateways_once_row_81(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(5)), "cache:conv:other:1")
    with subscriber(server, b"cache_coherence:acme") as link:
        async with armed(server.port, tmp_path) as action_service:
            plan = await planned(action_service, "invalidate_tenant")
            receipt = await carried_out(action_service, plan)
            again = await carried_out(action_service, plan)
        message = link.recv(65536)
    assert again == receipt and receipt.published == 1 and receipt.counts == {"done": 5}
    event = json.loads(message[message.index(b"{") :].split(b"\r\n")[0])
    assert message.count(b"bulk_invalidation") == 1 and len(message) < 4096
    assert event["action_id"] == plan.id and event["tenant_id"] == "acme" and event["patterns"] == ["cache:*:acme:*"]


async def test_ambiguous_keys_stay_out_until_they_are_taken_in_rows_23_24(server: RealServer, tmp_path: Path) -> None:
    put(server, "cache:conv:acme:eu:1", "cache:conv:acme:plain", "cache:conv:acme:us:1", "rate_limit:acme:us:chat")
    put(server, "cache_coherence:acme:eu:conv")  # only this hints at a tenant acme:eu
    async with at_desk(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        assert [key.key for key in plan.keys] == [b"cache:conv:acme:plain"]
        assert plan.ambiguous == (b"cache:conv:acme:eu:1",) and plan.neighbours == 1
        taken = frozenset({b"cache:conv:acme:eu:1", b"cache:conv:acme:us:1", b"cache:conv:other:1"})
        more = await planned(action_service, "invalidate_tenant", include=taken)
        assert [key.key for key in more.keys] == [b"cache:conv:acme:eu:1", b"cache:conv:acme:plain"]


async def test_a_cancel_ends_it_after_the_batch_in_flight_row_73(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(1000)))
    cancel = threading.Event()
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        receipt = await carried_out(
            action_service, plan, cancel, lambda step: cancel.set() if step.tried >= 300 else None
        )
        assert action_service.interrupted() == []
    assert receipt.counts == {"done": 300, "left": 700} and receipt.cancelled and receipt.published is None
    assert number(server, "DBSIZE") == 700


async def test_every_deleted_key_stands_in_an_intent_before_its_result(server: RealServer, tmp_path: Path) -> None:
    names = [b"cache:conv:acme:\xff\n%d" % index for index in range(230)]
    put(server, *names)
    async with armed(server.port, tmp_path) as action_service:
        await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
    intents = [record for record in read(tmp_path / "audit.jsonl") if record["event"] == "intent"]
    assert sorted(unquoted(key) for record in intents for key in record["keys"]) == sorted(names)
    assert [len(record["keys"]) for record in intents] == [100, 100, 30]


@pytest.mark.parametrize("tenant", [b"*", b"", b"**", b":", b"acme:"])
async def test_all_tenants_or_none_is_refused_row_78(server: RealServer, tmp_path: Path, tenant: bytes) -> None:
    async with at_desk(server.port, tmp_path) as action_service:
        answer = await action_service.plan(ActionRequest(kind="reset_counters", tenant=tenant))
    assert isinstance(answer, Refusal) and answer.code == "request"


async def test_more_than_the_most_keys_is_refused_row_78(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(12)))
    async with armed(server.port, tmp_path) as action_service:
        answer = await action_service.plan(ActionRequest(kind="invalidate_tenant", tenant=b"acme", max_keys=10))
        assert isinstance(answer, Refusal) and answer.code == "too many"
        from msgspec import structs

        plan = await planned(action_service, "invalidate_tenant")
        small = structs.replace(plan, request=structs.replace(plan.request, max_keys=10))
        assert await refused(action_service, small) == "request"


async def test_a_glob_for_a_tenant_means_itself_row_23(server: RealServer, tmp_path: Path) -> None:
    put(server, "rate_limit:[ag]*:chat", "rate_limit:a:chat", "rate_limit:gx:chat", r"rate_limit:a\*:chat")
    async with armed(server.port, tmp_path) as action_service:
        receipt = await carried_out(action_service, await planned(action_service, "reset_counters", tenant=b"[ag]*"))
    assert receipt.counts == {"done": 1} and number(server, "DBSIZE") == 3
