"""Actions while servers die and slots move: 20 times each, and whether every outcome is true afterwards.

``python -m tests.bench.bench_cluster_actions [TIMES] [KEYS]`` (20, 3000): a primary of a cluster is killed, slots are
moved, and a primary that sentinels watch is killed, each in the middle of so many unlinks.
"""

import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import redis
from redis.crc import key_slot

from optimus_tui.contract.actions import Plan, Receipt
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.history.audit.log import unquoted
from optimus_tui.settings.model import RedisTarget
from tests.live.actions.driver import CALM, armed, confirmation, ignore, planned
from tests.realcluster import RealCluster, RealSentinels, cluster_binary, raw, say, until

NEIGHBOURS = [b"cache:conv:acme2:%d" % index for index in range(20)] + [b"rate_limit:acme:chat"]
IS_GONE = {"done": True, "already gone": True, "left": False, "not executed": False}
"""What an outcome says of its key; the others say nothing."""


class Aftermath(NamedTuple):
    """What one action left: untrue outcomes, keys lost without a record, and keys of others that were lost."""

    untrue: int
    unaudited: int
    foreign: int
    receipt: Receipt


def judged(folder: Path, plan: Plan, receipt: Receipt, left: set[bytes]) -> Aftermath:
    """Compare what an action says of its keys with the keys that are there."""
    assert verify(folder / "audit.jsonl").problem is None
    names = {fact.key for fact in plan.keys}
    told = zip(plan.keys, receipt.outcomes, strict=True)
    untrue = sum(outcome in IS_GONE and (fact.key not in left) != IS_GONE[outcome] for fact, outcome in told)
    records = [one for one in read(folder / "audit.jsonl") if one["event"] == "intent"]
    intended = {unquoted(key) for one in records for key in one["keys"]}
    return Aftermath(untrue, len(names - left - intended), len({*NEIGHBOURS} - left), receipt)


async def unlink_while(
    target: RedisTarget, folder: Path, keys: int, meanwhile: Callable[[threading.Event], None], victims: set[bytes]
) -> tuple[Plan, Receipt]:
    """Unlink all keys of a tenant; once the first of ``victims`` is sent, let something else happen in a thread."""
    began, ended = threading.Event(), threading.Event()

    def hear(words: tuple[Any, ...]) -> None:
        if words[0] == "UNLINK" and words[1] in victims:
            began.set()

    def disturb() -> None:
        if began.wait(60):
            meanwhile(ended)

    thread = threading.Thread(target=disturb)
    async with armed(target.port, folder, redis=target, tuning=CALM, verify_seconds=20) as service:
        plan = await planned(service, "invalidate_tenant")
        assert plan.count == keys
        service.guard.listener = hear
        thread.start()
        receipt = await service.apply(plan, confirmation(plan), threading.Event(), ignore)
        ended.set()
        await asyncio.to_thread(thread.join)
    assert isinstance(receipt, Receipt), receipt
    return plan, receipt


def fill(port: int, names: Sequence[bytes]) -> None:
    """Set all names, in one go."""
    with closing(redis.Redis(port=port, protocol=2, driver_info=None)) as client:
        pipe = client.pipeline(transaction=False)
        for name in names:
            pipe.set(name, b"1", ex=3600)
        pipe.execute()


def copied(primary: int, replica: int) -> None:
    """Wait until a replica has all keys: what it lacks when its primary dies is lost, whatever an action does."""
    until(lambda: say(replica, "DBSIZE") == say(primary, "DBSIZE"), 30)


def seeded(topology: Any, seeds: Sequence[tuple[str, int]]) -> RedisTarget:
    """Return the target of a cluster or of sentinels."""
    (host, port), *others = seeds
    service = "mymaster" if topology == "sentinel" else ""
    return RedisTarget(topology=topology, host=host, port=port, others=tuple(others), service=service)


class OnCluster:
    """One cluster, filled anew for each turn."""

    def __init__(self, cluster: RealCluster, keys: int) -> None:
        self.cluster, self.keys = cluster, keys
        self.names = [b"cache:conv:acme:%d" % index for index in range(keys)]
        self.target = seeded("cluster", cluster.seeds)

    def fill(self) -> None:
        for index, port in enumerate(self.cluster.ports[:3]):
            say(port, "FLUSHALL")
            fill(port, [name for name in (*self.names, *NEIGHBOURS) if self.cluster.owner(name) == index])
            copied(port, self.cluster.ports[index + 3])

    def of(self, index: int) -> set[bytes]:
        return {name for name in self.names if self.cluster.owner(name) == index}

    def there(self, *indices: int) -> set[bytes]:
        return {name for index in indices for name in say(self.cluster.ports[index], "KEYS", "*")}

    async def kill(self, folder: Path, dice: random.Random) -> Aftermath:
        """Kill a primary at a random time of its part, and judge by the keys after the promotion."""
        self.fill()
        cluster, lost, after = self.cluster, dice.randrange(3), dice.uniform(0, 0.25 * self.keys / 3000)

        def kill(_ended: threading.Event) -> None:
            time.sleep(after)
            cluster.nodes[lost].kill()

        plan, receipt = await unlink_while(self.target, folder, self.keys, kill, self.of(lost))
        until(lambda: cluster.is_led_by(lost + 3, without=lost), 30)
        found = judged(folder, plan, receipt, self.there(*(at + 3 * (at == lost) for at in range(3))))
        cluster.nodes[lost].start()
        until(lambda: b"master_link_status:up" in raw(cluster.ports[lost], "INFO replication"), 30)
        cluster.take_over(lost)
        until(lambda: b"master_link_status:up" in raw(cluster.ports[lost + 3], "INFO replication"), 30)
        return found

    async def move(self, folder: Path, dice: random.Random) -> Aftermath:
        """Move slots of a primary, one after the other, as long as its part is worked on."""
        self.fill()
        source = dice.choice((1, 2))
        slots = list({key_slot(name) for name in self.of(source)})
        dice.shuffle(slots)
        moved: list[int] = []

        def move(ended: threading.Event) -> None:
            while slots and not ended.is_set():
                moved.append(slots.pop())
                self.cluster.move_slot(moved[-1], source, 0)

        plan, receipt = await unlink_while(self.target, folder, self.keys, move, self.of(source))
        found = judged(folder, plan, receipt, self.there(0, 1, 2))
        for slot in moved:
            self.cluster.move_slot(slot, 0, source)
        return found


@contextmanager
def sentinels() -> Iterator[RealSentinels]:
    """Start sentinels over a primary and its replica."""
    running = RealSentinels(cluster_binary()).start()
    try:
        yield running
    finally:
        running.stop()


async def fail_over(folder: Path, keys: int, dice: random.Random) -> Aftermath:
    """Kill a primary that sentinels watch at a random time, and judge by the keys of the one that they name then."""
    names = [b"cache:conv:acme:%d" % index for index in range(keys)]
    with sentinels() as rig:
        old, new = rig.servers
        fill(old, [*names, *NEIGHBOURS])
        copied(old, new)
        after = dice.uniform(0, 0.25 * keys / 3000)

        def kill(_ended: threading.Event) -> None:
            time.sleep(after)
            rig.nodes[0].kill()

        plan, receipt = await unlink_while(seeded("sentinel", rig.seeds), folder, keys, kill, set(names))
        until(lambda: b"role:master" in raw(new, "INFO replication"), 30)
        return judged(folder, plan, receipt, set(say(new, "KEYS", "*")))


async def measured(times: int, keys: int) -> dict[str, dict[str, int]]:
    """Try each so many times; return what was found, by what was done meanwhile."""
    os.environ.setdefault("XDG_STATE_HOME", tempfile.mkdtemp())
    dice, cluster = random.Random(1), RealCluster(cluster_binary()).start()
    rig = OnCluster(cluster, keys)
    ways: dict[str, Callable[[Path], Any]] = {
        "a primary killed": lambda folder: rig.kill(folder, dice),
        "slots moved": lambda folder: rig.move(folder, dice),
        "a primary behind sentinels killed": lambda folder: fail_over(folder, keys, dice),
    }
    told = {}
    try:
        for about, way in ways.items():
            found: list[Aftermath] = []
            for turn in range(times):
                with tempfile.TemporaryDirectory() as folder:
                    found.append(await way(Path(folder) / "state"))
                print(f"  {turn + 1}: {found[-1].receipt.counts}, {found[-1].receipt.acting_seconds:.2f} s", flush=True)
            told[about] = {
                "unaudited": sum(one.unaudited for one in found),
                "foreign": sum(one.foreign for one in found),
                "untrue": sum(one.untrue for one in found),
                "verified": sum(one.receipt.verified for one in found),
            }
            print(f"{times} x {about} in {keys:,} unlinks: {told[about]}", flush=True)
    finally:
        cluster.stop()
    return told


if __name__ == "__main__":
    asyncio.run(measured(*(int(word) for word in (sys.argv[1:] + ["20", "3000"][len(sys.argv) - 1 :])[:2])))
