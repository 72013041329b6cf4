"""Actions on a primary that real sentinels watch: only their word proves it, before every batch."""

import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from redis.exceptions import ResponseError

from optimus_tui.actions.service import ActionService
from optimus_tui.contract.actions import Receipt, Refusal
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.settings.model import RedisTarget
from tests.live.actions.driver import CALM, armed, carried_out, confirmation, ignore, planned, refused
from tests.realcluster import RealSentinels, cluster_binary, raw, say, until

QUICK = ("info-period", "500", "publish-period", "300", "ping-period", "100", "ask-period", "100")
NAMES = [b"cache:conv:acme:%d" % index for index in range(300)]


@pytest.fixture(scope="module")
def _sentinels() -> Iterator[RealSentinels]:
    running = RealSentinels(cluster_binary()).start()
    try:
        for port in running.ports:  # They notice in a second what takes them ten otherwise, where they can be told to.
            with contextlib.suppress(ResponseError):
                say(port, "SENTINEL", "DEBUG", *QUICK)
        yield running
    finally:
        running.stop()


@pytest.fixture
def sentinels(_sentinels: RealSentinels) -> RealSentinels:
    """The sentinels of this file, over a primary with keys of one tenant."""
    port = primary_of(_sentinels)
    until(lambda: b"connected_slaves:1" in raw(port, "INFO replication"), 30)
    say(port, "FLUSHALL")
    for name in NAMES:
        say(port, "SET", name, "1", "EX", "600")
    return _sentinels


def primary_of(sentinels: RealSentinels) -> int:
    """The primary that all sentinels name."""
    named: set[int] = set()

    def agree() -> bool:
        named.clear()
        named.update(int(say(port, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")[1]) for port in sentinels.ports)
        return len(named) == 1 and b"role:master" in raw(next(iter(named)), "INFO replication")

    until(agree, 30)
    return named.pop()


def target(sentinels: RealSentinels) -> RedisTarget:
    (host, port), *others = sentinels.seeds
    return RedisTarget(topology="sentinel", host=host, port=port, others=tuple(others), service="mymaster")


@contextlib.asynccontextmanager
async def armed_behind(sentinels: RealSentinels, folder: Path, **more: Any) -> AsyncIterator[ActionService]:
    fields = {"redis": target(sentinels), "tuning": CALM, **more}
    async with armed(sentinels.ports[0], folder, **fields) as action_service:
        yield action_service


def there(port: int) -> set[bytes]:
    return set(say(port, "KEYS", "cache:*"))


async def test_an_action_is_carried_out_on_the_primary_and_its_replica(
    sentinels: RealSentinels, tmp_path: Path
) -> None:
    primary = primary_of(sentinels)
    async with armed_behind(sentinels, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        assert plan.where.place == f"127.0.0.1:{primary}" and not plan.where.nodes
        receipt = await carried_out(action_service, plan)
    assert receipt.counts == {"done": len(NAMES)} and receipt.verified and not receipt.stopped
    assert receipt.published == 0
    assert there(sentinels.servers[0]) == there(sentinels.servers[1]) == set()


def primary_of_one(sentinels: RealSentinels) -> int:
    return int(say(sentinels.ports[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster")[1])


async def test_a_demoted_primary_that_still_takes_writes_gets_none(sentinels: RealSentinels, tmp_path: Path) -> None:
    old = primary_of(sentinels)
    (new,) = {*sentinels.servers} - {old}
    demoted: list[bytes] = []

    def demote(words: tuple[Any, ...]) -> None:
        """Before the second batch is written, let the sentinels take another primary; the old one goes on."""
        if words[0] == "UNLINK" and words[1] in NAMES:
            demoted.append(words[1])
            if len(demoted) == 101:
                say(sentinels.ports[0], "SENTINEL", "FAILOVER", "mymaster")
                until(lambda: b"role:master" in raw(new, "INFO replication"), 30)

    tuning = replace(CALM, replicas_seconds=0.5)  # The replica has left: it is waited for in vain.
    async with armed_behind(sentinels, tmp_path, tuning=tuning) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        action_service.guard.listener = demote
        receipt = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(receipt, Receipt)
        assert primary_of(sentinels) == new
        told = dict(zip((fact.key for fact in plan.keys), receipt.outcomes, strict=True))
        left = there(new)
        assert {told[name] for name in demoted[:100]} == {"done"} and not left & {*demoted[:100]}
        assert {told[name] for name in demoted[100:]} <= {"unknown", "left"}, "they are on the new primary still"
        assert all(name in left for name in NAMES if told[name] == "left")
        assert receipt.published is None and receipt.stopped
        assert await refused(action_service, await planned(action_service, "invalidate_tenant")) == "elsewhere"
        action_service.guard.listener = None
        assert not isinstance(await action_service.arm("test"), Refusal)
        until(lambda: b"connected_slaves:1" in raw(new, "INFO replication"), 30)
        # Its own lock was released on the old primary only: here it would go on for 30 s.
        again = await carried_out(action_service, await planned(action_service, "invalidate_tenant"))
    assert set(again.counts) == {"done"} and there(new) == set()
    assert say(new, "EXISTS", "optimus:lock:acme") == 0
    events = [record["event"] for record in read(tmp_path / "audit.jsonl")]
    assert events.count("published") == 1


async def test_a_plan_is_void_behind_sentinels_that_name_another_primary(
    sentinels: RealSentinels, tmp_path: Path
) -> None:
    async with armed_behind(sentinels, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        say(sentinels.ports[0], "SENTINEL", "FAILOVER", "mymaster")
        until(lambda: primary_of_one(sentinels) != int(plan.where.place.rpartition(":")[2]), 30)
        new = primary_of(sentinels)
        answer = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(answer, Refusal) and answer.code == "elsewhere"
    assert len(there(new)) == len(NAMES)


async def test_nothing_is_written_without_the_word_of_most_sentinels(sentinels: RealSentinels, tmp_path: Path) -> None:
    primary, silent = primary_of(sentinels), sentinels.nodes[3:]

    def silence(words: tuple[Any, ...]) -> None:
        if words[0] == "UNLINK" and words[1] in NAMES:
            for node in silent:
                node.kill()

    try:
        async with armed_behind(sentinels, tmp_path, verify_seconds=0.1) as action_service:
            plan = await planned(action_service, "invalidate_tenant")
            action_service.guard.listener = silence
            receipt = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
            assert isinstance(receipt, Receipt)
            assert receipt.counts == {"done": 100, "left": 200} and receipt.published is None
            assert "1 of 3 sentinels answer" in (receipt.stopped or "") and len(there(primary)) == 200
            answer = await action_service.arm("test")
            assert isinstance(answer, Refusal) and "1 of 3 sentinels answer" in answer.message
    finally:
        for node in silent:
            node.start()
    assert verify(tmp_path / "audit.jsonl").problem is None
