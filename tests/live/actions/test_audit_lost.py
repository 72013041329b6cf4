"""The audit is moved, cut, locked or slow in the middle of an action: it stops, says so, and can be gone on with."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from optimus_tui.__main__ import run
from optimus_tui.actions.redis import tenant_lock as locks
from optimus_tui.contract.actions import Confirmation, Interrupted, Progress, Receipt, Refusal
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.history.audit.log import AuditLog, unquoted
from optimus_tui.storage import private_file
from tests.fixed_clock import FixedClock
from tests.live.actions.driver import (
    CALM,
    armed,
    at_desk,
    carried_out,
    confirmation,
    ignore,
    number,
    planned,
    put,
    refused,
)
from tests.patience import PATIENCE
from tests.realserver import RealServer
from tests.unit.history.audit_faults import cut_back, removed, renamed, renamed_and_created, truncated

KEYS = 1000
Harm = Callable[[Path], None]


def once_at(count: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    done: list[int] = []

    def report(step: Progress) -> None:
        if step.stage == "acting" and step.tried >= count and not done:
            done.append(1)
            act()

    return report


async def stopped_by(server: RealServer, folder: Path, harm: Harm) -> Receipt:
    put(server, *(f"cache:conv:acme:{index}" for index in range(KEYS)), "cache:conv:other:1")
    async with armed(server.port, folder, tuning=CALM) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        receipt = await carried_out(action_service, plan, report=once_at(300, lambda: harm(folder / "audit.jsonl")))
    assert not receipt.verified and receipt.published is None
    assert receipt.stopped is not None and "optimus-tui audit" in receipt.stopped, receipt.stopped
    assert receipt.counts == {"done": 300, "left": 700}, "it stops before the next batch"
    assert number(server, "DBSIZE") == 701
    return receipt


@pytest.mark.parametrize("harm", [renamed, renamed_and_created])
async def test_an_audit_that_logrotate_took_stops_the_action_and_rotate_lets_it_go_on(
    server: RealServer, tmp_path: Path, harm: Harm, capsys: pytest.CaptureFixture[str]
) -> None:
    await stopped_by(server, tmp_path, harm)
    async with armed_after(server, tmp_path) as action_service:  # type: ignore[attr-defined]
        (left,) = action_service.interrupted()
        assert isinstance(left, (Interrupted, Refusal))
        assert run(["audit", "verify", "--state", str(tmp_path)]) != 0
        assert run(["audit", "rotate", "--state", str(tmp_path)]) == 0
        (left,) = action_service.interrupted()
        assert isinstance(left, Interrupted) and left.why_not is None and left.tried == 300
        assert not isinstance(await action_service.arm("test"), Refusal)
        done = await action_service.resume(
            left, Confirmation(left.confirm, "it was rotated"), threading.Event(), ignore
        )
        assert isinstance(done, Receipt) and done.verified and done.counts == {"done": KEYS}
        assert action_service.interrupted() == []
    capsys.readouterr()
    assert run(["audit", "verify", "--state", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "audit-from-0000000001.jsonl: records 1 to " in said and "audit.jsonl: records " in said and "whole" in said
    assert number(server, "DBSIZE") == 1
    assert audited(tmp_path) == {b"cache:conv:acme:%d" % index for index in range(KEYS)}


@pytest.mark.parametrize("harm", [removed, truncated, cut_back])
async def test_an_audit_that_is_lost_stops_the_action_which_is_never_silently_gone(
    server: RealServer, tmp_path: Path, harm: Harm, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt = await stopped_by(server, tmp_path, harm)
    assert run(["audit", "verify", "--state", str(tmp_path)]) != 0
    async with armed_after(server, tmp_path) as action_service:  # type: ignore[attr-defined]
        (left,) = action_service.interrupted()
        if harm is cut_back:
            assert isinstance(left, Interrupted) and left.why_not and "audit.head" in left.why_not
        else:
            assert isinstance(left, Refusal) and left.code == "audit" and receipt.id[:8] in left.message
            assert "1,000 keys" in left.message and "verify" in (left.remedy or "")
        answer = await action_service.arm("test")
        assert isinstance(answer, Refusal) and answer.code == "audit" and "accept-break" in (answer.remedy or "")
        capsys.readouterr()
        words = ["audit", "accept-break", "--state", str(tmp_path), "--reason", "somebody cleaned up"]
        assert run(words) == 0
        said = capsys.readouterr().out
        if harm is cut_back:
            (left,) = action_service.interrupted()
            assert isinstance(left, Interrupted) and "a break in the audit was accepted" in (left.why_not or "")
            settled = await action_service.settle(left, "records were lost", threading.Event(), ignore)
            assert isinstance(settled, Receipt) and settled.verified
        else:
            assert receipt.id[:8] in said and "plan again" in said
            assert (tmp_path / "actions" / f"{receipt.id}.plan-lost").exists()
        assert action_service.interrupted() == []
        await action_service.arm("test")
        assert (await carried_out(action_service, await planned(action_service, "invalidate_tenant"))).verified
    assert verify(tmp_path / "audit.jsonl").problem is None
    assert run(["audit", "verify", "--state", str(tmp_path)]) == 0
    assert "a break was accepted" in capsys.readouterr().out


def armed_after(server: RealServer, folder: Path) -> object:
    return at_desk(server.port, folder, tuning=CALM)


def audited(folder: Path) -> set[bytes]:
    records = read(folder / "audit.jsonl")
    return {unquoted(key) for record in records if record["event"] == "intent" for key in record["keys"]}


async def test_a_lock_on_the_audit_held_elsewhere_stops_the_action_and_names_who_holds_it(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_file.lock, "__defaults__", (0.5,))
    put(server, *(f"cache:conv:acme:{index}" for index in range(KEYS)))
    flock = shutil.which("flock")
    assert flock is not None
    others: list[subprocess.Popen[bytes]] = []

    def hold() -> None:
        words = [flock, str(tmp_path / "audit.jsonl"), "sh", "-c", "echo held; exec sleep 60"]
        others.append(subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True))
        assert others[0].stdout is not None
        others[0].stdout.readline()

    try:
        async with armed(server.port, tmp_path, tuning=CALM) as action_service:
            receipt = await carried_out(
                action_service, await planned(action_service, "invalidate_tenant"), report=once_at(300, hold)
            )
            assert receipt.counts == {"done": 300, "left": 700} and not receipt.verified
            assert f"held by process {others[0].pid} (flock)" in (receipt.stopped or "")
            answer = await action_service.arm("test")
            assert isinstance(answer, Refusal) and "is held by" in answer.message
            assert others[0].poll() is None, "it holds the audit still"
    finally:
        for one in others:
            os.killpg(one.pid, signal.SIGKILL)
            one.wait()
            assert one.stdout is not None
            one.stdout.close()


def stolen(server: RealServer) -> None:
    server.command("SET", "optimus:lock:acme", '{"action":"other","user":"ann","host":"b"}', "PX", "30000")


@pytest.mark.parametrize("where", ["between two batches", "while the intent is written"])
async def test_after_a_pause_the_lock_is_looked_at_before_the_next_batch(
    server: RealServer, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FixedClock()
    put(server, *(f"cache:conv:acme:{index}" for index in range(KEYS)))
    append = AuditLog.append

    def pause() -> None:
        clock.advance(locks.RENEW_SECONDS)
        stolen(server)

    def slow(self: AuditLog, event: str, action: str = "", **fields: object) -> object:
        if event == "intent" and fields["start"] == 300 and where.startswith("while"):
            pause()
        return append(self, event, action, **fields)

    monkeypatch.setattr(AuditLog, "append", slow)
    report = once_at(300, pause) if where.startswith("between") else ignore
    async with armed(server.port, tmp_path, clock, tuning=CALM) as action_service:
        receipt = await carried_out(action_service, await planned(action_service, "invalidate_tenant"), report=report)
    assert receipt.counts == {"done": 300, "left": 700} and "lock was lost" in (receipt.stopped or "")
    assert receipt.published is None and receipt.verified
    assert b"ann" in server.command("GET", "optimus:lock:acme"), "another's lock stays"


def test_a_process_that_was_stopped_looks_at_its_lock_when_it_goes_on(server: RealServer, tmp_path: Path) -> None:
    put(server, *(f"cache:conv:acme:{index}" for index in range(2000)))
    words = [sys.executable, "-m", "tests.live.actions.doomed", str(server.port), str(tmp_path), "invalidate_tenant"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"ready\n", b"acting\n"]
        process.send_signal(signal.SIGSTOP)
        stolen(server)
        before = number(server, "DBSIZE")
        time.sleep(locks.RENEW_SECONDS + 0.3)
        process.send_signal(signal.SIGCONT)
        said = process.stdout.read().decode()
    stopped = ("the lock was lost", "no answer from")  # the second where a reply was under way when it was stopped
    assert any(words in said for words in stopped), said
    assert before - number(server, "DBSIZE") <= 100, "at most the batch that was in flight"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("SET", "optimus:lock:acme", '{"user":"ann","host":"b"}'), "has no TTL"),
        (("RPUSH", "optimus:lock:acme", "x"), "another type of value"),
    ],
)
async def test_a_lock_that_never_ends_is_named_with_its_remedy_and_left_alone(
    server: RealServer, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    put(server, "cache:conv:acme:1")
    async with armed(server.port, tmp_path, tuning=CALM) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        server.command(*words)
        answer = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(answer, Refusal) and answer.code == "locked" and said in answer.message
        command = f"redis-cli -h 127.0.0.1 -p {server.port} UNLINK optimus:lock:acme"
        assert command in (answer.remedy or "") and number(server, "EXISTS", "optimus:lock:acme") == 1
        assert await refused(action_service, plan) == "locked"


async def test_leaving_stops_an_action_that_runs_and_waits_for_it_a_few_seconds_at_most(
    server: RealServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    from optimus_tui.actions import service

    monkeypatch.setattr(service.ActionThreads.stop, "__defaults__", (0.5,))
    put(server, *(f"cache:conv:acme:{index}" for index in range(KEYS)))
    held, go = threading.Event(), threading.Event()

    def hang() -> None:
        held.set()
        go.wait(PATIENCE)

    async with armed(server.port, tmp_path, tuning=CALM) as action_service:
        plan = await planned(action_service, "unlink_no_ttl")
        task = asyncio.ensure_future(
            action_service.apply(plan, confirmation(plan), threading.Event(), once_at(300, hang))
        )
        await asyncio.to_thread(held.wait, 10)
        action_service.close()
        assert not go.is_set() and not task.done(), "it did not wait for what hangs"
        go.set()
        receipt = await task
    assert isinstance(receipt, Receipt) and receipt.cancelled and receipt.counts["done"] == 300
