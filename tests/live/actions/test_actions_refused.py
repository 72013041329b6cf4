"""What is refused before anything is sent: not armed, not there, too old, changed, locked, without rights or audit."""

import os
import re
import threading
from pathlib import Path

import pytest
from msgspec import structs

from optimus_tui.actions import action_log
from optimus_tui.actions.redis.key_actions import touch_without_ttl
from optimus_tui.actions.redis.keys import Known
from optimus_tui.actions.redis.operator_connection import Permit, open_operator_connection
from optimus_tui.actions.redis.tenant_lock import RENEW_SECONDS, EndedLocks, TenantLock
from optimus_tui.contract.actions import ActionRequest, Confirmation, Refusal
from optimus_tui.history.audit.chain import read
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.commands import name_of_command
from optimus_tui.tui.actions.action_dialog_stages import armed_words
from tests.fixed_clock import FixedClock
from tests.live.actions.driver import (
    add_operator,
    armed,
    at_desk,
    carried_out,
    confirmation,
    ignore,
    local,
    number,
    operator_rights,
    planned,
    put,
    refused,
)
from tests.live.probes.tap import Tap
from tests.patience import PATIENCE
from tests.realserver import RealServer

WRITES = {"unlink", "expire", "publish", "multi", "exec", "watch", "set", "del", "pexpire"}


async def test_without_arming_no_action_reaches_the_server_row_77(server: RealServer, tmp_path: Path) -> None:
    put(server, "rate_limit:acme:chat", "cache:conv:acme:1")
    tap = Tap(server.port)
    try:
        async with at_desk(tap.port, tmp_path) as action_service:
            for kind, more in (
                ("repair_counter", {"window_seconds": 60}),
                ("reset_counters", {}),
                ("unlink_no_ttl", {}),
                ("expire_no_ttl", {"window_seconds": 60}),
                ("invalidate_tenant", {}),
                ("unlink_prefix", {"prefix": b"1"}),
            ):
                plan = await planned(action_service, kind, **more)
                assert plan.count == 1 and await refused(action_service, plan) == "not armed"
    finally:
        tap.stop()
    assert tap.commands and not WRITES & set(tap.names())
    assert number(server, "DBSIZE") == 2 and not (tmp_path / "audit.jsonl").exists()


async def test_arming_sends_nothing_that_writes_and_needs_the_name(server: RealServer, tmp_path: Path) -> None:
    tap = Tap(server.port)
    try:
        async with at_desk(tap.port, tmp_path) as action_service:
            for typed in ("", "Test", "test ", "prod"):
                answer = await action_service.arm(typed)
                assert isinstance(answer, Refusal) and answer.code == "wrong words"
            assert not isinstance(await action_service.arm("test", 5), Refusal)
            assert 180 < action_service.guard.seconds_left <= 300 and 0 < action_service.guard.idle_seconds_left <= 180
    finally:
        tap.stop()
    assert not WRITES & set(tap.names())


async def test_a_slow_disk_holds_no_screen_up_when_it_disarms(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with armed(server.port, tmp_path) as action_service:
        slow, write = threading.Event(), action_service.audit.append
        monkeypatch.setattr(
            action_service.audit, "append", lambda *event, **fields: slow.wait(PATIENCE) and write(*event, **fields)
        )
        action_service.guard.disarm("no key was pressed")
        assert action_service.guard.armed is None and [one["event"] for one in read(tmp_path / "audit.jsonl")] == [
            "armed"
        ]
        slow.set()
        action_service.guard.wait_written()
    assert [one["event"] for one in read(tmp_path / "audit.jsonl")] == ["armed", "disarmed"]


async def test_arming_ends_by_itself_and_when_nobody_is_there(server: RealServer, tmp_path: Path) -> None:
    clock = FixedClock()
    async with armed(server.port, tmp_path, clock) as action_service:
        for _ in range(5):
            clock.advance(119)
            action_service.guard.touch()
        assert action_service.guard.armed is not None and action_service.guard.seconds_left == pytest.approx(5)
        for jump in (3600, -7200):  # of the wall clock alone, which neither disarms nor prolongs
            clock._wall += jump
            assert action_service.guard.armed is not None and action_service.guard.seconds_left == pytest.approx(5)
        clock.advance(5.1)
        assert action_service.guard.armed is None and action_service.guard.seconds_left == 0
        await action_service.arm("test", 10)
        clock.advance(151)
        assert armed_words(action_service.guard) == "ARMED, disarms in 0:29: no key pressed"
        action_service.guard.touch()
        assert armed_words(action_service.guard) == "ARMED 7:29"
        clock.advance(181)
        assert action_service.guard.armed is None
    said = [record["why"] for record in read(tmp_path / "audit.jsonl") if record["event"] == "disarmed"]
    assert said == ["the time was over", "no key was pressed"]


@pytest.mark.parametrize("jump", [3600.0, -3600.0])
async def test_a_clock_that_jumps_neither_arms_longer_nor_makes_a_plan_fresh_row_28(
    server: RealServer, tmp_path: Path, jump: float
) -> None:
    put(server, "rate_limit:acme:chat")
    clock = FixedClock()
    async with armed(server.port, tmp_path, clock) as action_service:
        fresh, old = await planned(action_service, "reset_counters"), await planned(action_service, "reset_counters")
        clock._wall += jump
        assert action_service.guard.seconds_left == pytest.approx(600)
        receipt = await carried_out(action_service, fresh)
        assert receipt.verified and 0 <= receipt.seconds < 30
        ended = receipt.started_at + receipt.seconds
        assert ended == pytest.approx(clock.wall(), rel=0, abs=1e-4), "it has ended now, not later"
        assert action_log.too_old(old, clock.wall()) is not None, "nobody can tell how old it is: it is only closed"
        clock.advance(61)
        assert await refused(action_service, old) == "stale"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"writable": False}, "not writable"),
        ({"redis": local(1, tls_verify=False, scheme="rediss")}, "insecure"),
        ({"redis": structs.replace(local(1), host="10.0.0.1")}, "insecure"),
    ],
)
async def test_some_environments_never_arm(tmp_path: Path, more: dict[str, object], code: str) -> None:
    async with at_desk(1, tmp_path, **more) as action_service:  # type: ignore[arg-type]
        answer = await action_service.arm("test")
    assert isinstance(answer, Refusal) and answer.code == code


async def test_a_replica_is_never_armed_row_38(make_server: object, tmp_path: Path) -> None:
    first = make_server()  # type: ignore[operator]
    replica = make_server(replicaof=f"127.0.0.1 {first.port}")  # type: ignore[operator]
    async with at_desk(replica.port, tmp_path) as action_service:
        answer = await action_service.arm("test")
    assert isinstance(answer, Refusal) and answer.code == "replica"


@pytest.mark.parametrize(
    "typed", ["", "test", "test 3", "TEST 2", "test 2\n", "y", "yes", "\r", "prod 2", "test 02", "test  2"]
)
async def test_only_the_facts_confirm_rows_71_72(server: RealServer, tmp_path: Path, typed: str) -> None:
    put(server, "rate_limit:acme:a", "rate_limit:acme:b")
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "reset_counters")
        assert await refused(action_service, plan, words=Confirmation(typed, "a test")) == "wrong words"
        assert await refused(action_service, plan, words=Confirmation("test 2", "  ")) == "wrong words"
    assert number(server, "DBSIZE") == 2


async def test_a_plan_older_than_a_minute_is_made_anew_row_70(server: RealServer, tmp_path: Path) -> None:
    put(server, "rate_limit:acme:chat")
    clock = FixedClock()
    async with armed(server.port, tmp_path, clock) as action_service:
        plan = await planned(action_service, "reset_counters")
        clock.advance(60.5)
        assert await refused(action_service, plan) == "stale"


@pytest.mark.parametrize(("gone", "code"), [(1, None), (2, "drift"), (9, "drift"), (10, None)])
async def test_a_drift_of_more_than_a_tenth_is_planned_anew_rows_70_75(
    server: RealServer, tmp_path: Path, gone: int, code: str | None
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(10)))
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        for index in range(gone):
            server.command("UNLINK", f"cache:conv:acme:{index}")
        if code:
            assert await refused(action_service, plan) == code and number(server, "DBSIZE") == 10 - gone
        else:
            receipt = await carried_out(action_service, plan)
            assert receipt.counts.get("already gone") == gone and receipt.counts.get("done", 0) == 10 - gone


async def test_a_window_that_ran_out_by_itself_is_no_drift(server: RealServer, tmp_path: Path) -> None:
    put(server, "rate_limit:acme:a", ttl=600)
    put(server, "rate_limit:acme:b", ttl=600)
    clock = FixedClock()
    async with armed(server.port, tmp_path, clock) as action_service:
        plan = await planned(action_service, "reset_counters")
        short = tuple(structs.replace(key, ttl_ms=3000) if key.key.endswith(b"b") else key for key in plan.keys)
        clock.advance(5)
        server.command("UNLINK", "rate_limit:acme:b")
        receipt = await carried_out(action_service, structs.replace(plan, keys=short))
    assert receipt.counts == {"done": 1, "already gone": 1}


async def test_a_plan_for_one_server_is_void_on_another_rows_79_80(
    server: RealServer, make_server: object, tmp_path: Path
) -> None:
    other = make_server()  # type: ignore[operator]
    put(server, "rate_limit:acme:chat")
    put(other, "rate_limit:acme:chat")
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "reset_counters")
        for field, value in (("run_id", "0" * 40), ("db", 3), ("user", "x"), ("environment", "prod"), ("place", "h:1")):
            moved = structs.replace(plan, where=structs.replace(plan.where, **{field: value}))
            words = Confirmation(f"{moved.where.environment} 1", "a test")
            assert await refused(action_service, moved, words=words) == "elsewhere"
    async with armed(other.port, tmp_path) as action_service:
        assert await refused(action_service, plan) == "elsewhere"
    assert number(server, "DBSIZE") == number(other, "DBSIZE") == 1


async def test_a_restarted_server_voids_the_plan_row_39(make_server: object, tmp_path: Path) -> None:
    one = make_server()  # type: ignore[operator]
    put(one, "rate_limit:acme:chat")
    async with armed(one.port, tmp_path) as action_service:
        plan = await planned(action_service, "reset_counters")
        one.kill()
        one.start()
        put(one, "rate_limit:acme:chat")
        assert await refused(action_service, plan) == "elsewhere"
        one.command("REPLICAOF", "127.0.0.1", "1")
        answer = await action_service.plan(ActionRequest(kind="reset_counters", tenant=b"acme"))
        assert isinstance(answer, Refusal) and answer.code == "replica"
    assert number(one, "DBSIZE") == 1


async def test_a_second_operator_sees_who_is_at_it_and_for_how_long_row_75(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(500)), "cache:conv:other:1")
    started, go = threading.Event(), threading.Event()
    said: list[Refusal] = []
    async with armed(server.port, tmp_path) as first, armed(server.port, tmp_path / "b") as second:
        plan, rival = await planned(first, "invalidate_tenant"), await planned(second, "invalidate_tenant")
        elsewhere = await planned(second, "invalidate_tenant", tenant=b"other")

        def hold(step: object) -> None:
            started.set()
            go.wait(PATIENCE)

        import asyncio

        running = asyncio.ensure_future(
            first.apply(plan, confirmation(plan), threading.Event(), lambda s: hold(s) if s.stage == "acting" else None)
        )
        await asyncio.to_thread(started.wait, 10)
        answer = await second.apply(rival, confirmation(rival), threading.Event(), ignore)
        assert isinstance(answer, Refusal)
        said.append(answer)
        assert (await carried_out(second, elsewhere)).counts == {"done": 1}
        go.set()
        receipt = await running
        assert not isinstance(receipt, Refusal) and receipt.counts == {"done": 500}
        late = await carried_out(second, rival)
    assert said[0].code in ("locked", "drift") and late.counts == {"already gone": 500}
    assert number(server, "EXISTS", "optimus:lock:acme") == 0


async def test_a_lock_whose_owner_died_ends_by_itself_row_76(server: RealServer, tmp_path: Path) -> None:
    put(server, "cache:conv:acme:1")
    dead = '{"action":"dead","user":"ann","host":"bastion","pid":4711,"since":1}'
    server.command("SET", "optimus:lock:acme", dead, "PX", "30000")
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        answer = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(answer, Refusal) and answer.code == "locked"
        assert "ann on bastion (process 4711) is working on this tenant for" in answer.message
        server.command("PEXPIRE", "optimus:lock:acme", "1")  # 30 s later
        while number(server, "EXISTS", "optimus:lock:acme"):
            pass
        assert (await carried_out(action_service, plan)).counts == {"done": 1}


async def test_the_lock_of_an_ended_action_of_ones_own_is_gone_on_with_and_a_foreign_one_never(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, "cache:conv:acme:1")
    name, values = b"optimus:lock:acme", list[bytes]()
    async with armed(server.port, tmp_path) as action_service:

        def keep(words: tuple[object, ...]) -> None:
            if words[0] == "SET" and isinstance(words[2], bytes):
                values.append(words[2])

        action_service.guard.listener = keep
        await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
        for last in (b"", b" "):  # as a replica has it that took the primary's place; then of somebody like us
            put(server, "cache:conv:acme:1")
            server.command("SET", name, values[-1] + last, "PX", "20000")
            plan = await planned(action_service, "invalidate_tenant")
            if not last:
                assert (await carried_out(action_service, plan)).counts == {"done": 1}
                assert number(server, "EXISTS", name) == 0, "it is released by the action that went on with it"
                continue
            assert await refused(action_service, plan) == "locked"
    assert number(server, "EXISTS", name) == 1 and number(server, "PTTL", name) <= 20_000


async def test_a_lock_that_another_owner_takes_meanwhile_is_not_gone_on_with(server: RealServer) -> None:
    name, foreign = b"optimus:lock:acme", b'{"action":"other"}'
    ended = EndedLocks()

    def between(words: tuple[object, ...]) -> None:
        """Between our look and our going on, the old lock ends and somebody takes the next."""
        if words[0] == "PEXPIRE":
            server.command("SET", name, foreign, "PX", "30000")

    connection = await open_operator_connection(local(server.port), Permit(lock=name), LoadMeter(), between)
    try:
        first, next_one = (TenantLock(connection, name, action, "ann", FixedClock(), ended) for action in ("1", "2"))
        assert await first.take() is None
        ended.add(first)
        refusal = await next_one.take()
        assert refusal is not None and refusal.code == "locked" and not next_one.held
    finally:
        await connection.close()
    assert foreign in server.command("GET", name)


async def test_the_lock_of_an_ended_action_is_gone_on_with_by_one_action_alone(server: RealServer) -> None:
    name, ended = b"optimus:lock:acme", EndedLocks()
    connection = await open_operator_connection(local(server.port), Permit(lock=name), LoadMeter(), None)
    try:
        first, second, third = (TenantLock(connection, name, one, "ann", FixedClock(), ended) for one in "123")
        assert await first.take() is None
        ended.add(first)
        assert await second.take() is None and second.held
        refusal = await third.take()
        assert refusal is not None and refusal.code == "locked" and not third.held
    finally:
        await connection.close()


async def test_the_recommended_login_can_do_every_action_and_nothing_that_is_not_sent(
    make_server: object, tmp_path: Path
) -> None:
    one = make_server()  # type: ignore[operator]
    target, sent = add_operator(one), set[str]()
    put(one, "rate_limit:acme:chat", *(f"cache:conv:acme:{index}" for index in range(4)))
    async with at_desk(one.port, tmp_path, operator_redis=target) as action_service:
        action_service.guard.listener = lambda words: sent.add(name_of_command(words).lower())
        assert not isinstance(await action_service.arm("test"), Refusal)
        for kind, more in (
            ("repair_counter", {"window_seconds": 60}),
            ("reset_counters", {}),
            ("unlink_prefix", {"prefix": b"3"}),
            ("expire_no_ttl", {"window_seconds": 60, "cache_kind": b"conv"}),
            ("invalidate_tenant", {}),
        ):
            plan = await planned(action_service, kind, **more)
            assert plan.where.user == "optimus_operator"
            receipt = await carried_out(action_service, plan)
            assert set(receipt.counts) == {"done"} and receipt.verified and not receipt.stopped
        put(one, "cache:conv:acme:x")
        assert (await carried_out(action_service, await planned(action_service, "unlink_no_ttl"))).counts == {"done": 1}
    put(one, "cache:conv:acme:y", ttl=60)
    clock, lock, key = FixedClock(), b"optimus:lock:acme", b"cache:conv:acme:y"
    permit = Permit({"UNLINK"}, [key], lock=lock)
    connection = await open_operator_connection(target, permit, LoadMeter(), action_service.guard.listener)
    try:
        ours, others = (TenantLock(connection, lock, action, "ann", clock) for action in ("one", "two"))
        assert await ours.take() is None and await others.take() is not None
        clock.advance(RENEW_SECONDS)
        assert await ours.keep() is None and ours.held
        assert await touch_without_ttl(connection, [key], lambda name: ("UNLINK", name)) == ["changed"]
        await ours.release()
    finally:
        await connection.close()
    assert number(one, "DBSIZE") == 1 and one.command("ACL", "LOG") == b"*0\r\n"
    granted = set(re.findall(r"\+([a-z|]+)", " ".join(operator_rights())))
    assert granted == sent | {"hello", "auth", "client|setname"}


@pytest.mark.parametrize(
    ("without", "kind", "code"),
    [("-unlink", "reset_counters", "no right"), ("-info", "reset_counters", "no right")],
)
async def test_a_login_without_the_right_is_refused_before_anything_row_40(
    make_server: object, tmp_path: Path, without: str, kind: str, code: str
) -> None:
    one = make_server()  # type: ignore[operator]
    put(one, "rate_limit:acme:chat")
    target = add_operator(one, "%RW~rate_limit:*", "+expire", without, selectors=False)
    async with at_desk(one.port, tmp_path, operator_redis=target) as action_service:
        answer = await action_service.arm("test")
        if without == "-info":
            assert isinstance(answer, Refusal) and answer.code == code
            return
        assert not isinstance(answer, Refusal)
        assert await refused(action_service, await planned(action_service, kind)) == code
    assert number(one, "DBSIZE") == 1


async def test_without_the_right_to_locks_the_action_goes_on_row_75(make_server: object, tmp_path: Path) -> None:
    one = make_server()  # type: ignore[operator]
    put(one, "rate_limit:acme:chat")
    target = add_operator(one, "%RW~rate_limit:*", "+unlink", selectors=False)
    async with armed(one.port, tmp_path, operator_redis=target) as action_service:
        assert (await carried_out(action_service, await planned(action_service, "reset_counters"))).counts == {
            "done": 1
        }


async def test_without_an_audit_nothing_is_armed_or_done_row_82(server: RealServer, tmp_path: Path) -> None:
    put(server, "rate_limit:acme:chat")
    state = tmp_path / "state"
    async with armed(server.port, state) as action_service:
        plan = await planned(action_service, "reset_counters")
        (state / "audit.jsonl").unlink()
        (state / "audit.jsonl").mkdir()
        assert await refused(action_service, plan) == "audit"
        answer = await action_service.arm("test")
        assert isinstance(answer, Refusal) and answer.code == "audit"
        assert number(server, "DBSIZE") == 1
        os.rmdir(state / "audit.jsonl")


async def test_the_same_id_with_other_keys_is_refused(server: RealServer, tmp_path: Path) -> None:
    put(server, "rate_limit:acme:chat", "rate_limit:beta:chat")
    async with armed(server.port, tmp_path) as action_service:
        plan, other = (
            await planned(action_service, "reset_counters"),
            await planned(action_service, "reset_counters", tenant=b"beta"),
        )
        await carried_out(action_service, plan)
        assert await refused(action_service, structs.replace(other, id=plan.id)) == "conflict"
        assert await refused(action_service, structs.replace(other, keys=plan.keys)) == "conflict"
        forged = structs.replace(plan, id="f" * 32, request=other.request)
        assert await refused(action_service, forged) == "request"
    assert number(server, "DBSIZE") == 1


async def test_what_the_caller_has_seen_settles_whose_colons_are_whose(server: RealServer, tmp_path: Path) -> None:
    put(server, "cache:conv:acme:eu:1")
    async with at_desk(server.port, tmp_path) as action_service:
        request = ActionRequest(kind="invalidate_tenant", tenant=b"acme")
        sure = await action_service.plan(request, Known(sure=frozenset({b"acme:eu"})))
        hinted = await action_service.plan(request, Known(hinted=frozenset({b"acme:eu"})))
        mine = await action_service.plan(
            structs.replace(request, tenant=b"acme:eu"), Known(sure=frozenset({b"acme:eu"}))
        )
    assert not isinstance(sure, Refusal) and (sure.count, sure.neighbours, sure.ambiguous) == (0, 1, ())
    assert not isinstance(hinted, Refusal) and (hinted.count, len(hinted.ambiguous)) == (0, 1)
    assert not isinstance(mine, Refusal) and mine.count == 1
