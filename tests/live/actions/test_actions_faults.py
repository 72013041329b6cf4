"""Faults on the way: the process killed, the server killed, frozen or demoted, the disk full, a reply lost."""

import asyncio
import random
import threading
import time
from pathlib import Path

import pytest

from optimus_tui.actions import applying
from optimus_tui.contract.actions import Confirmation, Interrupted, Progress, Receipt, Refusal
from optimus_tui.history.audit.chain import read
from optimus_tui.history.audit.end import AuditUnwritable
from optimus_tui.history.audit.log import AuditLog
from tests.amounts import amount
from tests.live.actions.driver import CALM, armed, at_desk, carried_out, confirmation, ignore, number, planned, put
from tests.live.actions.killing import kill_once
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.relay import Relay


@pytest.mark.parametrize("kind", ["invalidate_tenant", "unlink_no_ttl"])
async def test_kill_9_at_any_point_leaves_nothing_unaudited_and_all_of_it_can_be_resumed_row_74(
    make_server: object, tmp_path: Path, kind: str
) -> None:
    server, dice, states = make_server(), random.Random(kind), set()  # type: ignore[operator]
    for turn in range(amount(6, 20)):
        after = await kill_once(server, tmp_path / str(turn), 1500, dice, kind)
        assert (after.unaudited, after.foreign_lost, after.left_after_resume) == (0, 0, 0), after
        states.add(after.killed_in)
    assert states & {"intent", "result"}


def _at(count: int, act: object) -> object:
    """A report that calls ``act`` once, when so many keys were tried."""
    done: list[int] = []

    def report(step: Progress) -> None:
        if step.stage == "acting" and step.tried >= count and not done:
            done.append(1)
            act()  # type: ignore[operator]

    return report


async def test_a_killed_server_leaves_the_batch_unknown_and_the_look_afterwards_tells_row_35(
    make_server: object, tmp_path: Path
) -> None:
    server = make_server()  # type: ignore[operator]
    put(server, *(f"cache:conv:acme:{index}" for index in range(600)))

    def restart() -> None:
        server.kill()
        server.start()

    async with armed(server.port, tmp_path) as action_service:
        receipt = await carried_out(
            action_service, await planned(action_service, "invalidate_tenant"), report=_at(200, restart)
        )
        assert receipt.stopped and receipt.verified and receipt.published is None
        assert receipt.counts["done"] == 200 and sum(receipt.counts.values()) == 600
        assert receipt.unknown_gone == receipt.counts.get("unknown", 0)
        assert action_service.interrupted() == []


async def test_a_server_that_stays_away_leaves_the_action_open(make_server: object, tmp_path: Path) -> None:
    server = make_server()  # type: ignore[operator]
    put(server, *(f"cache:conv:acme:{index}" for index in range(300)))
    async with armed(server.port, tmp_path, verify_seconds=0.5) as action_service:
        receipt = await carried_out(
            action_service, await planned(action_service, "invalidate_tenant"), report=_at(100, server.kill)
        )
        assert not receipt.verified and receipt.stopped
        (left,) = action_service.interrupted()
        assert isinstance(left, Interrupted) and left.tried >= 100
        server.start()
        answer = await action_service.resume(left, Confirmation(left.confirm, "go on"), threading.Event(), ignore)
        assert isinstance(answer, Refusal) and answer.code == "elsewhere"
        settled = await action_service.settle(left, "the server was restarted", threading.Event(), ignore)
        assert isinstance(settled, Receipt) and settled.verified and action_service.interrupted() == []


async def test_a_cut_line_leaves_it_open_and_the_same_process_goes_on_when_it_is_back_row_35(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(600)), "cache:conv:other:1")
    relay = Relay(server.port)
    try:
        async with armed(relay.port, tmp_path, verify_seconds=0.5) as action_service:
            receipt = await carried_out(
                action_service, await planned(action_service, "invalidate_tenant"), report=_at(200, relay.cut)
            )
            assert not receipt.verified and receipt.stopped and receipt.published is None
            (left,) = action_service.interrupted()
            assert isinstance(left, Interrupted) and left.why_not is None and 200 <= left.tried < 600
            again = await action_service.resume(left, Confirmation(left.confirm, "go on"), threading.Event(), ignore)
            assert isinstance(again, Refusal) and again.code == "unreachable"
            assert isinstance(await action_service.look(left, ignore), Refusal)
            relay.heal()
            words = Confirmation(f"test {left.plan.count}", "the words of the whole plan are not those of the rest")
            assert isinstance(await action_service.resume(left, words, threading.Event(), ignore), Refusal)
            done = await action_service.resume(
                left, Confirmation(left.confirm, "it is back"), threading.Event(), ignore
            )
            assert isinstance(done, Receipt) and done.verified and done.resumed and done.there_again == 0
            assert set(done.counts) <= {"done", "unknown", "already gone"} and sum(done.counts.values()) == 600
            assert isinstance(done.published, int) and action_service.interrupted() == []
            for late in (
                await action_service.resume(left, Confirmation(left.confirm, "twice"), threading.Event(), ignore),
                await action_service.settle(left, "twice", threading.Event(), ignore),
            ):
                assert isinstance(late, Refusal) and late.code == "conflict"
    finally:
        relay.stop()
    assert number(server, "DBSIZE") == 1
    events = [record["event"] for record in read(tmp_path / "audit.jsonl")]
    assert (events.count("planned"), events.count("resumed"), events.count("published")) == (1, 1, 1)


async def test_what_was_left_on_a_restarted_server_is_closed_with_a_word_about_it_row_39(
    make_server: object, tmp_path: Path
) -> None:
    server = make_server()  # type: ignore[operator]
    put(server, *(f"cache:conv:acme:{index}" for index in range(300)))
    async with armed(server.port, tmp_path, verify_seconds=0.2) as action_service:
        await carried_out(action_service, await planned(action_service, "unlink_no_ttl"), report=_at(100, server.kill))
        (left,) = action_service.interrupted()
        server.start()
        assert isinstance(left, Interrupted) and not isinstance(await action_service.look(left, ignore), Refusal)
        settled = await action_service.settle(left, "it was restarted", threading.Event(), ignore)
        assert isinstance(settled, Receipt) and settled.verified
        assert "another server process (run_id)" in (settled.stopped or "")
        await action_service.arm("test")
        rest = await action_service.plan(left.plan.request)
        assert isinstance(rest, Refusal) and rest.code == "nothing", "an empty server has nothing left to do"


async def test_a_lost_reply_is_unknown_and_never_repeated_row_81(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(5)))
    relay, asked = Relay(server.port), pytest.MonkeyPatch()
    original = applying.BatchRun.publish

    async def cut_off(self: applying.BatchRun, *words: object) -> None:
        relay.mute()
        threading.Timer(2.3, relay.heal).start()
        await original(self, *words)  # type: ignore[arg-type]

    asked.setattr(applying.BatchRun, "publish", cut_off)
    try:
        async with armed(relay.port, tmp_path) as action_service:
            plan = await planned(action_service, "invalidate_tenant")
            receipt = await carried_out(action_service, plan)
            assert receipt.published == "unknown" and receipt.counts == {"done": 5} and receipt.verified
            assert await carried_out(action_service, plan) == receipt
    finally:
        asked.undo()
        relay.stop()
    events = [record["event"] for record in read(tmp_path / "audit.jsonl")]
    assert events.count("publishing") == 1


async def test_a_frozen_server_stops_it_within_the_timeout_row_49(make_server: object, tmp_path: Path) -> None:
    server = make_server()  # type: ignore[operator]
    put(server, *(f"cache:conv:acme:{index}" for index in range(600)))
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        threading.Timer(4.0, server.thaw).start()
        receipt = await carried_out(action_service, plan, report=_at(200, server.freeze))
    assert receipt.stopped and "no answer" in receipt.stopped and receipt.verified
    assert receipt.counts["done"] == 200 and receipt.there_again == 0
    assert number(server, "DBSIZE") == 401, "and the lock, which ends by itself"


async def test_a_demoted_server_stops_it_row_38(make_server: object, tmp_path: Path) -> None:
    server = make_server()  # type: ignore[operator]
    put(server, *(f"cache:conv:acme:{index}" for index in range(600)))
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        demote = lambda: server.command("REPLICAOF", "127.0.0.1", "1")  # noqa: E731
        receipt = await carried_out(action_service, plan, report=_at(200, demote))
    assert receipt.stopped and "refused" in receipt.stopped and receipt.counts == {"done": 200, "left": 400}
    assert receipt.published is None


async def test_a_suffering_server_stops_it(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(900)))
    times = iter([*[0.3] * applying.QUIET_PINGS, 0.4, 32.0, 0.4, 31.0, 32.0, 31.0, 33.0, 31.0, 32.0])
    slow = pytest.MonkeyPatch()

    async def ping(wire: object) -> float:
        return next(times)

    slow.setattr(applying, "_ping", ping)
    try:
        async with armed(server.port, tmp_path) as action_service:
            receipt = await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
    finally:
        slow.undo()
    assert receipt.stopped and "the server is slow" in receipt.stopped and receipt.counts == {"done": 400, "left": 500}


async def test_a_server_that_was_slow_before_anything_was_done_does_not_stop_one_batch(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(server, "cache:conv:acme:1")
    times = iter([0.3] * applying.QUIET_PINGS)

    async def ping(wire: object) -> float:
        return next(times, 90.0)

    monkeypatch.setattr(applying, "_ping", ping)
    async with armed(server.port, tmp_path) as action_service:
        receipt = await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
    assert receipt.stopped is None and receipt.counts == {"done": 1}


@pytest.mark.parametrize("event", ["planned", "confirmed", "intent", "result", "verified", "closed"])
async def test_a_disk_that_fills_at_any_line_stops_it_there_row_82(
    server: RealServer, tmp_path: Path, event: str
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(250)))
    full, append = pytest.MonkeyPatch(), AuditLog.append

    def fills(self: AuditLog, name: str, action: str = "", **fields: object) -> object:
        if name == event:
            raise AuditUnwritable("the disk is full")
        return append(self, name, action, **fields)

    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "unlink_no_ttl")
        full.setattr(AuditLog, "append", fills)
        try:
            answer = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        finally:
            full.undo()
        left = {"planned": 250, "confirmed": 250, "intent": 250, "result": 150, "verified": 0, "closed": 0}[event]
        assert number(server, "DBSIZE") == left and number(server, "EXISTS", "optimus:lock:acme") == 0
        if left == 250 and event != "intent":
            assert isinstance(answer, Refusal) and answer.code == "audit" and action_service.interrupted() == []
            return
        assert isinstance(answer, Receipt) and not answer.verified and "disk is full" in (answer.stopped or "")
        (one,) = action_service.interrupted()
        assert isinstance(one, Interrupted)
        done = await action_service.resume(one, Confirmation(one.confirm, "there is room"), threading.Event(), ignore)
        assert isinstance(done, Receipt) and done.verified and number(server, "DBSIZE") == 0


async def test_what_runs_in_another_process_is_not_offered_and_an_old_one_only_closed(
    server: RealServer, tmp_path: Path
) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(300)))
    seen: list[object] = []
    async with armed(server.port, tmp_path, tuning=CALM) as action_service, at_desk(server.port, tmp_path) as other:
        plan = await planned(action_service, "unlink_no_ttl")
        await carried_out(action_service, plan, report=_at(100, lambda: seen.extend([other.interrupted()])))
        assert seen == [[]]
        from optimus_tui.actions import action_log

        put(server, *(f"cache:conv:acme:{index}" for index in range(300)))
        plan = await planned(action_service, "unlink_no_ttl")
        stop = pytest.MonkeyPatch()
        stop.setattr("optimus_tui.actions.action_log.ActionLog.close", _unwritable)
        await carried_out(action_service, plan, report=ignore)
        stop.undo()
        (old,) = action_log.interrupted(tmp_path, time.time() + 1000)
        assert isinstance(old, Interrupted) and old.why_not and old.tried == 300
        answer = await action_service.resume(old, Confirmation(old.confirm, "go on"), threading.Event(), ignore)
        assert isinstance(answer, Refusal) and answer.code == "stale"


def _unwritable(*_: object) -> None:
    raise AuditUnwritable("no room")


def _wait_until_gone(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


async def test_a_cancelled_caller_stops_the_action_and_its_thread_closes_it(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(2000)))
    cancel, acting = threading.Event(), threading.Event()
    async with armed(server.port, tmp_path) as action_service:
        plan = await planned(action_service, "unlink_no_ttl")
        report = lambda step: acting.set() if step.stage == "acting" else None  # noqa: E731
        task = asyncio.ensure_future(action_service.apply(plan, confirmation(plan), cancel, report))
        await asyncio.to_thread(acting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(_wait_until_gone, tmp_path / "actions" / f"{plan.id}.plan")
        receipt = await carried_out(action_service, plan)
    assert receipt.cancelled and 0 < receipt.counts["left"] < 2000
    assert number(server, "DBSIZE") == receipt.counts["left"]


async def test_a_full_server_can_still_be_relieved_row_45(make_server: object, tmp_path: Path) -> None:
    server = make_server()  # type: ignore[operator]
    put(server, *(f"cache:conv:{tenant}:{index}" for tenant in ("acme", "beta") for index in range(50)))
    server.command("CONFIG", "SET", "maxmemory", "1")
    assert server.command("SET", "x", "y").startswith(b"-OOM")
    async with armed(server.port, tmp_path) as action_service:
        receipt = await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
        careful = await carried_out(action_service, await planned(action_service, "unlink_no_ttl", tenant=b"beta"))
    assert receipt.counts == {"done": 50} and receipt.verified and receipt.stopped is None
    # A full Redis queues nothing after MULTI; Valkey does. Either way it is said.
    assert careful.counts == {"done": 50} or "maxmemory" in (careful.stopped or "")


async def test_an_absent_server_is_never_armed_row_33(tmp_path: Path) -> None:
    async with at_desk(1, tmp_path) as action_service:
        answer = await action_service.arm("test")
        assert isinstance(answer, Refusal) and answer.code == "unreachable"
