"""Actions on a cluster whose primary dies: 20 times kill -9 somewhere in 3,000 unlinks, and what is true afterwards.

``python -m tests.bench.bench_cluster_actions [KILLS] [KEYS]`` (20, 3000)
"""

import asyncio
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from optimus_tui.contract.actions import Receipt
from optimus_tui.history.audit.chain import read, verify
from optimus_tui.history.audit.log import unquoted
from optimus_tui.settings.model import RedisTarget
from tests.live.actions.driver import CALM, armed, confirmation, ignore, planned
from tests.realcluster import RealCluster, cluster_binary, raw, say, until

NEIGHBOURS = [b"cache:conv:acme2:%d" % index for index in range(20)] + [b"rate_limit:acme:chat"]


class AfterKill(NamedTuple):
    """What one kill left: ``untrue`` outcomes, keys that were lost without a record, keys of others that were lost."""

    untrue: int
    unaudited: int
    foreign: int
    counts: dict[str, int]
    seconds: float
    verified: bool


async def kill_once(cluster: RealCluster, folder: Path, keys: int, dice: random.Random) -> AfterKill:
    """Unlink so many keys, kill a primary at a random time meanwhile, and judge by the keys after the promotion."""
    for port in cluster.ports[:3]:
        say(port, "FLUSHALL")
    names = [b"cache:conv:acme:%d" % index for index in range(keys)]
    fill(cluster, names)
    cluster.put(*NEIGHBOURS)
    lost = dice.randrange(3)
    began = threading.Event()

    def hear(words: tuple[Any, ...]) -> None:
        if words[0] == "UNLINK" and words[1] in NAMES_OF[lost]:
            began.set()

    NAMES_OF[lost] = {name for name in names if cluster.owner(name) == lost}
    after = dice.uniform(0, 0.25 * keys / 3000)

    def kill() -> None:
        began.wait(60)
        time.sleep(after)
        cluster.nodes[lost].kill()

    killer = threading.Thread(target=kill)
    (host, port), *others = cluster.seeds
    target = RedisTarget(topology="cluster", host=host, port=port, others=tuple(others))
    async with armed(port, folder, redis=target, tuning=CALM, verify_seconds=20) as service:
        plan = await planned(service, "invalidate_tenant")
        service.guard.listener = hear
        killer.start()
        receipt = await service.apply(plan, confirmation(plan), threading.Event(), ignore)
        await asyncio.to_thread(killer.join)
    assert isinstance(receipt, Receipt), receipt
    assert verify(folder / "audit.jsonl").problem is None
    until(lambda: cluster.is_led_by(lost + 3, without=lost), 30)
    left = {name for at in range(3) for name in say(cluster.ports[at + 3 * (at == lost)], "KEYS", "*")}
    wrong = {"done": True, "already gone": True, "left": False, "not executed": False}
    untrue = sum(
        outcome in wrong and (fact.key in left) == wrong[outcome]
        for fact, outcome in zip(plan.keys, receipt.outcomes, strict=True)
    )
    intended = {
        unquoted(key) for one in read(folder / "audit.jsonl") if one["event"] == "intent" for key in one["keys"]
    }
    cluster.nodes[lost].start()
    until(lambda: b"master_link_status:up" in raw(cluster.ports[lost], "INFO replication"), 30)
    cluster.take_over(lost)
    until(lambda: b"master_link_status:up" in raw(cluster.ports[lost + 3], "INFO replication"), 30)
    unaudited = len({*names} - left - intended)
    foreign = len({*NEIGHBOURS} - left)
    return AfterKill(untrue, unaudited, foreign, receipt.counts, receipt.acting_seconds, receipt.verified)


NAMES_OF: dict[int, set[bytes]] = {}


def fill(cluster: RealCluster, names: list[bytes]) -> None:
    """Set all names, in one go for each node."""
    import redis

    for index in range(3):
        with redis.Redis(port=cluster.ports[index], protocol=2, driver_info=None) as client:
            pipe = client.pipeline(transaction=False)
            for name in names:
                if cluster.owner(name) == index:
                    pipe.set(name, b"1", ex=3600)
            pipe.execute()


async def main(kills: int, keys: int) -> None:
    """Run so many kills, and print what was found."""
    os.environ.setdefault("XDG_STATE_HOME", tempfile.mkdtemp())
    cluster, dice = RealCluster(cluster_binary()).start(), random.Random(1)
    untrue = unaudited = foreign = verified = 0
    try:
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(kills):
                after = await kill_once(cluster, Path(folder) / f"kill{turn}", keys, dice)
                untrue, unaudited = untrue + after.untrue, unaudited + after.unaudited
                foreign, verified = foreign + after.foreign, verified + after.verified
                print(turn, dict(Counter(after.counts)), f"{after.seconds:.2f} s", flush=True)
    finally:
        cluster.stop()
    print(
        f"{kills} x kill of a primary in {keys:,} unlinks: {unaudited} unaudited, {foreign} foreign, "
        f"{untrue} outcomes untrue, {verified} verified"
    )


if __name__ == "__main__":
    asyncio.run(main(*(int(word) for word in (sys.argv[1:] + ["20", "3000"][len(sys.argv) - 1 :])[:2])))
