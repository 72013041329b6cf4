"""Actions on a real cluster: each key on its owner, while slots move and a primary dies, with an honest outcome."""

import contextlib
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from redis.crc import key_slot

from optimus_tui.actions.service import ActionService
from optimus_tui.contract.actions import ActionRequest, Confirmation, Interrupted, Plan, Progress, Receipt, Refusal
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.history.audit.log import unquoted
from optimus_tui.probes.redis.commands import name_of_command
from optimus_tui.settings.model import RedisTarget, Secret
from tests.live.actions.driver import (
    CALM,
    LOGIN_PAGE,
    armed,
    at_desk,
    carried_out,
    confirmation,
    ignore,
    local,
    operator_rights,
    planned,
    refused,
)
from tests.realcluster import RealCluster, cluster_binary, raw, say, until

FOREIGN = [b"cache:conv:other:%d" % index for index in range(9)]


@pytest.fixture(scope="module")
def _cluster() -> Iterator[RealCluster]:
    running = RealCluster(cluster_binary()).start()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture
def cluster(_cluster: RealCluster) -> RealCluster:
    """The cluster of this file, emptied but for keys of another tenant."""
    for port in _cluster.ports[:3]:
        say(port, "FLUSHALL")
    _cluster.put(*FOREIGN)
    return _cluster


def target(cluster: RealCluster) -> RedisTarget:
    (host, port), *others = cluster.seeds
    return RedisTarget(topology="cluster", host=host, port=port, others=tuple(others))


@contextlib.asynccontextmanager
async def armed_on(cluster: RealCluster, folder: Path, **more: Any) -> AsyncIterator[ActionService]:
    fields = {"redis": target(cluster), "tuning": CALM, **more}
    async with armed(cluster.ports[0], folder, **fields) as action_service:
        yield action_service


def answers(count: int, tenant: str = "acme") -> list[bytes]:
    return [f"cache:conv:{tenant}:{index}".encode() for index in range(count)]


def there(cluster: RealCluster, *, primaries: tuple[int, ...] = (0, 1, 2)) -> set[bytes]:
    """All names that the primaries hold."""
    return {name for index in primaries for name in say(cluster.ports[index], "KEYS", "*")}


def records(folder: Path, event: str) -> list[dict[str, Any]]:
    assert verify(folder / "audit.jsonl").problem is None
    return [record for record in read(folder / "audit.jsonl") if record["event"] == event]


def at_first_batch(done: Callable[[], object]) -> Callable[[Progress], None]:
    """Return what does something once, after the first batch was written."""
    left = [done]

    def report(progress: Progress) -> None:
        if progress.stage == "acting" and left:
            left.pop()()

    return report


def outcomes_of(plan: Plan, receipt: Receipt) -> dict[bytes, str]:
    return {fact.key: outcome for fact, outcome in zip(plan.keys, receipt.outcomes, strict=True)}


@contextlib.contextmanager
def subscribed(port: int, channel: str) -> Iterator[Callable[[str], bytes]]:
    """Hear a channel at one node; what came until a message with a text in it, and the answer to a PING after that."""
    with socket.create_connection(("127.0.0.1", port), 15) as link:
        link.sendall(b"SUBSCRIBE %s\r\n" % channel.encode())
        link.recv(4096)

        def heard(text: str) -> bytes:
            found = b""
            for awaited in (text.encode(), b"at-the-end"):
                while awaited not in found:
                    found += link.recv(1 << 16)
                if awaited != b"at-the-end":
                    link.sendall(b"PING at-the-end\r\n")
            return found

        yield heard


async def test_each_key_is_written_on_its_owner_and_the_audit_names_the_node(
    cluster: RealCluster, tmp_path: Path
) -> None:
    names = answers(60)
    cluster.put(*names)
    plain = local(cluster.ports[1])
    async with armed_on(cluster, tmp_path, redis=plain) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        shown = dict(action_service.preview(plan).nodes)
        with contextlib.ExitStack() as stack:
            heard = [stack.enter_context(subscribed(port, "cache_coherence:acme")) for port in cluster.ports[:3]]
            receipt = await carried_out(action_service, plan)
            said = [hear(plan.id) for hear in heard]
    assert [one.count(b"bulk_invalidation") for one in said] == [1, 1, 1]
    assert receipt.counts == {"done": 60} and receipt.verified and not receipt.stopped
    assert receipt.published == "sent" and (receipt.there_again, receipt.new_since) == (0, 0)
    assert there(cluster) == {*FOREIGN}
    written = dict.fromkeys(shown, 0)
    for record in records(tmp_path, "intent"):
        for name in map(unquoted, record["keys"]):
            assert record["node"] == f"127.0.0.1:{cluster.ports[cluster.owner(name)]}"
            written[record["node"]] += 1
    assert written == shown and sum(shown.values()) == 60
    assert len(records(tmp_path, "published")) == 1


@pytest.mark.parametrize(
    ("kind", "more", "stays"),
    [
        ("unlink_no_ttl", {}, False),
        ("expire_no_ttl", {"window_seconds": 60}, True),
        ("unlink_prefix", {"prefix": b"1"}, False),
    ],
)
async def test_keys_of_many_slots_are_changed_by_every_kind_of_action(
    cluster: RealCluster, tmp_path: Path, kind: str, more: dict[str, Any], stays: bool
) -> None:
    names = [name for name in answers(30) if name.rpartition(b":")[2].startswith(b"1")]
    cluster.put(*names, ttl=None)
    cluster.put(b"cache:conv:acme:x", ttl=600)
    async with armed_on(cluster, tmp_path) as action_service:
        receipt = await carried_out(action_service, await planned(action_service, kind, **more))
    assert receipt.counts == {"done": len(names)} and receipt.verified and not receipt.stopped
    assert there(cluster) == {*FOREIGN, b"cache:conv:acme:x", *(names if stays else [])}
    if stays:
        assert all(0 < say(cluster.ports[cluster.owner(name)], "TTL", name) <= 60 for name in names)


async def test_counters_are_reset_and_repaired_wherever_they_are(cluster: RealCluster, tmp_path: Path) -> None:
    counters = [b"rate_limit:acme:%s" % name for name in (b"chat", b"list", b"tokens", b"image", b"a", b"b")]
    cluster.put(*counters, ttl=None)
    async with armed_on(cluster, tmp_path) as action_service:
        repaired = await carried_out(action_service, await planned(action_service, "repair_counter", window_seconds=90))
        assert all(0 < say(cluster.ports[cluster.owner(name)], "TTL", name) <= 90 for name in counters)
        reset = await carried_out(action_service, await planned(action_service, "reset_counters"))
    assert repaired.counts == reset.counts == {"done": len(counters)}
    assert there(cluster) == {*FOREIGN}


async def test_the_documented_login_is_enough_on_every_node_and_needed_on_each(
    cluster: RealCluster, tmp_path: Path
) -> None:
    names, sent = answers(20), set[str]()
    more = re.search(r"^ACL SETUSER optimus_operator (\+wait.+)$", LOGIN_PAGE.read_text("utf-8"), re.MULTILINE)
    assert more
    granted = more[1].split()
    for port in cluster.ports[:3]:
        say(port, "ACL", "SETUSER", "optimus_operator", *operator_rights(), *granted)
    login = replace(target(cluster), username="optimus_operator", password=Secret("CHANGE-ME"))
    try:
        async with at_desk(cluster.ports[0], tmp_path, redis=target(cluster), operator_redis=login) as action_service:
            action_service.guard.listener = lambda words: sent.add(name_of_command(words).lower())
            assert not isinstance(await action_service.arm("test"), Refusal)
            for kind in ("unlink_no_ttl", "invalidate_tenant"):
                cluster.put(*names, ttl=None)
                receipt = await carried_out(action_service, await planned(action_service, kind))
                assert receipt.counts == {"done": 20} and receipt.verified and not receipt.stopped
            assert {f"+{name}" for name in sent} >= {*granted} - {"+asking"}
            cluster.put(*names)
            plan = await planned(action_service, "invalidate_tenant")
            say(cluster.ports[2], "ACL", "SETUSER", "optimus_operator", "-wait")
            assert await refused(action_service, plan) == "no right"
            say(cluster.ports[2], "ACL", "DELUSER", "optimus_operator")
            assert isinstance(await action_service.arm("test"), Refusal)
    finally:
        for port in cluster.ports[:3]:
            say(port, "ACL", "DELUSER", "optimus_operator")
    assert {*names} <= there(cluster)


async def test_a_key_whose_slot_moves_is_not_executed_and_planned_anew(cluster: RealCluster, tmp_path: Path) -> None:
    names = answers(330)
    cluster.put(*names)
    last = max(names, key=key_slot)  # The last node of the plan has it, so its batch comes late.
    slot, source = key_slot(last), cluster.owner(last)
    of_slot = {name for name in names if key_slot(name) == slot}
    try:
        async with armed_on(cluster, tmp_path) as action_service:
            plan = await planned(action_service, "invalidate_tenant")
            receipt = await action_service.apply(
                plan, confirmation(plan), threading.Event(), at_first_batch(lambda: cluster.move_slot(slot, source, 0))
            )
            assert isinstance(receipt, Receipt)
            moved = {name for name, outcome in outcomes_of(plan, receipt).items() if outcome == "not executed"}
            assert moved == of_slot == there(cluster) - {*FOREIGN}
            assert receipt.counts == {"done": 330 - len(of_slot), "not executed": len(of_slot)}
            assert receipt.published is None and "not executed" in (receipt.stopped or "")
            again = await planned(action_service, "invalidate_tenant")
            assert {fact.key for fact in again.keys} == of_slot
            second = await carried_out(action_service, again)
    finally:
        cluster.move_slot(slot, 0, source)
    assert second.counts == {"done": len(of_slot)} and second.published == "sent"
    assert there(cluster) == {*FOREIGN} and len(records(tmp_path, "published")) == 1


@pytest.mark.parametrize("kind", ["unlink_prefix", "unlink_no_ttl"])
async def test_a_key_that_is_on_its_way_is_not_executed(cluster: RealCluster, tmp_path: Path, kind: str) -> None:
    names = answers(220)
    cluster.put(*names, ttl=None)
    last = max(names, key=key_slot)
    slot, source = key_slot(last), cluster.owner(last)

    def begin_to_move() -> None:
        cluster.migrating(slot, source, 0)
        cluster.move_key(last, source, 0)

    try:
        async with armed_on(cluster, tmp_path, verify_seconds=0.1) as action_service:
            more = {"prefix": b""} if kind == "unlink_no_ttl" else {"only": frozenset(names)}
            plan = await planned(action_service, kind, **more)
            receipt = await action_service.apply(
                plan, confirmation(plan), threading.Event(), at_first_batch(begin_to_move)
            )
            assert isinstance(receipt, Receipt)
            told = outcomes_of(plan, receipt)
            assert told.pop(last) == "not executed" and set(told.values()) == {"done"}
            assert receipt.verified and receipt.there_again == 0
            answer = await action_service.plan(ActionRequest(kind="invalidate_tenant", tenant=b"acme"))
            assert isinstance(answer, Refusal) and answer.code == "incomplete"
    finally:
        cluster.settle(slot, 0, source, 3 - source)
        assert say(cluster.ports[0], "EXISTS", last) == 1
        cluster.move_slot(slot, 0, source)


async def test_an_interrupted_action_goes_on_on_each_node(cluster: RealCluster, tmp_path: Path) -> None:
    names = answers(300)
    cluster.put(*names)

    def fail() -> None:
        raise RuntimeError("as if the process had ended")

    # Plans are made of what the primaries have, even where the panes read replicas.
    reading = replace(target(cluster), read_from="replica")
    async with armed_on(cluster, tmp_path, redis=reading) as action_service:
        plan = await planned(action_service, "unlink_prefix", prefix=b"", only=frozenset(names))
        with pytest.raises(RuntimeError):
            await action_service.apply(plan, confirmation(plan), threading.Event(), at_first_batch(fail))
        (left,) = action_service.interrupted()
        assert isinstance(left, Interrupted) and left.why_not is None and 0 < left.tried < 300
        seen = await action_service.look(left, ignore)
        assert not isinstance(seen, Refusal) and seen.there_again == 0
        receipt = await action_service.resume(left, Confirmation(left.confirm, "go on"), threading.Event(), ignore)
        assert isinstance(receipt, Receipt) and receipt.verified and receipt.counts == {"done": 300}
        assert action_service.interrupted() == []
    assert there(cluster) == {*FOREIGN}


async def test_a_transaction_that_a_move_aborts_is_not_executed(cluster: RealCluster, tmp_path: Path) -> None:
    names = answers(12)
    cluster.put(*names, ttl=None)
    watched: list[bytes] = []
    moved: list[tuple[int, int]] = []

    def move_before_the_transaction(words: tuple[Any, ...]) -> None:
        if words[0] == "WATCH":
            watched.append(words[1])
        elif words[0] == "MULTI" and len(watched) == 5 and not moved:
            moved.append((key_slot(watched[-1]), cluster.owner(watched[-1])))
            cluster.move_slot(*moved[0], (moved[0][1] + 1) % 3)

    try:
        async with armed_on(cluster, tmp_path) as action_service:
            plan = await planned(action_service, "unlink_no_ttl")
            action_service.guard.listener = move_before_the_transaction
            receipt = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(receipt, Receipt)
        told = outcomes_of(plan, receipt)
        assert told.pop(watched[4]) == "not executed" and set(told.values()) == {"done"}
        assert there(cluster) == {*FOREIGN, watched[4]}
    finally:
        for slot, source in moved:
            cluster.move_slot(slot, (source + 1) % 3, source)


async def test_a_node_that_is_down_executes_nothing_and_the_others_go_on(cluster: RealCluster, tmp_path: Path) -> None:
    names = answers(60)
    cluster.put(*names)
    down, slot = cluster.ports[1], key_slot(b"no key")
    assert cluster.owner(b"no key") == 1
    mine = {name for name in names if cluster.owner(name) == 1}

    def take_down(words: tuple[Any, ...]) -> None:
        """Leave a slot without an owner: the node then says CLUSTERDOWN to all that is asked of it."""
        if words[0] == "UNLINK" and words[1] in mine and b"cluster_state:ok" in raw(down, "CLUSTER INFO"):
            say(down, "CLUSTER", "DELSLOTS", slot)
            until(lambda: b"cluster_state:fail" in raw(down, "CLUSTER INFO"))

    try:
        async with armed_on(cluster, tmp_path, verify_seconds=0.1) as action_service:
            plan = await planned(action_service, "invalidate_tenant")
            action_service.guard.listener = take_down
            receipt = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(receipt, Receipt)
        told = outcomes_of(plan, receipt)
        assert {told[name] for name in mine} == {"not executed"}
        assert {told[name] for name in {*names} - mine} == {"done"}
        left = there(cluster) - {b"optimus:lock:acme"}  # It is on that node, and ends in 30 s.
        assert left == {*FOREIGN, *mine} and receipt.published is None
        assert "the server refused" in (receipt.stopped or "") and not receipt.verified
    finally:
        say(down, "CLUSTER", "ADDSLOTS", slot)
        until(lambda: b"cluster_state:ok" in raw(down, "CLUSTER INFO"))


async def test_a_plan_is_void_once_a_slot_or_a_primary_is_another(cluster: RealCluster, tmp_path: Path) -> None:
    (name,) = answers(1)
    cluster.put(name)
    slot, source = key_slot(name), cluster.owner(name)
    there_now = (source + 1) % 3
    async with armed_on(cluster, tmp_path) as action_service:
        plan = await planned(action_service, "invalidate_tenant")
        cluster.move_slot(slot, source, there_now)
        try:
            assert await refused(action_service, plan) == "elsewhere"
            cluster.take_over(source + 3)
            other = await planned(action_service, "invalidate_tenant")
            assert await refused(action_service, other) == "elsewhere", "another primary than was armed"
            assert await refused(action_service, plan) == "elsewhere"
        finally:
            cluster.take_over(source)
            until(lambda: b"master_link_status:up" in raw(cluster.ports[source + 3], "INFO replication"))
            cluster.move_slot(slot, there_now, source)
        assert name in there(cluster)


async def test_a_primary_that_dies_leaves_true_outcomes(cluster: RealCluster, tmp_path: Path) -> None:
    names = answers(600)
    cluster.put(*names)
    lost = 1
    mine = {name for name in names if cluster.owner(name) == lost}
    sent: list[bytes] = []

    def kill_before_its_second_batch(words: tuple[Any, ...]) -> None:
        if words[0] == "UNLINK" and words[1] in mine:
            sent.append(words[1])
            if len(sent) > 100:
                cluster.nodes[lost].kill()

    try:
        async with armed_on(cluster, tmp_path, verify_seconds=20) as action_service:
            plan = await planned(action_service, "invalidate_tenant")
            action_service.guard.listener = kill_before_its_second_batch
            receipt = await action_service.apply(plan, confirmation(plan), threading.Event(), ignore)
        assert isinstance(receipt, Receipt)
        until(lambda: cluster.is_led_by(lost + 3, without=lost))
        left = there(cluster, primaries=(0, lost + 3, 2))
        told = outcomes_of(plan, receipt)
        assert {told[name] for name in sent[:100]} == {"done"} and {told[name] for name in sent[100:]} == {"unknown"}
        assert all(name not in left for name in names if told[name] == "done")
        assert all(name in left for name in names if told[name] in ("left", "not executed"))
        assert {*FOREIGN} <= left and receipt.published is None and receipt.stopped
        intended = {unquoted(key) for record in records(tmp_path, "intent") for key in record["keys"]}
        assert {*names} - left <= intended
        assert "unknown" not in {told[name] for name in {*names} - mine}, "what another node answered is known"
    finally:
        cluster.nodes[lost].start()
        until(lambda: b"master_link_status:up" in raw(cluster.ports[lost], "INFO replication"))
        cluster.take_over(lost)
        until(lambda: b"master_link_status:up" in raw(cluster.ports[lost + 3], "INFO replication"))
