"""Helpers for tests that read a real server through the observer's client."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from optimus_tui.probes.keyspace import KeyPage, SweepOutcome
from optimus_tui.probes.load_meter import LoadMeter
from optimus_tui.probes.redis.observer import ObserverRedis, observer_client
from optimus_tui.probes.sweep import sweep
from optimus_tui.settings.model import RedisTarget, ScanBudget, Secret
from tests.realserver import RealServer

PASSWORD = "CHANGE-ME"
OBSERVER_ACL = (
    "reset on >CHANGE-ME resetkeys resetchannels -@all %R~rate_limit:* %R~cache:* %R~cache_coherence*"
    " &cache_coherence:* +hello +auth +ping +client|setname +client|id +client|no-evict +info +dbsize +time +scan +type"
    " +exists +ttl +pttl +get +mget +strlen +lrange +llen +object|encoding +object|idletime +memory|usage +eval_ro"
    " +subscribe +psubscribe +unsubscribe +punsubscribe +pubsub|channels +pubsub|numsub +pubsub|numpat +slowlog|len"
    " +slowlog|get +latency|latest +acl|whoami +acl|dryrun"
)


def target_of(port: int, user: str | None = None, password: str | None = None, db: int = 0) -> RedisTarget:
    return RedisTarget(
        host="127.0.0.1", port=port, username=user, password=Secret(password) if password else None, db=db
    )


@asynccontextmanager
async def observing(target: RedisTarget) -> AsyncIterator[ObserverRedis]:
    """A client with its own load, closed at the end."""
    redis = observer_client(target, LoadMeter())
    try:
        yield redis
    finally:
        await redis.aclose()


def add_user(server: RealServer, name: str, changes: str = "") -> RedisTarget:
    """A user with the recommended observer rights and ``changes`` to them; the target that logs in as it."""
    reply = server.command("ACL", "SETUSER", name, *OBSERVER_ACL.split(), *changes.split())
    assert reply == b"+OK\r\n", reply
    return target_of(server.port, name, PASSWORD)


def fill(server: RealServer, count: int, name: str = "cache:conv:t{}:{}", ttl: int | None = 600) -> None:
    """``count`` string keys; ``name`` takes a tenant number and a number."""
    import socket

    lines = b""
    for index in range(count):
        words = [b"SET", name.format(index % 7, index).encode(), b"v" * 20, *([b"EX", b"%d" % ttl] if ttl else [])]
        lines += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)
    with socket.create_connection(("127.0.0.1", server.port), 10) as link:
        link.sendall(lines)
        answered = b""
        while answered.count(b"+OK\r\n") < count:
            answered += link.recv(1 << 16)


async def run_sweep(
    redis: ObserverRedis, budget: ScanBudget | None = None, **options: object
) -> tuple[list[KeyPage], SweepOutcome]:
    """A whole sweep: its pages and its outcome."""
    pages: list[KeyPage] = []
    async for item in sweep(redis, budget or ScanBudget(), redis.own, **{"ttls": True, **options}):  # type: ignore[arg-type]
        if isinstance(item, SweepOutcome):
            return pages, item
        pages.append(item)
    raise AssertionError("a sweep ends with its outcome")


def server_counts(server: RealServer) -> tuple[int, int]:
    """The server's keyspace hits and misses."""
    text = server.command("INFO", "stats").decode()
    fields = dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)
    return int(fields["keyspace_hits"]), int(fields["keyspace_misses"])
